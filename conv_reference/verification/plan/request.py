"""What a run is asked to try, before a target is known: checked data, without cases."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch

from conv_reference.geometry import Geometry
from conv_reference.verification.model.case import Case
from conv_reference.verification.options import clock
from conv_reference.verification.options.tried import (
    DEFAULT_CASES,
    clocked,
    planned,
)
from conv_reference.verification.plan.call_pace import UNKNOWN, CallPace


class Sweep(StrEnum):
    """Which geometries the certificate is put to."""

    DEFAULT = "default"  # everything below but the networks, and the checks of modes
    SMALL = "small"  # small geometries, enumerated and sampled
    RANDOM = "random"  # large and small ones
    NETWORKS = "networks"  # the layers of known networks
    EXHAUSTIVE = "exhaustive"  # every small geometry up to the number of cases, smallest first


@dataclass(frozen=True)
class Request:
    """What a run is to try.

    The number of cases and the time limit are two things. Where only a budget is given, a run is
    sized by it, 500 cases a second, and cut after three times as long, 10 s at least, or after the
    budget itself where its pace shows that it would be; where neither is, as with the default one.
    Where a number of cases is given, a budget beside it is the time limit itself, and without one
    there is none.
    """

    dtypes: tuple[torch.dtype, ...]
    seed: int
    budget: float | None = None  # seconds
    cases: int | None = None
    sweep: Sweep = Sweep.DEFAULT
    limit: str | None = None  # of an exhaustive sweep, see ``limited``
    checks: tuple[str, ...] = ()  # names of checks or rows; all but those on request where empty
    geometry: Geometry | None = None  # only this one
    case: Case | None = None  # only this one
    quick: bool = False  # a first answer: some hundred cases of every kind
    pace: CallPace = UNKNOWN  # of the target, once that is learned
    # All that differs from the defaults of ``verify``, by its keywords: see ``given.not_default``.
    given: tuple[tuple[str, Any], ...] = ()

    @property
    def is_single(self) -> bool:
        """Whether one case or one geometry is asked for."""
        return self.case is not None or self.geometry is not None

    @property
    def size(self) -> int:
        """About how many cases are planned: 8,000 by default."""
        return planned(self.budget, self.cases)

    @property
    def scale(self) -> float:
        """How many cases, in proportion to a default run."""
        return self.size / DEFAULT_CASES

    @property
    def clocked(self) -> float | None:
        """The budget by which it goes, in seconds; None where no clock cuts it."""
        return clocked(self.budget, self.cases, single=self.is_single, quick=self.quick)

    @property
    def search_limit(self) -> float:
        """Seconds of the processor for how the target is called."""
        return math.inf if self.clocked is None else clock.searching(self.clocked)

    @property
    def start_limit(self) -> float | None:
        """Seconds for what is learned of the target before the first case; None: no limit."""
        return None if self.clocked is None else clock.starting(self.clocked)

    @property
    def time_limit(self) -> float | None:
        """Seconds of judging after which the clock cuts the run; None where it never does."""
        if self.clocked is None or self.cases is not None or self.limit is not None:
            return None if self.clocked is None else self.budget
        return clock.judging(self.clocked)

    @property
    def usual_limit(self) -> float | None:
        """Seconds after which the clock cuts a run that it would cut anyway, at its pace."""
        if self.clocked is None or self.is_strict_limit:
            return self.time_limit
        return clock.usual(self.clocked)

    @property
    def audit_limit(self) -> float | None:
        """Seconds for the audit of a run that was cut; None where no clock cuts it."""
        return None if self.clocked is None else clock.auditing(self.clocked)

    def apart_limit(self, *, cut: bool) -> float:
        """Seconds for taking apart what failed.

        Args:
            cut: whether the clock has cut the run.
        """
        return clock.taking_apart(self.clocked, cut=cut)

    @property
    def is_strict_limit(self) -> bool:
        """Whether the time limit is one that was given, and not only keeps a run from hanging on.

        To the latter the time does not count for which the processor was busy with others.
        """
        return self.budget is not None and (self.cases is not None or self.limit is not None)
