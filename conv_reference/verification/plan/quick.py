"""A first answer while one writes a kernel: some hundred cases of every kind, at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from random import Random

import torch

from conv_reference.verification.checks import Check, certifying
from conv_reference.verification.model.case import Case, dtype_name
from conv_reference.verification.plan.bulk import small_cases
from conv_reference.verification.plan.modes import sampled
from conv_reference.verification.plan.request import Request
from conv_reference.verification.target.target import Target

_CERTIFICATES = 160


def quick_cases(target: Target, request: Request, checks: Iterable[Check]) -> Iterator[Case]:
    """One case of each check that takes torch's compiler, certificates, one of each other check.

    Torch loads it for its transforms and more, which takes as long as all the rest: so one process
    does that while another is at the rest.

    Args:
        target: what they are put to.
        request: its dtypes and seed.
        checks: that are asked for.
    """
    chosen = list(checks)
    drawn = small_cases(target, request.dtypes, request.seed, _CERTIFICATES, enumerated=40)
    certificates = list(islice(drawn, _CERTIFICATES))

    def of(checks: Iterable[Check]) -> Iterator[Case]:
        for check in checks:
            dtype = _one(check, request.dtypes)
            apart = check.takes_seconds or check == certifying()
            if not apart and dtype is not None:
                random = Random(f"{request.seed} quick {check.name} {dtype_name(dtype)}")
                yield from sampled(target, check, dtype, certificates, random, 1)

    first = [check for check in chosen if check.loads_compiler]
    yield from of(first)
    if certifying() in chosen:
        yield from certificates
    yield from of(check for check in chosen if check not in first)


def _one(check: Check, dtypes: Iterable[torch.dtype]) -> torch.dtype | None:
    """float32 where that may be, else the first to which the check applies."""
    possible = [dtype for dtype in dtypes if check.applies(dtype)]
    return torch.float32 if torch.float32 in possible else next(iter(possible), None)
