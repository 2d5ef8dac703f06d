"""Networks: backbones, the pipelines made of them, what they take in, how they are kept."""
