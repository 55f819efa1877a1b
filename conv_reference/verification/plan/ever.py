"""What was judged in earlier runs, as far as a plan asks: where coverage is thin it goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from conv_reference.geometry import Geometry
from conv_reference.verification.model.case import Case, dtype_name
from conv_reference.verification.plan.factors import Levels

DRAWS = 3  # of a geometry, of which the one is taken whose like was judged the least


@dataclass(frozen=True)
class Ever:
    """What was judged of one version of a target before this run; by default nothing."""

    cases: int = 0
    runs: int = 0
    certified: frozenset[tuple[str, str]] = frozenset()  # geometry and dtype, as texts
    cells: Mapping[str, int] = field(default_factory=dict)  # how many cases each has had
    rows: Sequence[Levels] = ()  # of covering arrays
    failing: tuple[str, ...] = ()  # cases that failed when they were judged last

    def has(self, geometry: Geometry, dtype: torch.dtype) -> bool:
        """Whether the geometry was certified in the dtype."""
        return bool(self.certified) and (str(geometry), dtype_name(dtype)) in self.certified

    def times(self, case: Case) -> int:
        """How many cases like this one were judged."""
        return self.cells.get(cell_of(case), 0)


NEVER = Ever()


def cell_of(case: Case) -> str:
    """Where a case lies among all, coarsely: dtype, kernel, stride, dilation and groups."""
    g = case.geometry
    sizes = (*g.kernel_size, *g.stride, *g.dilation)
    capped = "x".join(str(min(size, 6)) for size in sizes)
    return f"{dtype_name(case.dtype)} {capped} {min(g.groups, 3)}"
