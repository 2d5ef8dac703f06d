"""From a picture to a face: found, followed, cut out, and how well it is seen."""
