"""What the SDK's errors mean for the user; it throws one type for everything."""

from __future__ import annotations

from app.sources.base import SourceError

_MEANINGS = {
    "is used by another program; close that and try again.": (
        "busy",
        "errno=16",
        "power state",
        "xioctl",
        "in use",
        "claim",
    ),
    "may not be used by this user; `fercore doctor` says which udev rule is missing.": (
        "access",
        "permission",
        "errno=13",
    ),
    "was unplugged; plug it in again.": (
        "disconnected",
        "no such device",
        "errno=19",
        "no device",
    ),
    "does not offer what is needed; update its firmware with Intel's RealSense Viewer.": (
        "couldn't resolve",
        "not supported",
        "firmware",
    ),
}


def explained(camera: str, error: Exception) -> SourceError:
    """Return one sentence on the camera: what is wrong, and what to do."""
    text = str(error).lower()
    for meaning, signs in _MEANINGS.items():
        if any(sign in text for sign in signs):
            return SourceError(f"{camera} {meaning}")
    first_line = (str(error).splitlines() or [type(error).__name__])[0]
    return SourceError(f"{camera} cannot be used ({first_line}); unplug it and plug it in again.")
