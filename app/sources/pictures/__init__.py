"""Folders of pictures as a source: which files are frames, their camera, the unit of depth."""
