"""What a check is, and the decorator that registers one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import torch

from conv_reference.geometry import Geometry
from conv_reference.verification.model.case import dtype_name
from conv_reference.verification.model.predicates import evaluate
from conv_reference.verification.model.sizes import sizes_of
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.judge import Judgement
from conv_reference.verification.trial.trial import Trial


class Sample(StrEnum):
    """How many cases a check is put to, and which."""

    ALL = "all"  # the covering array, the enumeration and everything else
    MODES = "modes"  # a few dozen of the covering array's cases, in every dtype
    FEW = "few"  # a handful, for it is slow
    SMALL = "small"  # a few dozen small contiguous cases: its own variations are the point
    OWN = "own"  # it brings its geometries, one for each case, or makes them up as it goes
    REQUEST = "request"  # none unless asked for by name


@dataclass(frozen=True)
class Row:
    """One line of the report, and of ``conv-reference checks``."""

    name: str
    asserts: str  # one sentence
    why: str  # one sentence
    fault: str  # a real fault that it stands for, with its thread


@dataclass(frozen=True)
class Check:
    """One function that judges a case, and the rows that its judgements belong to."""

    name: str
    rows: tuple[Row, ...]
    run: Callable[[Trial], Iterator[Judgement]]
    sample: Sample
    unsupported: Callable[[Target], str | None]  # why a target cannot be asked, or None
    real: bool = False  # over real operands, where nobody is exact
    fits: Callable[[Geometry], bool] = lambda _: True  # whether it can judge such sizes
    layers_only: bool = False  # of a function it asks nothing, not even support
    own: Mapping[str, tuple[Geometry, ...]] = field(default_factory=dict)  # by row
    about: Mapping[str, str] = field(default_factory=dict)  # by row: what its sizes must keep
    dtypes: frozenset[torch.dtype] | None = None  # to which it applies; None is every one
    times: int = 1  # as many cases as others of its sample: of each it asks a part, see Trial.some

    def applies(self, dtype: torch.dtype) -> bool:
        """Whether the check has a meaning in this dtype."""
        return self.dtypes is None or dtype in self.dtypes

    @property
    def limits(self) -> str:
        """The dtypes in which it has a meaning, where those are not all: "float64 alone"."""
        return " and ".join(sorted(map(dtype_name, self.dtypes or ()))) + " alone"

    def row_of(self, target: Target, geometry: Geometry) -> str | None:
        """The row whose own geometry this is, as far as the target can be asked for it."""
        own = self.own_of(target).items()
        return next((row for row, geometries in own if geometry in geometries), None)

    def own_of(self, target: Target) -> dict[str, list[Geometry]]:
        """Its geometries as the target can be asked for them: those that are still about the row.

        A layer without a stride can be asked for the sizes of a stride over the kernel, but not
        for the stride.
        """
        return {
            row: [
                geometry
                for geometry in map(target.restrict_geometry, geometries)
                if row not in self.about or evaluate(self.about[row], sizes_of(geometry))
            ]
            for row, geometries in self.own.items()
        }


REGISTRY: dict[str, Check] = {}
Run = Callable[[Trial], Iterator[Judgement]]


def check(
    *rows: Row,
    sample: Sample,
    unsupported: Callable[[Target], str | None] = lambda _: None,
    real: bool = False,
    fits: Callable[[Geometry], bool] = lambda _: True,
    layers_only: bool = False,
    own: Mapping[str, tuple[str, ...]] | None = None,
    about: Mapping[str, str] | None = None,
    dtypes: Collection[torch.dtype] | None = None,
    times: int = 1,
) -> Callable[[Run], Run]:
    """Register a function as a check of the function's own name.

    Args:
        *rows: at least one; a judgement names the row that it belongs to.
        sample: which cases it is put to.
        unsupported: says why a target cannot be asked at all.
        real: whether its operands are real, so that rounding is no flaw.
        fits: whether it can judge such sizes: of a small sample, others are drawn.
        layers_only: whether it is no concern of a function, of which no row is listed then.
        own: for each row, the geometries that it is put to, in place of drawn ones.
        about: for each row, a predicate over sizes that such a geometry must keep where a
            target cannot be asked for all of it.
        dtypes: to which it applies; in the others there is nothing to ask.
        times: as many cases as others of its sample, where it asks a part of its questions of
            each (see ``Trial.some``).
    """

    def register(run: Run) -> Run:
        name: str = run.__name__
        assert rows, f"{name} names no row"
        assert name not in REGISTRY, f"two checks are called {name}"
        parsed = {row: tuple(map(Geometry.parse, texts)) for row, texts in (own or {}).items()}
        only = None if dtypes is None else frozenset(dtypes)
        REGISTRY[name] = Check(
            name,
            rows,
            run,
            sample,
            unsupported,
            real,
            fits,
            layers_only,
            parsed,
            about or {},
            only,
            times,
        )
        return run

    return register
