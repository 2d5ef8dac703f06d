"""The one kind of error that is meant for the user's eyes."""

from __future__ import annotations


class FercoreError(Exception):
    """Something the user can put right.

    The message is one complete sentence that names the file or device and says
    what to do. Commands print it without a traceback and exit with status 2.
    """


class MeshError(FercoreError):
    """A mesh file cannot be used; the message names the file and the reason."""


class CheckpointError(FercoreError):
    """A checkpoint is missing, damaged or does not fit; the message says which."""


class FaceModelError(FercoreError):
    """A face model cannot be read; the message names the file and the reason."""


class DatasetError(FercoreError):
    """A data set or cache is not what its path promised."""
