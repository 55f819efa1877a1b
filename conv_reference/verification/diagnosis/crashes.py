"""What is reported of a case in which the process died, or did not come back in time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import takewhile

from conv_reference.quantities import FIRST_ORDER, GRADIENTS
from conv_reference.verification.checks import Check
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Crash, Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.work.patience import LIMIT

# What glibc says before it ends a process whose heap is damaged.
_DAMAGED = re.compile(
    r"(free|realloc|malloc|munmap_chunk|malloc_consolidate)\(\): |corrupted |double free"
)
DAMAGE = (
    "The memory beside a block was written over, perhaps behind the end of a tensor or of a "
    "workspace; that shows when the block is freed, which may be in a later call."
)
LATE = (
    f"It may only be slow: a case has {LIMIT:g} s, fewer once another was late or while it does "
    "nothing."
)


def crashed(check: Check, case: Case, crash: Crash) -> Judgement:
    """What is reported of such a case.

    Args:
        check: of the case: the row is that of what was computed, of Y where that is not known.
        case: that was sent.
        crash: how the process ended, and what it was at.
    """
    quantity, *others = _requested(crash)
    how = crash.how
    if quantity in GRADIENTS:
        how += f" in the backward pass, for {' and '.join((quantity, *others))}"
    return Judgement(
        check.row_for(quantity, case.geometry).name,
        quantity,
        Verdict.CRASHED,
        expected="an answer",
        actual=crash.how,
        explanation=f"{how}: {crash.said}" if crash.said else how,
        beneath=tuple(_beneath(crash)),
        case=_asked(crash),
        crash=crash,
    )


def _beneath(crash: Crash) -> Iterator[str]:
    if crash.hung:
        yield LATE
    if _DAMAGED.match(crash.said):
        yield DAMAGE


def _requested(crash: Crash) -> list[str]:
    """What the process was to compute, the first of it first; what stands there may be anything."""
    return [*takewhile(FIRST_ORDER.__contains__, crash.quantity.split())] or ["Y"]


def _asked(crash: Crash) -> Case | None:
    """The case at which the process died, where that is another than the one it was given."""
    with suppress(ValueError):  # it has written there: what was to be read may be anything
        return Case.parse(crash.asked) if crash.asked else None
    return None
