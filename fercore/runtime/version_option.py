"""The option `--version` of both programs; it looks the version up only when it is asked for."""

from __future__ import annotations

import argparse


def add_version_option(parser: argparse.ArgumentParser) -> None:
    """Let a parser tell the installed version."""
    parser.add_argument("--version", action=_TellVersion, nargs=0, help="tell the version and exit")


class _TellVersion(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from fercore.runtime.provenance import own_version

        print(f"{parser.prog} {own_version()}")
        parser.exit()
