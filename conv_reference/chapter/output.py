"""Writing results: found out early whether it can be done, and a file is whole or not there."""

from __future__ import annotations

import tempfile
from pathlib import Path


def require_writable(folder: Path) -> None:
    """Make the folder, and find out now, not after minutes of training.

    Raises:
        OSError: when it cannot be made or written to; names it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(f"the folder {folder} cannot be written: {_cause(error)}") from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all; one that is there already is replaced.

    Raises:
        OSError: when it cannot be written, the disk full for instance; names it.
    """
    unfinished = path.with_name(f"{path.name}.part")
    try:
        try:
            unfinished.write_bytes(content)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(f"{path} cannot be written: {_cause(error)}") from error


def _cause(error: OSError) -> str:
    return error.strerror or str(error)
