"""A kept cache of compiled programs, of which each run makes a tenth anew, a hundred at most.

A program that was compiled wrongly, or by an older compiler of the same version, would otherwise be
judged for ever after. A hundred are enough to tell: where three of a hundred programs would now be
compiled otherwise, they hold one in 95 runs of 100. More would cost minutes, and tell no more.
"""

from __future__ import annotations

import random
import time
from contextlib import suppress
from pathlib import Path

SHARE, MOST_FRESH = 0.1, 100
MOST_KEPT = 10_000  # files: 200 MB of JAX's, four runs of a thousand geometries
_APART = 600.0  # seconds: the children of one run open the cache one after another
_MARK = ".thinned"


def thin(folder: Path) -> int:
    """Throw away some of the files in it and below, unless that was done minutes ago.

    A tenth of them, a hundred at most; and, beyond ten thousand, those that were written first.

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
        files = [path for path in folder.rglob("*") if path != mark and path.is_file()]
        eldest = sorted(files, key=_written)[: max(0, len(files) - MOST_KEPT)]
    except OSError:  # there is none yet, or it is not ours to change
        return 0
    fresh = random.sample(files, min(round(SHARE * len(files)), MOST_FRESH))
    gone = 0
    for path in {*fresh, *eldest}:
        with suppress(OSError):
            path.unlink()
            gone += 1
    return gone


def _written(path: Path) -> float:
    return path.stat().st_mtime
