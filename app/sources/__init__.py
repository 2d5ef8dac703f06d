"""Where frames come from; each source fulfils `app.sources.base.FrameSource`."""
