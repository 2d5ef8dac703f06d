"""The report's figures: one module a kind, all drawn in the same style.

Each function returns a matplotlib figure; `style.to_svg` turns it into an SVG that
fits a paper, `style.themed` into one that follows the page's colours.
"""
