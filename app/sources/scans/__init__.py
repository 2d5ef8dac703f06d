"""Scans of a data set, played as a depth camera would deliver them."""
