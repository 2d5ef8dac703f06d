"""User studies on disk: names, tables and records of a run, and all that reads them.

Nothing here opens a camera, a window or a network connection. What records a run
while a person sits before the camera is `app.study`.
"""
