"""From a source to a verdict on the screen: capture, judging, and the mailboxes between threads."""
