"""What stands before a window opens: options, settings, log, display, and what `doctor` asks."""
