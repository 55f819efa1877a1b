"""Which version of a target it is: what was judged of another says nothing of this one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from conv_reference.verification.target.names import source_of

_INSTALLED = {"site-packages", "dist-packages"}
_MOST_FILES = 2_000


def version_of(name: str, environment: Mapping[str, str]) -> str:
    """A digest of the target's name, its source and all that results depend on besides.

    Of a package in a folder of the user's every file of Python counts, of an installed one the
    module's own; torch's version is in the environment.

    Args:
        name: of the target.
        environment: as the report has it.
    """
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps([name, dict(environment)], sort_keys=True).encode())
    for path in _files(name):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _files(name: str) -> Iterator[Path]:
    source = source_of(name)
    if source is None or not source.is_file():
        return
    top = source.parent
    while (top.parent / "__init__.py").is_file():
        top = top.parent
    in_package = (top / "__init__.py").is_file()
    if in_package and _INSTALLED.isdisjoint(source.parts):
        yield from sorted(top.rglob("*.py"))[:_MOST_FILES]
    else:
        yield source
