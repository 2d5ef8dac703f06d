"""The same pipeline without a window: a table, a summary, a video."""
