"""Files of kernel benchmarks: a module that is made by ``get_init_inputs``, at given sizes.

``ModelNew(*get_init_inputs())`` is judged as an instance, at the sizes of ``get_inputs()``, of its
batch as many as a processor can be asked for, and at others near them.
"""

from __future__ import annotations

import inspect
import sys
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from conv_reference.geometry import Geometry
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.answers import message_of, type_name
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.target.spelling import (
    LayerOfNames,
    LayerSpelling,
    Spelling,
    StrangersSpelling,
)
from conv_reference.verification.target.strangers.trials import Trials
from conv_reference.verification.target.target import Target

_MADE, _GIVEN = "get_init_inputs", "get_inputs"
# Numbers of X, or of a Y of the same plane: a benchmark fills an accelerator, and a processor that
# takes half a minute for one case of it would be taken to hang.
_MOST = 2**22


def is_benchmark(value: Any) -> bool:
    """Whether it is a class of layers whose module says how it is made and called."""
    if not inspect.isclass(value) or not issubclass(value, nn.Module):
        return False
    module = sys.modules.get(value.__module__)
    return all(inspect.isfunction(getattr(module, name, None)) for name in (_MADE, _GIVEN))


def benchmark_target(
    layer: type[nn.Module],
    name: str,
    operator: str | None,
    convention: str | None,
    trials: Trials | None = None,
) -> Target:
    """The instance as a target, with the sizes of its own inputs.

    Args:
        layer: the class.
        name: of the target.
        operator: see ``as_target``.
        convention: see ``as_target``.
        trials: see ``as_target``.

    Raises:
        TargetError: when it cannot be made, or is no convolution; says why.
    """
    module = sys.modules[layer.__module__]
    try:
        made = layer(*getattr(module, _MADE)())
        given = getattr(module, _GIVEN)()
    except Exception as error:
        said = f"{type_name(error)}: {message_of(error)}"
        raise TargetError(f"cannot make {name!r} by {_MADE}() and {_GIVEN}(): {said}") from error
    target = as_target(made, name=name, operator=operator, convention=convention, trials=trials)
    X = given[0] if given else None
    own = _geometry(target, X)
    batch = len(X) if own is not None and isinstance(X, Tensor) else 0
    return replace(target, own=own, own_batch=batch, spelling=_spelling(target.spelling))


def _spelling(spelling: Spelling | None) -> Spelling | None:
    """The same, but for how it is made."""
    match spelling:
        case LayerSpelling():
            return replace(spelling, by_init_inputs=True)
        case StrangersSpelling(layer=LayerOfNames() as layer):
            return replace(spelling, layer=replace(layer, by_init_inputs=True))
        case _:
            return spelling


def _geometry(target: Target, X: Any) -> Geometry | None:
    """The sizes of the input that it is given, where that has four."""
    if not isinstance(X, Tensor) or X.dim() != 4:
        return None
    n, channels, h, w = X.shape
    if channels != target.fixed.get("in_channels", channels):  # channels last
        h, w = channels, h
    plain = target.restrict_geometry(Geometry(batch=n, input_size=(h, w), kernel_size=(1, 1)))
    if plain.input_size != (h, w):
        return None
    sample = h * w * max(plain.in_channels, plain.out_channels)
    return replace(plain, batch=max(1, min(n, _MOST // sample)))
