"""Pictures made of frames and verdicts: overlay, colours, heat, points in space."""
