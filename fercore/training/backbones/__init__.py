"""Training of a whole backbone on FER2013."""
