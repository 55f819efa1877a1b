"""Which conv-reference this is: parent and child must be one, or they judge by two rules."""

from __future__ import annotations

import json
import os
import sys
from importlib import metadata
from pathlib import Path


def _version() -> str:
    try:
        return metadata.version("conv-reference")
    except metadata.PackageNotFoundError:  # a checkout that was never installed
        return "unknown"


VERSION = _version()  # of the code that was imported, whatever is installed later
FOLDER = str(Path(__file__).parents[2])


def identity() -> bytes:
    """Version and folder, in a form that any version reads."""
    return json.dumps({"version": VERSION, "folder": FOLDER}).encode()


def difference(parent: bytes) -> str:
    """What differs from the parent's identity, in one line; empty where nothing does.

    Args:
        parent: what its ``identity`` returned.
    """
    try:
        theirs = json.loads(parent)
        found = str(theirs["version"]), str(theirs["folder"])
    except (ValueError, TypeError, KeyError):
        found = "unknown", "unknown"
    if found == (VERSION, FOLDER):
        return ""
    return (
        f"two versions of conv-reference: {found[0]} in {found[1]!r} was started, its child "
        f"process finds {VERSION} in {FOLDER!r}; see PYTHONPATH and the working directory"
    )


def child_path() -> tuple[str, ...]:
    """This process's ``sys.path`` for a child: the working directory last, wherever it stands.

    First, where Python itself puts it, a file of the user's there would run in place of a module
    of the standard library, or of this package.
    """
    here = os.getcwd() if _has_folder() else ""  # noqa: PTH109 (a text, to be compared)
    others = [entry for entry in sys.path if entry and entry != here]
    return (*others, here) if len(others) < len(sys.path) and here else tuple(others)


def _has_folder() -> bool:
    try:
        os.getcwd()  # noqa: PTH109 (as above)
    except FileNotFoundError:  # somebody removed it
        return False
    return True
