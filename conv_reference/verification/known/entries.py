"""The entries of a registry of known defects as its file has them: read without importing torch."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any


class KnownError(ValueError):
    """A registry that cannot be read; the message is one line."""


def read(path: Path) -> list[dict[str, Any]]:
    """The entries, each a table; what they hold is not looked at.

    Raises:
        KnownError: when it is no TOML, or has anything beside a list of tables.
        OSError: when it cannot be read.
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("defect", [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise KnownError(f"{path} is no TOML: {error}") from error
    except RecursionError:
        raise KnownError(f"{path} is corrupt: nested too deeply") from None
    if not isinstance(entries, list):
        raise KnownError(f"{path}: not a list of known defects, [[defect]]: {entries!r}")
    for entry in entries:
        if not isinstance(entry, dict):
            raise KnownError(f"{path}: not a field of a known defect: {entry}")
    return entries
