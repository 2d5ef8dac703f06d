"""The other systems of the paper's Table 2, rebuilt after their abstracts.

`posed_scans` says what a baseline is given of a scan, `learners` what its fit is given of
a fold. What a baseline describes is computed when a cache is prepared, and needs the libraries
for meshes and pictures; what it learns is fitted in each fold, and needs scikit-learn alone.
"""
