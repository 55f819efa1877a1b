"""This code's packages, found by their names whatever of the user's has them, too."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

_BESIDE = str(Path(__file__).resolve().parents[2])
_DERIVATION = "analytic"
_PACKAGES = ("conv_reference", _DERIVATION)
_set_aside: dict[str, ModuleType] = {}  # the derivation's modules, where the name is the user's


class Own:
    """Finds this code's packages beside one another, whatever else on the path has their names.

    A user's ``analytic.py`` beside the target is none of ours.
    """

    @staticmethod
    def find_spec(name: str, *_: object) -> ModuleSpec | None:
        """As a finder of ``sys.meta_path``: of other names nothing."""
        return PathFinder.find_spec(name, [_BESIDE]) if name in _PACKAGES else None


@contextmanager
def derivation() -> Iterator[None]:
    """Within, ``analytic`` is this code's; afterwards the user's module of that name is back.

    In a process of the user's the name may be that of a module of theirs, imported or not. It is
    for one thread: what another imports meanwhile is found as here.
    """
    if _is_ours(sys.modules.get(_DERIVATION)) or Own in sys.meta_path:
        yield
        return
    theirs = _taken()
    sys.modules.update(_set_aside)
    sys.meta_path.insert(0, Own)
    try:
        yield
    finally:
        sys.meta_path.remove(Own)
        if theirs or not _is_found_anyway():
            _set_aside.update(_taken())
            sys.modules.update(theirs)


def _taken() -> dict[str, ModuleType]:
    """Take the modules of that name out of ``sys.modules``."""
    names = [name for name in sys.modules if name.partition(".")[0] == _DERIVATION]
    return {name: sys.modules.pop(name) for name in names}


def _is_found_anyway() -> bool:
    """Whether an import of the user's would find this code's, too."""
    spec = PathFinder.find_spec(_DERIVATION)
    return spec is not None and _is_beside(spec.origin)


def _is_ours(module: ModuleType | None) -> bool:
    return module is not None and _is_beside(getattr(module, "__file__", None))


def _is_beside(file: str | None) -> bool:
    return file is not None and Path(file).resolve().parent == Path(_BESIDE, _DERIVATION)
