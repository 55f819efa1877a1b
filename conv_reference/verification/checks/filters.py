"""Filters of image processing: kernels with a structure that code recognises, and makes use of.

A mean over a window has summed-area tables, a product of a column and a row two passes, an
identity none at all. Kernels of random numbers are none of these.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

import torch
from torch import Tensor

from conv_reference.operands import Operands
from conv_reference.quantities import LETTERS
from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.checks.precision import with_bits_kept
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.trial.agreement import against_oracle, explained
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import Trial, each_asked, under

Taps = Callable[[int, int], Tensor]  # of so many rows and columns


def _binomial(size: int) -> Tensor:
    return torch.tensor([math.comb(size - 1, tap) for tap in range(size)], dtype=torch.float64)


def _slope(size: int) -> Tensor:
    """From -1 to 1, smoothed as a binomial is; of one tap, that tap."""
    return torch.linspace(-1, 1, size, dtype=torch.float64).sign() * _binomial(size)


def _mean(rows: int, columns: int) -> Tensor:
    return torch.ones(rows, columns, dtype=torch.float64)


def _identity(rows: int, columns: int) -> Tensor:
    taps = torch.zeros(rows, columns, dtype=torch.float64)
    taps[rows // 2, columns // 2] = 1
    return taps


def _contrast(rows: int, columns: int) -> Tensor:
    """What a pixel has more than its window: taps whose sum is zero."""
    return rows * columns * _identity(rows, columns) - _mean(rows, columns)


_FILTERS: Mapping[str, Taps] = MappingProxyType(
    {
        "a mean": _mean,
        "a binomial": lambda rows, columns: torch.outer(_binomial(rows), _binomial(columns)),
        "an edge detector": lambda rows, columns: torch.outer(_binomial(rows), _slope(columns)),
        "an identity": _identity,
        "a contrast": _contrast,
    }
)


@check(
    Row(
        "fixed_filters",
        "Y and dX of means, binomials, edge detectors and identities are exact over integers, and "
        "keep their bits over a large plane.",
        "Such kernels have faster ways, which code takes where it recognises one.",
        "a mean by a summed-area table, whose digits the table's size takes (a class of faults)",
        own=(
            "n1 c1 h56 w72 o1 k5 p2",
            "n2 c3 h13 w12 o3 k3 p1 g3",
            "n2 c2 h17 w19 o3 k7x5 s2 p3x2",
        ),
    ),
    traits=Traits(
        sample=Sample.OWN,
        real=True,
        dtypes=frozenset({torch.float32, torch.float64}),  # others hold no such sums
    ),
)
def fixed_filters(trial: Trial) -> Iterator[Judgement]:
    """Each filter in every channel, its taps no leaf; over integers, and over positive reals."""
    with each_asked() as one:
        for name, taps in _FILTERS.items():
            for leaves in ("X", ""):
                asked = replace(trial, case=replace(trial.case, requires_grad=leaves))
                said = f"where K is {name}{'' if leaves else ', without gradients'}"
                with one(), under(said):
                    yield from _of(asked, taps, said)


def _of(trial: Trial, taps: Taps, said: str) -> Iterator[Judgement]:
    whole, real = (_operands(trial, taps, positive=positive) for positive in (False, True))
    found = observe(trial.call(whole))
    yield from against_oracle(trial, "fixed_filters", found, said, operands=whole)
    for judgement in with_bits_kept(trial, real, _ROWS, real=False):
        yield explained(judgement, f"{said}, over numbers from 1 to 2")


_ROWS = MappingProxyType(dict.fromkeys(("Y", "dX", "dK", "db"), "fixed_filters"))


def _operands(trial: Trial, taps: Taps, *, positive: bool) -> Operands:
    """A filter in each channel; X and G of integers from -8 to 8, or of reals from 1 to 2."""
    operator, case = trial.target.operator, trial.case
    generator = torch.Generator().manual_seed(trial.seed)
    drawn: dict[str, Tensor] = {}
    for role in LETTERS:
        shape = operator.shape(role, case.geometry)
        if role == "weight":
            numbers = taps(*shape[2:]).expand(shape)
        elif positive:
            numbers = 1 + torch.rand(shape, generator=generator, dtype=torch.float64)
        else:
            numbers = torch.randint(-8, 9, shape, generator=generator).to(torch.float64)
        drawn[role] = numbers.to(case.dtype).contiguous()
    return Operands(**drawn)
