"""Telling a transform (Winograd, FFT) from a direct algorithm: finite numbers mix in it, too.

A direct algorithm adds up the products of an element and nothing else. A transform mixes numbers
that have no product in common, and takes them apart again, which leaves noise where some are loud
and others quiet. That noise is what its allowance is earned with; rounding alone is not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from conv_reference.operands import Operands
from conv_reference.quantities import QUANTITIES
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.trial.judge import Expected
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import Trial

A_TRANSFORM = "a transform (Winograd, FFT)"  # as a report names it
_FAR = 0.25  # of the greatest element or product
NOISE = 2.0**-7  # of the greatest element: more is no rounding


def leaves_noise(trial: Trial, quantity: str) -> bool:
    """Whether loud numbers show, by no more than rounding, in elements that have no part of them.

    Args:
        trial: the case; the target is called on a few operands of its own.
        quantity: Y, dX or dK.
    """
    plain = trial.writable()
    return any(_is_noisy(plain, quantity, draw) for draw in _draws(plain, quantity))


def transforms(trial: Trial, quantity: str) -> bool:
    """Whether it is right but for rounding, and mixes: over the case, or some pixels more.

    Args:
        trial: the case; the target is called on a few operands of its own.
        quantity: Y, dX, dK or db.
    """
    return not _is_wrong(trial, quantity) and mixes(trial, quantity)


def mixes(trial: Trial, quantity: str) -> bool:
    """Whether it leaves noise: over the case, or some pixels more, where less cancels exactly.

    Args:
        trial: the case; the target is called on a few operands of its own.
        quantity: Y, dX or dK.
    """
    return any(leaves_noise(tried, quantity) for tried in (trial, *larger(trial)))


def as_mixed(
    trial: Trial, judgement: Judgement, actual: Any, expected: Expected, *, real: bool = False
) -> Judgement:
    """Where no transform is in use: its allowance all the same, for a target that shows its noise.

    Strassen's product keeps no componentwise bound, for whatever kernel it is used.

    Args:
        trial: the case.
        judgement: what was judged wrong by the bounds of a direct algorithm.
        actual: what the target answered.
        expected: what the oracle says.
        real: whether the operands are real.
    """
    if not QUANTITIES[judgement.quantity].other:
        return judgement  # a sum alone
    allowed = replace(expected, transform=True)
    again = trial.judge(judgement.check, judgement.quantity, actual, allowed, real=real)
    kept = again.verdict == Verdict.ROUNDED and mixes(trial, judgement.quantity)
    return again if kept else judgement


def _is_wrong(trial: Trial, quantity: str) -> bool:
    """Whether it errs over plain integers by far more than any rounding."""
    value: Any = observe(trial.call()).get(quantity)
    expected = trial.expect(only=(quantity,))[quantity]
    wanted = expected.value
    if not isinstance(value, Tensor) or value.shape != wanted.shape or not wanted.numel():
        return True
    error = (value.detach().to("cpu", torch.float64) - wanted).abs().max()
    # Where every product is with padding, all elements are zero, but for a transform's noise.
    largest = max(float(wanted.abs().max()), expected.product())
    return float(error) > _FAR * largest


def larger(trial: Trial) -> Iterator[Trial]:
    """The same on a few more pixels: on the smallest sizes what is mixed may cancel exactly."""
    geometry = trial.case.geometry
    height, width = geometry.input_size
    wider = replace(geometry, input_size=(height + 6, width + 6))
    is_possible = trial.target.restrict_geometry(wider) == wider
    if is_possible and trial.target.can_be_exact(wider, trial.case.dtype):
        yield replace(trial, case=trial.case.on(wider))


@dataclass(frozen=True)
class _Draw:
    """Operands of which one is loud here and quiet there; the other lets little of it through."""

    mixed: Operands
    loud: Operands  # with the loud numbers alone
    quiet: Operands  # with the quiet ones alone


def _is_noisy(trial: Trial, quantity: str, draw: _Draw) -> bool:
    """Whether elements without a loud product err, by no more than rounding, beside loud numbers.

    They must not err without them: what is lost or added there, too, is a fault and no noise.
    """
    part = trial.expect(draw.loud, only=(quantity,))[quantity]
    apart = part.scale() == 0
    found = _errors(trial, quantity, draw.mixed, apart)
    if found is None or not float(found[0].sum()) > 0:
        return False
    error, greatest = found
    if not bool((error <= NOISE * max(greatest, part.product())).all()):
        return False
    control = _errors(trial, quantity, draw.quiet, apart)
    if control is None:
        return False
    # Where every product is with padding, all that is right is zero, as in ``_is_wrong``.
    product = trial.expect(draw.quiet, only=(quantity,))[quantity].product()
    return float(control[0].max()) <= NOISE * max(control[1], product)


def _errors(
    trial: Trial, quantity: str, operands: Operands, where: Tensor
) -> tuple[Tensor, float] | None:
    """The errors of some elements, and the greatest that is right; None without an answer."""
    value: Any = observe(trial.call(operands)).get(quantity)
    wanted = trial.expect(operands, only=(quantity,))[quantity].value
    if type(value) is not Tensor or value.shape != wanted.shape:
        return None
    error = (value.detach().to("cpu", torch.float64) - wanted).abs()[where]
    return error, float(wanted.abs().max())


_DRAWS = 5  # of each kind
_ROOM = 5  # powers of two below the end of the range: some loud numbers are added up


def _loud_and_quiet(dtype: torch.dtype) -> tuple[float, float]:
    """Two numbers further apart than float32 (in float64: than float64) has bits, or the range."""
    info, reach = torch.finfo(dtype), 40 if dtype == torch.float64 else 30
    high = min(reach, math.frexp(info.max)[1] - _ROOM)
    low = max(-reach, math.frexp(info.tiny)[1] - 1)
    return 2.0**high, 2.0**low


def _draws(trial: Trial, quantity: str) -> Iterator[_Draw]:
    """Each operand loud in turn: in some pixels, beside one tap; or anywhere, beside an impulse.

    All numbers are powers of two, so that a direct algorithm errs nowhere, in however few bits.
    """
    bilinear = QUANTITIES[quantity]
    if not bilinear.other:
        return
    given, factors = trial.operands, (bilinear.image, *bilinear.other)
    still = replace(given, bias=torch.zeros_like(given.bias))
    generator = torch.Generator().manual_seed(given.input.numel())
    for number in range(_DRAWS):
        for loud, other in (factors, factors[::-1]):
            for in_pixels in (True, False):
                tensor, factor = _signs(getattr(given, loud)), _signs(getattr(given, other))
                seen = slice(2, None) if in_pixels else slice(None)
                chosen = torch.rand(tensor.shape[seen], generator=generator) < _share(number)
                place = torch.zeros(factor.shape[seen], dtype=factor.dtype)
                if not place.numel():
                    return
                place.view(-1)[torch.randint(place.numel(), (1,), generator=generator)] = 1
                high, low = _loud_and_quiet(tensor.dtype)
                mixed = tensor * torch.where(chosen, high, low).to(tensor.dtype)
                operands = replace(still, **{loud: mixed, other: factor * place})
                parts = (mixed * part.to(mixed.dtype) for part in (chosen, ~chosen))
                alone = (replace(operands, **{loud: part}) for part in parts)
                yield _Draw(operands, *alone)


def _signs(tensor: Tensor) -> Tensor:
    """±1, the signs of the numbers."""
    return torch.where(tensor.to(torch.float64) < 0, -1, 1).to(tensor.dtype)


def _share(number: int) -> float:
    """Of the numbers, how many are loud: half of them, or now and then few."""
    return 0.5 if number % 2 == 0 else 0.2
