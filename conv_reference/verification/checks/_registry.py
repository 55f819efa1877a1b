"""What a check is, and the decorator that registers one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import chain
from math import prod

import torch

from conv_reference.geometry import Geometry
from conv_reference.verification.model.case import dtype_name
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.predicates import evaluate
from conv_reference.verification.model.result import FORWARD_ONLY
from conv_reference.verification.model.sizes import sizes_of
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.trial import Trial

_MOST_ELEMENTS = 2**22  # of a row's own geometry, as a target supports it


class Sample(StrEnum):
    """How many cases a check is put to, and which."""

    ALL = "all"  # the covering array, the enumeration and everything else
    MODES = "modes"  # a few dozen of the covering array's cases, in every dtype
    FEW = "few"  # a handful, for it is slow
    SMALL = "small"  # a few dozen small contiguous cases: its own variations are the point
    OWN = "own"  # it has geometries of its own, one for each case, or generates them as it goes
    REQUEST = "request"  # none unless requested by name


class Reported(StrEnum):
    """In which order failures are reported, and which are reported with others of the same case."""

    NUMBER = "number"  # first, and others with it: a wrong number is behind most of them
    SHAPE = "shape"  # first as well
    GRAPH = "graph"  # with a number or a shape; else others with it, which mostly need a graph
    APART = "apart"  # with others, but not with a wrong number, of which it is no consequence
    WITH = "with"  # with what the certificate of the same case finds, where that finds anything
    LAST = "last"  # after all others: it shows nothing about the rest


@dataclass(frozen=True)
class Row:
    """One line of the report, and of ``conv-reference checks``."""

    name: str
    asserts: str  # one sentence
    why: str  # one sentence
    fault: str  # a real fault that it stands for, with its thread
    quantity: str = ""  # the one quantity of the first order that it judges, where it is one
    reported: Reported = Reported.WITH
    repeatable: bool = True  # whether its case, judged again, shows the same
    at_once: bool = False  # whether its calls run at once: which of them meet is left to chance
    rests_on: tuple[str, ...] = ()  # quantities whose faults show in it, too; else all of them
    follows: tuple[str, ...] = ()  # simpler checks that it is made of: their faults show in it
    own: tuple[str, ...] = ()  # the geometries that it is put to, in place of drawn ones
    of_bias: bool = False  # whether it checks nothing where there is none
    of_torch: bool = False  # whether it is about torch's memory or threads: no framework sees them
    optional: bool = False  # whether it uses a spelling that the contract does not promise
    about: str = ""  # a predicate over sizes that those must keep where a target limits them

    @cached_property
    def geometries(self) -> tuple[Geometry, ...]:
        """Its own geometries."""
        return tuple(map(Geometry.parse, self.own))

    def asked_of(self, target: Target) -> list[Geometry]:
        """Its geometries as the target supports them: those that are still about the row.

        A layer without a stride supports the sizes of a stride over the kernel, but not
        the stride. Where height and width must agree, a row of 65,543 pixels would be a plane
        of four thousand million: it is left out.
        """
        return [
            geometry
            for geometry in map(target.restrict_geometry, self.geometries)
            if _is_held(geometry) and (not self.about or evaluate(self.about, sizes_of(geometry)))
        ]

    @property
    def is_first(self) -> bool:
        """Whether its failures come first in a report, others with them."""
        return self.reported in {Reported.NUMBER, Reported.SHAPE}


def _is_held(g: Geometry) -> bool:
    """Whether memory holds its tensors many times over."""
    shapes = (g.input_shape, g.weight_shape, g.output_shape)
    return sum(map(prod, shapes)) <= _MOST_ELEMENTS


def own_row(rows: Iterable[Row], target: Target, geometry: Geometry) -> Row | None:
    """The row whose own geometry this is, as far as the target supports it."""
    return next((row for row in rows if geometry in row.asked_of(target)), None)


@dataclass(frozen=True, kw_only=True)
class Traits:
    """To which cases and targets a check is put, and what it needs: all that is not its rows."""

    sample: Sample
    # The reason why a target cannot be checked at all, or None.
    cannot: Callable[[Target], str | None] = lambda _: None
    real: bool = False  # whether its operands are real, so that rounding is no flaw
    # Whether it can judge such sizes: of a small sample, others are drawn.
    fits: Callable[[Geometry], bool] = lambda _: True
    # Whether a target has what it is about; of one that has not, no row is listed.
    concerns: Callable[[Target], bool] = lambda _: True
    # Whether it holds of padding with zeros alone: of a layer whose padding mode is another it
    # checks nothing.
    of_zeros: bool = False
    # To which it applies, None for every one; in the others there is nothing to check.
    dtypes: frozenset[torch.dtype] | None = None
    # As many cases as others of its sample, where it puts a part of its questions to each (see
    # ``Trial.some``).
    times: int = 1
    # Whether it is about threads, and so is put on all of torch's; of small cases of others, most
    # are put on one.
    parallel: bool = False
    # Whether its questions are about numbers, which a path without gradients may have others for:
    # a third of its cases asks for none.
    of_values: bool = False
    # Whether it calls through a transform of torch's (vmap, jvp, torch.func) or a compiler. Nobody
    # promised that: a target that raises there is not judged there, and not wrong.
    transform: bool = False
    # Whether it judges gradients alone: it is not put to a target that is forward only.
    gradient: bool = False
    # Whether it is about torch's graph or its tensors: over numpy arrays those are an adapter's,
    # and a verdict would be on that.
    graph: bool = False
    # Whether it calls at other sizes than the case's, too, for which a framework may compile anew.
    own_sizes: bool = False
    # By how many columns at most an image of its calls is wider than the case's.
    wider: int = 0
    # The modes, of vjp, jvp and vmap, without which it has nothing to check in a framework.
    needs: tuple[str, ...] = ()
    # Whether it loads torch's compiler though it calls through no transform, as deterministic
    # algorithms and checkpoints do.
    compiler: bool = False
    takes_seconds: bool = False  # whether one of its cases does: a first answer cannot wait for it


@dataclass(frozen=True, kw_only=True)
class Check(Traits):
    """One function that judges a case, and the rows that its judgements belong to."""

    name: str
    rows: tuple[Row, ...]
    run: Callable[[Trial], Iterator[Judgement]]

    @property
    def loads_compiler(self) -> bool:
        """Whether torch loads its compiler for it, which takes as long as many cases."""
        return self.transform or self.compiler

    def unsupported(self, target: Target) -> str | None:
        """The reason why a target cannot be checked, or None."""
        needs = (*self.needs, *(("vjp",) if self.gradient else ()))
        if reason := lacking(target, needs) or unseen(target, *self.rows):
            return reason
        if target.forward_only and (self.gradient or self.transform):
            return FORWARD_ONLY
        if target.over_arrays and (self.graph or self.transform):
            return "torch's graph has no part in its gradients"
        if self.of_zeros and target.settled_mode != "zeros":
            return f"it holds of zeros around the input, not of {target.settled_mode}"
        return self.cannot(target)

    def answers(self, geometry: Geometry) -> bool:
        """Whether it has an answer for the batch, where that is empty."""
        return has_samples(geometry) or self.fits(geometry)

    def applies(self, dtype: torch.dtype) -> bool:
        """Whether the check has a meaning in this dtype."""
        return self.dtypes is None or dtype in self.dtypes

    @property
    def limits(self) -> str:
        """The dtypes in which it has a meaning, where those are not all: "float64 alone"."""
        return " and ".join(sorted(map(dtype_name, self.dtypes or ()))) + " alone"

    @property
    def has_own(self) -> bool:
        """Whether its rows have geometries of their own."""
        return any(row.own for row in self.rows)

    def row_of(self, target: Target, geometry: Geometry) -> Row | None:
        """See ``own_row``."""
        return own_row(self.rows, target, geometry)

    def row_for(self, quantity: str, geometry: Geometry) -> Row:
        """The row that speaks for the whole check where it failed while a quantity was computed.

        That of the quantity, else that whose own geometry it is, else the first.
        """
        of_quantity = (row for row in self.rows if row.quantity == quantity)
        own = (row for row in self.rows if geometry in row.geometries)
        return next(chain(of_quantity, own, self.rows))


_MODES = {"vjp": "reverse mode", "jvp": "forward mode", "vmap": "vmap"}


def lacking(target: Target, needs: Iterable[str]) -> str | None:
    """What a framework lacks of these modes, as a reason; None where it has them all."""
    lacks = frozenset[str]() if target.offer is None else target.offer.lacks
    absent = [name for mode, name in _MODES.items() if mode in lacks and mode in needs]
    return f"the adapter gives no {' and no '.join(absent)}" if absent else None


def unseen(target: Target, *rows: Row) -> str | None:
    """Why nothing in these rows reaches a framework; None where something does."""
    if target.offer is None or not all(row.of_torch for row in rows):
        return None
    return "it is about torch's memory, threads or arguments, which no framework sees"


def has_samples(geometry: Geometry) -> bool:
    """Whether there are any: for checks that an empty batch has no answer for."""
    return geometry.batch > 0


REGISTRY: dict[str, Check] = {}
Run = Callable[[Trial], Iterator[Judgement]]


def check(*rows: Row, traits: Traits) -> Callable[[Run], Run]:
    """Register a function as a check of the function's own name.

    Args:
        *rows: at least one; a judgement names the row that it belongs to.
        traits: to which cases and targets it is put.
    """

    def register(run: Run) -> Run:
        name: str = run.__name__
        assert rows, f"{name} names no row"
        assert name not in REGISTRY, f"two checks are called {name}"
        REGISTRY[name] = Check(name=name, rows=rows, run=run, **vars(traits))
        return run

    return register
