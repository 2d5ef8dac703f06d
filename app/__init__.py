"""The desktop application: replays a source and shows three verdicts on every frame."""
