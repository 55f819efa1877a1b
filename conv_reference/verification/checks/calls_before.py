"""The order of calls: what is called before in another way leaves nothing behind.

A cache, a workspace or a flag is filled by whichever call comes first. Most suites begin with an
ordinary one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import product
from random import Random
from typing import Any

import torch
from torch import Tensor

from conv_reference.geometry import Geometry, Pair
from conv_reference.verification.checks._arguments import SETTLED
from conv_reference.verification.checks._calls import on
from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.model.case import DTYPES
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.target.target import Call, Target
from conv_reference.verification.trial.agreement import against_oracle
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import (
    TargetRaised,
    Trial,
    each_asked,
    target_code,
    under,
)

_MORE = 3  # samples of a larger batch
_SEVERAL = 3  # kinds of usual calls before, of a brief trial
_SMALL = 200  # numbers in a column
_FAR = (20, 90)  # columns by which an image is wider than those of other checks
_Call = Callable[[Call], Any]
_Apart = tuple[str, Geometry, Geometry]  # the option in which they differ
_Axes = tuple[int, ...]  # along which they do
_EITHER: tuple[_Axes, ...] = ((0,), (1,))
_BOTH: tuple[_Axes, ...] = ((0, 1),)
_Other = Callable[[Trial], Trial | None]  # None where there is no such case


def _without_gradients(call: Call) -> None:
    with torch.no_grad():
        call.forward()


def _in_inference_mode(call: Call) -> None:
    with torch.inference_mode():
        call.forward()


def _under_autocast(call: Call) -> None:
    with torch.autocast(call.X.device.type, torch.bfloat16):
        call.forward()


def _under_vjp(call: Call) -> None:
    pulled = torch.func.vjp(_of_input(call), call.X.detach())
    pulled[1](call.G)


def _under_jvp(call: Call) -> None:
    X = call.X.detach()
    torch.func.jvp(_of_input(call), (X,), (X,))


def _under_vmap(call: Call) -> None:
    X = call.X.detach()
    torch.func.vmap(_of_input(call))(torch.stack([X, X]))


def _of_input(call: Call) -> Callable[[Tensor], Any]:
    return lambda X: call.function(X, call.K, call.b)


def _without_backward(call: Call) -> None:
    call.forward()


def _with_more_samples(trial: Trial) -> Trial | None:
    return _of_batch(trial, trial.case.geometry.batch + _MORE)


def _with_fewer_samples(trial: Trial) -> Trial | None:
    return _of_batch(trial, trial.case.geometry.batch - 1)


def _of_batch(trial: Trial, batch: int) -> Trial | None:
    return on(trial, replace(trial.case.geometry, batch=batch)) if batch > 0 else None


def _in_another_dtype(trial: Trial) -> Trial | None:
    offer = trial.target.offer
    names = [name for name in DTYPES if offer is None or name in offer.dtypes]
    others = [DTYPES[name] for name in names if DTYPES[name] != trial.case.dtype]
    return replace(trial, case=replace(trial.case, dtype=others[0])) if others else None


_ON_THE_SAME_TENSORS: dict[str, _Call] = {
    "after a call under torch.no_grad on the same tensors": _without_gradients,
    "after a call in inference mode on the same tensors": _in_inference_mode,
    "after a call under autocast on the same tensors": _under_autocast,
    "after torch.func.vjp on the same tensors": _under_vjp,
    "after torch.func.jvp on the same tensors": _under_jvp,
    "after torch.func.vmap on the same tensors": _under_vmap,
    "after a call on the same tensors without a backward pass": _without_backward,
}
_OF_OTHERS: dict[str, _Other] = {
    "after a pass of more samples": _with_more_samples,
    "after a pass of fewer samples": _with_fewer_samples,
    "after a pass in another dtype": _in_another_dtype,
}


@check(
    Row(
        "calls_before",
        "After a call in another mode, of another size or dtype, a call answers as ever.",
        "A cache or a workspace is filled by the call that comes first, in whatever mode it comes.",
        "a result cached without its graph, or a workspace of a larger batch (a class of faults)",
    ),
    traits=Traits(sample=Sample.MODES, graph=True),
)
def calls_before(trial: Trial) -> Iterator[Judgement]:
    """One call of each kind before, on sizes of its own: what is made for a shape is made there.

    Whether what comes before is answered is a question of other checks.
    """
    kinds = [*_ON_THE_SAME_TENSORS, *_OF_OTHERS]
    # Each is two programs or more where shapes are compiled one by one, for seconds.
    some = trial.some(kinds) if trial.target.compiles_each_shape else _several(trial, kinds)
    with each_asked() as one:
        for said in some:
            with one():
                yield from _after(trial, said, kinds.index(said) + _farther(trial))


def _several(trial: Trial, kinds: Iterable[str]) -> list[str]:
    """Where the trial is brief, some, of which one is a transform: that takes as long as others."""
    transforms = [kind for kind in kinds if "torch.func" in kind]
    usual = [kind for kind in kinds if kind not in transforms]
    if trial.brief:
        usual = Random(f"{trial.key} kinds").sample(usual, _SEVERAL)
    return [*usual, *trial.some(transforms)]


def _farther(trial: Trial) -> int:
    """Columns, of half of the small cases so many that nothing was called on that width before."""
    drawn, geometry = Random(f"{trial.key} farther"), trial.case.geometry
    is_small = geometry.batch * geometry.input_size[0] * geometry.in_channels <= _SMALL
    return drawn.choice((0, drawn.randint(*_FAR))) if is_small else 0


def _after(trial: Trial, said: str, wider: int) -> Iterator[Judgement]:
    """One call after another of one kind, on an image that is wider by so many columns."""
    height, width = trial.case.geometry.input_size
    own = on(trial, replace(trial.case.geometry, input_size=(height, width + wider))) or trial
    call = own.call()
    if said in _ON_THE_SAME_TENSORS:
        with suppress(TargetRaised), target_code("Y"):
            _ON_THE_SAME_TENSORS[said](call)
    else:
        other = _OF_OTHERS[said](own)
        if other is None:
            return
        with suppress(TargetRaised):
            observe(other.call())
    with under(said):
        found = observe(call)
    for judgement in against_oracle(own, "calls_before", found, said, missing=True):
        yield judgement if judgement.is_exact else replace(judgement, case=own.case)


def _no_options(target: Target) -> str | None:
    if {"stride", "padding", "dilation"} & target.options:
        return None
    return SETTLED if target.is_settled else "it has neither stride nor padding nor dilation"


@check(
    Row(
        "options_before",
        "After a call with another stride, padding or dilation a call answers as ever.",
        "What is kept for a call is found again by a key, and a key can lack one of the options.",
        "a padded buffer whose border holds the last pixels of a larger image (a class of faults)",
        follows=("certificate",),
    ),
    traits=Traits(sample=Sample.MODES, cannot=_no_options),
)
def options_before(trial: Trial) -> Iterator[Judgement]:
    """Two passes whose operands, padded images or outputs have the same shapes, or two calls.

    The calls are made without a graph: what is kept there is often something else. Each kind has
    sizes of its own, as for ``calls_before``.
    """
    kinds = [*_WITH_OTHER_OPTIONS]
    # Each is four programs or more where shapes are compiled one by one, for seconds.
    asked = trial.some(kinds) if trial.target.compiles_each_shape else kinds
    with each_asked() as one:
        for said in asked:
            wider = kinds.index(said)
            for graph in trial.some((True, False), said):
                with one():
                    yield from _after_others(trial, said, graph=graph, wider=wider)


def _after_others(trial: Trial, said: str, *, graph: bool, wider: int) -> Iterator[Judgement]:
    """One call after another with other options; see ``_after``."""
    height, width = trial.case.geometry.input_size
    geometry = replace(trial.case.geometry, input_size=(height, width + wider))
    apart = _WITH_OTHER_OPTIONS[said]
    pair = _drawn(trial, apart(geometry, _EITHER), said)
    if pair is None:  # as of options that are one integer for both axes
        pair = _drawn(trial, apart(geometry, _BOTH), said)
    if pair is None:
        return
    own, other = pair
    with torch.set_grad_enabled(graph), suppress(TargetRaised):
        _answers(other.call(), graph=graph)
    said += f" ({other.case.geometry})" + ("" if graph else ", both without gradients")
    with torch.set_grad_enabled(graph), under(said):
        found = _answers(own.call(), graph=graph)
    for judgement in against_oracle(own, "options_before", found, said, missing=graph):
        yield judgement if judgement.is_exact else replace(judgement, case=own.case)


def _answers(call: Call, *, graph: bool) -> dict[str, Any]:
    if graph:
        return observe(call)
    with target_code("Y"):
        return {"Y": call.forward()}


def _drawn(trial: Trial, pairs: Iterable[_Apart], said: str) -> tuple[Trial, Trial] | None:
    """The trial on two geometries that differ in an option; None where it can be asked for none.

    Each option is as likely, however many pairs it has.
    """
    drawn, by_option = Random(f"{trial.key} {said}"), dict[str, list[_Apart]]()
    for pair in pairs:
        by_option.setdefault(pair[0], []).append(pair)
    for option in drawn.sample([*by_option], len(by_option)):
        every = by_option[option]
        for _, own, other in drawn.sample(every, len(every)):
            asked, before = on(trial, own), on(trial, other)
            if asked is not None and before is not None:
                return asked, before
    return None


def _of_the_same_operands(geometry: Geometry, which: Iterable[_Axes]) -> Iterator[_Apart]:
    """X and K of the same shapes: one option is larger or smaller by 1."""
    for axes in which:
        for option, other in _with_another_option(geometry, axes):
            yield option, geometry, other


def _of_larger_images(geometry: Geometry, which: Iterable[_Axes]) -> Iterator[_Apart]:
    """What the padding is less of, the image is more of."""
    yield from _as_large_when_padded(geometry, which, (-1, -2))


def _of_smaller_images(geometry: Geometry, which: Iterable[_Axes]) -> Iterator[_Apart]:
    """What the padding is more of, the image is less of."""
    yield from _as_large_when_padded(geometry, which, (1, 2))


def _as_large_when_padded(
    geometry: Geometry, which: Iterable[_Axes], steps: Pair
) -> Iterator[_Apart]:
    for axes, by in product(which, steps):
        size = _longer(geometry.input_size, axes, -2 * by)
        padding = _padded(geometry, axes, by)
        for other in _if_possible(geometry, input_size=size, padding=padding):
            yield "padding", geometry, other


def _of_the_same_outputs(geometry: Geometry, which: Iterable[_Axes]) -> Iterator[_Apart]:
    """X, K and Y of the same shapes: a stride's remainder takes up what one option adds."""
    for axes, stride, longer in product(which, _STRIDES, range(_MOST_LONGER)):
        size = _longer(geometry.input_size, axes, longer)
        strides = _at(geometry.stride, axes, stride)
        for own in _if_possible(geometry, input_size=size, stride=strides):
            for option, other in _with_another_option(own, axes):
                if other.output_size == own.output_size:
                    yield option, own, other


