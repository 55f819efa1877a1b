"""Telling a transform (Winograd, FFT) from a direct algorithm: finite numbers mix in it, too.

Asked only where something looks wrong that would be in a transform's nature.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from conv_reference.operands import Operands
from conv_reference.quantities import QUANTITIES
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import Trial

_FAR = 0.25  # of the greatest element or product
NOISE = 2.0**-7  # of the greatest element: more is no rounding


def transforms(trial: Trial, quantity: str) -> bool:
    """Whether numbers mix that have no product in common, by no more than rounding.

    Integers round; or large numbers leave noise where they take no part.

    Args:
        trial: the case; the target is called on a few operands of its own.
        quantity: Y, dX, dK or db.
    """
    return not _is_wrong(trial, quantity) and any(
        _errs(tried, quantity, operands, loud)
        for tried in (trial, *_larger(trial))
        for operands, loud in _revealing(tried.operands, quantity)
    )


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


def _larger(trial: Trial) -> Iterator[Trial]:
    """The same on a few more pixels: on the smallest sizes what is mixed may cancel exactly."""
    geometry = trial.case.geometry
    height, width = geometry.input_size
    larger = replace(geometry, input_size=(height + 6, width + 6))
    if trial.target.restrict_geometry(larger) == larger and trial.target.can_be_exact(
        larger, trial.case.dtype
    ):
        yield replace(trial, case=trial.case.on(larger))


def _errs(trial: Trial, quantity: str, operands: Operands, loud: Tensor | None) -> bool:
    """Whether an element errs by rounding; where some numbers are loud, one without them."""
    value: Any = observe(trial.call(operands)).get(quantity)
    if not isinstance(value, Tensor):
        return False
    wanted = trial.expect(operands, only=(quantity,))[quantity]
    error = (value.detach().to("cpu", torch.float64) - wanted.value).abs()
    largest = float(wanted.value.abs().max())
    if loud is not None:
        largest = max(largest, float(loud.abs().max()))
        part = trial.expect(_silenced(operands, quantity, loud), only=(quantity,))[quantity]
        error = error[part.scale() == 0]
    return float(error.sum()) > 0 and bool((error <= NOISE * largest).all())


_DRAWS = 16


def _revealing(given: Operands, quantity: str) -> Iterator[tuple[Operands, Tensor | None]]:
    """Operands over which a direct algorithm is exact, and a transform is not.

    A transform may be exact over integers; but where loud and quiet pixels mix, the quiet ones
    are lost. The other factor has one position alone, so that each element reads one pixel.
    """
    yield given, None
    if not QUANTITIES[quantity].other:
        return
    loud, (other,) = QUANTITIES[quantity].image, QUANTITIES[quantity].other
    tensor, factor = getattr(given, loud), getattr(given, other)
    high, low = _RANGE.get(tensor.dtype, (2.0**30, 2.0**-30))
    still = replace(given, bias=torch.zeros_like(given.bias))
    generator = torch.Generator().manual_seed(tensor.numel())
    for _ in range(_DRAWS):
        chosen = torch.rand(tensor.shape[2:], generator=generator) < 0.5
        place = torch.zeros(factor.shape[2:], dtype=factor.dtype)
        place.view(-1)[torch.randint(place.numel(), (1,), generator=generator)] = 1
        pixels = tensor.sign() * torch.where(chosen, high, low).to(tensor.dtype)
        yield replace(still, **{loud: pixels, other: factor.sign() * place}), pixels * chosen


# A loud and a quiet number, further apart than float32 (in float64: than float64) has bits.
_RANGE = {torch.float16: (2.0**11, 2.0**-14), torch.float64: (2.0**40, 2.0**-40)}


def _silenced(operands: Operands, quantity: str, loud: Tensor) -> Operands:
    """The loud numbers alone: what they take part in is not zero."""
    return replace(operands, **{QUANTITIES[quantity].image: loud})
