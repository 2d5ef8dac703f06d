"""Facial expression recognition from colour and depth."""

DEFAULT_PIPELINE = "fusion-resnet50"
"""The pipeline that judges unless another is asked for."""
