"""Imports of thousands of modules, a fifth sooner: what they make stays, so none of it is freed."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Around imports, in a process of our own: no collection meanwhile, nor of it later.

    Torch and what it imports are some 300,000 objects, through which each full collection would
    go in vain; in a fork it would copy the pages in which they lie, too.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
