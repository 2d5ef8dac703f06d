"""Without a window: a source as table, summary and video; `fercore analyse` for many files."""
