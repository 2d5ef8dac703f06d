"""Tables, figures and one HTML page from the records of an evaluation run.

Everything is computed from the run's own files (`run_records`); the only thing
looked up elsewhere are thumbnails, in the cache that the run names. The way of
a number: `run_records` → `scores`, `robustness` → `tables`,
`figures` → `assembly`.
"""
