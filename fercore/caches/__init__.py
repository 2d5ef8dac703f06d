"""Prepared caches: their one format, and how scans, pictures and synthetic people fill them."""
