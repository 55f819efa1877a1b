"""The checks: each a small function that says what it asserts, why, and what fault it finds.

A new check is one function in one module here, under ``@check``; nothing else names it.
"""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from conv_reference.verification.checks._registry import (
    REGISTRY,
    Check,
    Reported,
    Row,
    Sample,
    Traits,
    check,
    lacking,
    unseen,
)


@cache
def all_checks() -> dict[str, Check]:
    """Every check by its name, in the order of their modules' names and lines."""
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return dict(REGISTRY)


@cache
def all_rows() -> dict[str, Row]:
    """Every row of every check by its name."""
    return {row.name: row for check in all_checks().values() for row in check.rows}


@cache
def check_of(row: str) -> Check:
    """The check that a row belongs to."""
    return next(each for each in all_checks().values() if all_rows()[row] in each.rows)


@cache
def certifying() -> Check:
    """The check that every geometry is put to, and by which others are explained: one alone."""
    (found,) = (check for check in all_checks().values() if check.sample == Sample.ALL)
    return found


__all__ = [
    "Check",
    "Reported",
    "Row",
    "Sample",
    "Traits",
    "all_checks",
    "all_rows",
    "certifying",
    "check",
    "check_of",
    "lacking",
    "unseen",
]
