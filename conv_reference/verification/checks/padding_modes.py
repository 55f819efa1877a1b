"""Padding modes: the input goes on past its border as it is in itself, and so does its gradient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from conv_reference.geometry import Geometry, Padding
from conv_reference.padding_modes import MODES, Mode
from conv_reference.verification.checks._arguments import SETTLED
from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.checks.degenerate import certified
from conv_reference.verification.model.case import Layout
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.target.nearest_sizes import enlarged
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.trial import Trial

_OTHERS = tuple(mode for mode in MODES if mode != "zeros")
_LAYOUTS = (Layout.CONTIGUOUS, Layout.CHANNELS_LAST, Layout.TRANSPOSED, Layout.SLICED)
_WHY = "It is padding by copies: dX is its adjoint, in which each copy counts once more."


def has_modes(target: Target) -> bool:
    """Whether it takes the word; an instance has one mode, in which all is asked of it."""
    return len(target.padding_modes) > 1


def _no_modes(target: Target) -> str | None:
    if has_modes(target):
        return None
    return SETTLED if target.is_settled else "no parameter padding_mode"


@check(
    Row(
        "padding_circular",
        "padding_mode='circular' goes on at the other side; Y, dX, dK and db bit for bit.",
        _WHY,
        "padding=1 acts as 0, or pads H where W was asked for (pytorch#20981, #37844)",
    ),
    Row(
        "padding_reflect",
        "padding_mode='reflect' mirrors at the border, which is not repeated.",
        _WHY,
        "the pixel at the border is repeated, as 'symmetric' does (a class of faults)",
    ),
    Row(
        "padding_replicate",
        "padding_mode='replicate' repeats the pixel at the border.",
        _WHY,
        "a gradient that loses what the border's copies add (a class of faults)",
    ),
    traits=Traits(sample=Sample.SMALL, times=2, cannot=_no_modes, concerns=has_modes),
)
def padding_modes(trial: Trial) -> Iterator[Judgement]:
    """The certificate of the case in each mode, its operands in some layout."""
    for mode in _OTHERS:
        geometry = trial.target.restrict_geometry(in_mode(trial.case.geometry, mode))
        drawn = Random(f"{trial.key} {mode}")
        case = replace(
            trial.case,
            geometry=geometry,
            input_layout=drawn.choice(_LAYOUTS),
            grad_output_layout=drawn.choice(_LAYOUTS),
        )
        there = replace(trial, case=case)
        if geometry.padding_mode == mode and there.has_room:
            yield from certified(there, f"padding_{mode}")


def in_mode(geometry: Geometry, mode: Mode) -> Geometry:
    """The geometry with its padding in another mode, and an input that has as much; of none one.

    Args:
        geometry: any.
        mode: not zeros.
    """
    padding: Padding = geometry.padding if any(map(any, geometry.padding)) else ((1, 1), (1, 1))
    return enlarged(geometry, {"padding": padding, "padding_mode": mode})
