"""A kept cache of compiled programs, of which each run makes a tenth anew.

A program that was compiled wrongly, or by an older compiler of the same version, would otherwise be
judged for ever after.
"""

from __future__ import annotations

import random
import time
from contextlib import suppress
from pathlib import Path

SHARE = 0.1
_APART = 600.0  # seconds: the children of one run open the cache one after another
_MARK = ".thinned"


def thin(folder: Path) -> int:
    """Throw away a tenth of the files in it and below, unless that was done minutes ago.

    Args:
        folder: of the cache; it need not exist.

    Returns:
        How many files went.
    """
    mark = folder / _MARK
    try:
        if mark.exists() and time.time() - mark.stat().st_mtime < _APART:
            return 0
        mark.touch()
        kept = [path for path in folder.rglob("*") if path != mark and path.is_file()]
    except OSError:  # there is none yet, or it is not ours to change
        return 0
    gone = 0
    for path in random.sample(kept, round(SHARE * len(kept))):
        with suppress(OSError):
            path.unlink()
            gone += 1
    return gone