def _with_another_option(geometry: Geometry, axes: _Axes) -> Iterator[tuple[str, Geometry]]:
    """One option along these axes larger or smaller by 1, by its name."""
    for by in (1, -1):
        for name in ("stride", "dilation"):
            pair: Pair = getattr(geometry, name)
            for other in _if_possible(geometry, **{name: _longer(pair, axes, by)}):
                yield name, other
        for other in _if_possible(geometry, padding=_padded(geometry, axes, by)):
            yield "padding", other


def _at(pair: Pair, axes: _Axes, value: int) -> Pair:
    height, width = (value if axis in axes else own for axis, own in enumerate(pair))
    return height, width


def _longer(pair: Pair, axes: _Axes, by: int) -> Pair:
    height, width = (own + by * (axis in axes) for axis, own in enumerate(pair))
    return height, width


def _padded(geometry: Geometry, axes: _Axes, by: int) -> tuple[Pair, Pair]:
    """Its padding, with so many more elements at both sides of these axes."""
    rows, columns = (
        _longer(sides, (0, 1) if axis in axes else (), by)
        for axis, sides in enumerate(geometry.padding)
    )
    return rows, columns


def _if_possible(geometry: Geometry, **changed: Any) -> Iterator[Geometry]:
    with suppress(ValueError):
        yield replace(geometry, **changed)


# That leave a remainder which takes up what an option adds, and how much longer an axis is for it.
_STRIDES, _MOST_LONGER = (1, 3, 4), 3
_WITH_OTHER_OPTIONS: dict[str, Callable[[Geometry, Iterable[_Axes]], Iterator[_Apart]]] = {
    "after a pass with other options on operands of these shapes": _of_the_same_operands,
    "after a pass of a larger image, with less padding as large": _of_larger_images,
    "after a pass of a smaller image, with more padding as large": _of_smaller_images,
    "after a pass with other options and an output of this shape": _of_the_same_outputs,
}
