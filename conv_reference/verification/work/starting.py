"""How a child process is started: on dirtied memory, with an allocator that checks.

Memory that it allocates is filled with a pattern first (glibc's ``MALLOC_PERTURB_``),
so that a result that was never written shows: 0x7F in every byte is a NaN in float16 and a
huge number in the other dtypes, which no sum hides. glibc's per-thread cache is turned off,
for what it hands out again is not filled. Its checking allocator is preloaded: each block ends in
a mark, and a process dies as soon as it frees a block whose mark was written over. Without it
released kernels have been seen to write outside their blocks and to answer right all the same.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from conv_reference.verification.work import descent
from conv_reference.verification.work.identity import child_path

_CHECKING = "libc_malloc_debug.so.0"  # comes with glibc from 2.34 on; before, it needs none
_PERTURB = {
    "MALLOC_PERTURB_": "128",
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0",
    "MALLOC_CHECK_": "3",  # say what is damaged, and abort
}
# oneDNN searches all of its cache for the eldest kernel with each new one, and here nearly every
# call makes new ones: a tenth of the time. What one case repeats fits into this.
_CACHE = {
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "128",
    # Threads that spin while they wait take the processor from the other children.
    "OMP_WAIT_POLICY": "passive",
}
# Under ``make --jobs`` they name a pipe that these processes are not handed: ninja, by which torch
# compiles, would fail for want of it.
_OF_MAKE = frozenset({"MAKEFLAGS", "MFLAGS"})


def popen(
    module: str,
    fds: Sequence[int],
    errors: int,
    mark: str,
    *,
    marked: bool = True,
    python: str | None = None,
) -> subprocess.Popen[bytes]:
    """A worker, on dirtied memory: what of a result was never written shows.

    Args:
        module: that it runs.
        fds: that it is handed, by their numbers.
        errors: the descriptor of the file for its standard error.
        mark: by which all that descends from it is known.
        marked: whether on memory that was dirtied at all.
        python: the interpreter that runs it; None for this one.
    """
    return subprocess.Popen(
        # Not from the working directory: what lies there must not run in place of a module.
        [python or sys.executable, "-P", "-m", module, *map(str, fds)],
        pass_fds=fds,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        env=surroundings(mark, marked=marked, other=python is not None),
        start_new_session=True,  # Ctrl-C is ours to answer
    )


def surroundings(mark: str, *, marked: bool = True, other: bool = False) -> dict[str, str]:
    """The environment in which a worker starts; see ``popen``.

    Args:
        mark: see there.
        marked: see there.
        other: whether another interpreter runs it.
    """
    return {
        **{name: value for name, value in os.environ.items() if name not in _OF_MAKE},
        **of_libraries(),
        **(of_memory() if marked else {}),
        descent.MARK: mark,
        "PYTHONPATH": os.pathsep.join(child_path(other=other)),
    }


def of_libraries() -> dict[str, str]:
    """What torch's libraries read when they are loaded, where the user did not set it."""
    return {name: os.environ.get(name, value) for name, value in _CACHE.items()}


def of_memory() -> dict[str, str]:
    """What dirties memory and checks it: the system reads it when a process begins, not later."""
    return {**_PERTURB, **_preload()}


def memory_file(name: str) -> IO[bytes]:
    """A file that no folder holds: that for temporary ones may be full, or gone."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create(name), "w+b")
    return tempfile.TemporaryFile()


def _preload() -> dict[str, str]:
    """The allocator that checks, where there is one and no other was asked for."""
    if os.environ.get("LD_PRELOAD"):
        return {}
    try:
        mapped = Path("/proc/self/maps").read_text(encoding="utf-8").split()
    except OSError:
        return {}
    libc = next((Path(word) for word in mapped if re.search(r"/libc[.-][^/]*so", word)), None)
    if libc is None or not (checking := libc.with_name(_CHECKING)).exists():
        return {}
    return {"LD_PRELOAD": str(checking)}


def tail(file: IO[bytes], most: int = 8000) -> bytes:
    """The last bytes of a file."""
    file.seek(0, os.SEEK_END)
    file.seek(max(0, file.tell() - most))
    return file.read()
