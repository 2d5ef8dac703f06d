"""Measurements of parts of the chain, run as `fercore bench`."""
