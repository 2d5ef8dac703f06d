"""Training of one pipeline: faces in, checkpoint out."""
