"""The paper's evaluation as one resumable run: pipelines × experiments, then tables.

Every experiment's predictions go to `predictions.tsv` first; all tables and figures are
computed from that file (`fercore.report`).
"""
