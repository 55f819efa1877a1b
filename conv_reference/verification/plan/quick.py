"""A first answer while one writes a kernel: some hundred cases of every kind, at once.

Of a slow target, a loop over pixels in Python, say, it is those that take some seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from random import Random

import torch

from conv_reference.verification.checks import Check, certifying
from conv_reference.verification.model.case import CERTIFICATE, Case, dtype_name
from conv_reference.verification.model.sizes import products
from conv_reference.verification.plan.bulk import small_cases
from conv_reference.verification.plan.call_pace import CallPace
from conv_reference.verification.plan.modes import sampled
from conv_reference.verification.plan.request import Request
from conv_reference.verification.target.target import Target

_CERTIFICATES = 160
_DRAWS = 8  # of a case for a slow target, of which the lightest is taken
# Forward passes that take as long as a certificate, and as a case of another check.
_PASSES, _OTHER_PASSES = 6, 30
_SECONDS = 6.0  # of the processor, for all cases
_LEAST = 12  # certificates, however slow the target


@dataclass(frozen=True)
class Quick:
    """The cases of a quick run."""

    cases: tuple[Case, ...]
    left: str = ""  # what a slow target is not asked: "the largest 96 of 160 cases of ..."


def quick_cases(target: Target, request: Request, checks: Iterable[Check]) -> Quick:
    """One case of each check that takes torch's compiler, certificates, one of each other check.

    Torch loads it for its transforms and more, which takes as long as all the rest: so one process
    does that while another is at the rest.

    Args:
        target: what they are put to.
        request: its dtypes and seed, and the pace of the target's calls.
        checks: that are asked for.
    """
    chosen = list(checks)
    drawn = small_cases(target, request.dtypes, request.seed, _CERTIFICATES, enumerated=40)
    certificates = list(islice(drawn, _CERTIFICATES))
    others = {check.name: [*_of(check, target, request, certificates)] for check in chosen}
    asked = certificates if certifying() in chosen else []
    left = ""
    if _taken(asked, others, request.pace) > _SECONDS:
        kept, found = _lighter(target, request, chosen, certificates)
        kept = kept if asked else []
        left = _left_out(len(asked), len(asked) - len(kept), others, found)
        asked, others = kept, found
    first = [check.name for check in chosen if check.loads_compiler]
    rest = [check.name for check in chosen if not check.loads_compiler]
    ordered = (*(others[name] for name in first), asked, *(others[name] for name in rest))
    return Quick(tuple(case for cases in ordered for case in cases), left)


def _lighter(
    target: Target, request: Request, checks: Sequence[Check], certificates: Sequence[Case]
) -> tuple[list[Case], dict[str, list[Case]]]:
    """The lightest certificates, and cases of other checks: some seconds at the target's pace."""
    pace = request.pace
    kept = _lightest(certificates, _PASSES, pace, _LEAST)
    drawn = {
        check.name: min(
            ([*_of(check, target, request, kept, draw)] for draw in range(_DRAWS)),
            key=lambda cases: _seconds(cases, 1, pace),
        )
        for check in checks
    }
    others = {*_lightest([*chain(*drawn.values())], _OTHER_PASSES, pace, 0)}
    return kept, {name: [c for c in cases if c in others] for name, cases in drawn.items()}


def _left_out(
    asked: int,
    fewer: int,
    others: Mapping[str, Sequence[Case]],
    found: Mapping[str, Sequence[Case]],
) -> str:
    """In words what is not asked: so many of the certificates, and checks that have no case now."""
    without = sum(bool(cases) and not found[name] for name, cases in others.items())
    said = [f"the largest {fewer} of {asked} cases of the check {CERTIFICATE}"] if fewer else []
    said += [f"{without} other checks"] if without else []
    return ", and ".join(said)


def _lightest(cases: Sequence[Case], passes: int, pace: CallPace, least: int) -> list[Case]:
    """As many as take half of the time, in their order."""
    taken = 0.0
    kept: set[Case] = set()
    for case in sorted(cases, key=lambda case: products(case.geometry)):
        taken += _seconds([case], passes, pace)
        if taken > _SECONDS / 2 and len(kept) >= least:
            break
        kept.add(case)
    return [case for case in cases if case in kept]


def _taken(
    certificates: Iterable[Case], others: Mapping[str, Iterable[Case]], pace: CallPace
) -> float:
    every = chain(*others.values())
    return _seconds(certificates, _PASSES, pace) + _seconds(every, _OTHER_PASSES, pace)


def _seconds(cases: Iterable[Case], passes: int, pace: CallPace) -> float:
    return sum(passes * pace.seconds(products(case.geometry)) for case in cases)


def _of(
    check: Check, target: Target, request: Request, certificates: Sequence[Case], draw: int = 0
) -> Iterator[Case]:
    """The cases of another check than the certificate; none where it takes seconds."""
    dtype = _one(check, request.dtypes)
    if check.takes_seconds or check == certifying() or dtype is None:
        return
    stream = f"{request.seed} quick {check.name} {dtype_name(dtype)}"
    random = Random(f"{stream} {draw}" if draw else stream)
    yield from sampled(target, check, dtype, certificates, random, 1)


def _one(check: Check, dtypes: Iterable[torch.dtype]) -> torch.dtype | None:
    """float32 where that may be, else the first to which the check applies."""
    possible = [dtype for dtype in dtypes if check.applies(dtype)]
    return torch.float32 if torch.float32 in possible else next(iter(possible), None)
