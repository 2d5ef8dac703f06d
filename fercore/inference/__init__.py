"""From a frame to three verdicts: the predictor, its engines, and where networks look."""
