"""What a run is asked to try, before a target is known: checked data, without cases."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import torch

from conv_reference.geometry import Geometry
from conv_reference.verification.model.case import Case
from conv_reference.verification.options import clock
from conv_reference.verification.options.tried import DEFAULT_BUDGET, DEFAULT_CASES, planned


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
    sized by it, 500 cases a second, and cut after three times as long, 10 s at least; where
    neither is, as with the default budget. Where a number of cases is given, a budget beside it
    is the time limit itself, and without one there is none.
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
    def time_limit(self) -> float | None:
        """Seconds of judging after which the clock cuts the run; None where it never does."""
        if self.is_single or (self.cases is not None and self.budget is None):
            return None
        if self.cases is not None or self.limit is not None:
            return self.budget
        return clock.judging(DEFAULT_BUDGET if self.budget is None else self.budget)

    @property
    def apart_limit(self) -> float:
        """Seconds for taking apart what failed."""
        if self.time_limit is None:
            return clock.taking_apart(None)
        return clock.taking_apart(DEFAULT_BUDGET if self.budget is None else self.budget)

    @property
    def is_strict_limit(self) -> bool:
        """Whether the time limit is one that was given, and not only keeps a run from hanging on.

        To the latter the time does not count for which the processor was busy with others.
        """
        return self.budget is not None and (self.cases is not None or self.limit is not None)
