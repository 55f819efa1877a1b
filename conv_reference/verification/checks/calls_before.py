"""The order of calls: what is called before in another way leaves nothing behind.

A cache, a workspace or a flag is filled by whichever call comes first. Most suites begin with an
ordinary one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Any

import torch
from torch import Tensor

from conv_reference.operands import Operands
from conv_reference.verification.checks._arguments import SETTLED
from conv_reference.verification.checks._calls import on, overwrite
from conv_reference.verification.checks._other_options import (
    BOTH,
    EITHER,
    WITH_OTHER_OPTIONS,
    Apart,
)
from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.model.case import DTYPES
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.target.loading import loaded_anew, loads_quickly
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
_Other = Callable[[Trial], Trial | None]  # None where there is no such case
_Prepared = tuple[Trial, Call, Any]  # the call that is judged; what is to live until then


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


def _on_other_numbers(trial: Trial) -> _Prepared:
    first = trial.call(_other_numbers(trial))
    _attempted(first)
    return trial, trial.call(), first


def _on_changed_tensors(trial: Trial) -> _Prepared:
    own = trial.writable()
    call = own.call(_other_numbers(own))
    _attempted(call)
    overwrite(call, own.operands)
    return own, call, None


def _on_freed_tensors(trial: Trial) -> _Prepared:
    _attempted(trial.call(_other_numbers(trial)))
    return trial, trial.call(), None


def _on_numbers_in_another_order(trial: Trial, **changes: Any) -> _Prepared | None:
    """The operands turned: sums, norms and extremes, by which one may be known again, are alike."""
    given = trial.operands
    turned = replace(given, weight=_turned(given.weight), input=_turned(given.input))
    if torch.equal(turned.weight, given.weight):
        return None
    _attempted(trial.call(turned, **changes))
    return trial, trial.call(**changes), None


def _turned(tensor: Tensor) -> Tensor:
    return tensor.flip([*range(tensor.dim())])


def _attempted(call: Call) -> None:
    with suppress(TargetRaised):
        observe(call)


def _other_numbers(trial: Trial) -> Operands:
    """Of which Y and each gradient is another; whether they are exact is not asked."""
    given = trial.operands
    return Operands(
        input=2 * given.input,
        weight=-3 * given.weight,
        bias=-given.bias,
        grad_output=5 * given.grad_output,
    )


# In a run other checks put these. Where one case is taken apart they come first: an ordinary call
# is the plainest of what shows that something is kept.
ORDINARY: dict[str, Callable[[Trial], _Prepared]] = {
    "after a call on other numbers of the same shapes": _on_other_numbers,
    "after a call on the same tensors, which were changed in place since": _on_changed_tensors,
    "after a call on other tensors of the same shapes, which are freed": _on_freed_tensors,
}
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
_IN_ANOTHER_ORDER: dict[str, dict[str, str]] = {  # and what is changed of both calls
    "after a call on the same numbers in another order": {},
    "without gradients, after a call on the same numbers in another order": {"requires_grad": ""},
}
_KINDS = (*_ON_THE_SAME_TENSORS, *_OF_OTHERS, *_IN_ANOTHER_ORDER)
_WIDTHS = (*_KINDS, *ORDINARY)  # by how many columns each is wider


@check(
    Row(
        "calls_before",
        "After a call in another mode, of another size or dtype, a call answers as ever.",
        "A cache or a workspace is filled by the call that comes first, in whatever mode it comes.",
        "a result cached without its graph, or a workspace of a larger batch (a class of faults)",
    ),
    traits=Traits(sample=Sample.MODES, graph=True, wider=_FAR[1] + len(_WIDTHS)),
)
def calls_before(trial: Trial) -> Iterator[Judgement]:
    """One call of each kind before, on sizes of its own: what is made for a shape is made there.

    Half of these are the first calls of the target's module, where that can be executed once more:
    what is looked up once in a process is looked up then. Whether what comes before is answered is
    a question of other checks.
    """
    with each_asked() as one:
        for said in trial.before or _kinds(trial):
            for first in trial.some(_whether_first(trial.target), f"{said} first"):
                with one():
                    own = _executed_again(trial) if first else trial
                    yield from _after(own, said, _WIDTHS.index(said) + _farther(own))


def _whether_first(target: Target) -> tuple[bool, ...]:
    """Whether the calls are to be the first of its module: both, where that can be had."""
    return (True, False) if _can_be_executed_again(target) else (False,)


def _executed_again(trial: Trial) -> Trial:
    """The trial of a target of whose module no call was made."""
    prepare = loaded_anew(trial.target).prepare
    return replace(trial, target=replace(trial.target, prepare=prepare))


def _can_be_executed_again(target: Target) -> bool:
    """Whether its module can be executed once more, and the target had of it without a call."""
    is_plain = target.importable and not (target.has_glue or target.convention or target.own)
    return is_plain and not target.name.startswith("torch.") and loads_quickly(target.name)


def _kinds(trial: Trial) -> Sequence[str]:
    # Each is two programs or more where shapes are compiled one by one, for seconds.
    if trial.target.compiles_each_shape:
        return trial.some(_KINDS)
    return _several(trial, _KINDS) if trial.brief else BEFORE["calls_before"]


def _several(trial: Trial, kinds: Iterable[str]) -> list[str]:
    """Some for a brief trial, of which one is a transform: that takes as long as others."""
    transforms = [kind for kind in kinds if "torch.func" in kind]
    usual = [kind for kind in kinds if kind not in transforms]
    return [*Random(f"{trial.key} kinds").sample(usual, _SEVERAL), *trial.some(transforms)]


def _farther(trial: Trial) -> int:
    """Columns, of half of the small cases so many that nothing was called on that width before."""
    drawn, geometry = Random(f"{trial.key} farther"), trial.case.geometry
    is_small = geometry.batch * geometry.input_size[0] * geometry.in_channels <= _SMALL
    return drawn.choice((0, drawn.randint(*_FAR))) if is_small else 0


def _after(trial: Trial, said: str, wider: int) -> Iterator[Judgement]:
    """One call after another of one kind, on an image that is wider by so many columns."""
    height, width = trial.case.geometry.input_size
    own = on(trial, replace(trial.case.geometry, input_size=(height, width + wider))) or trial
    prepared = _prepared(own, said)
    if prepared is None:
        return
    own, call, kept = prepared
    with under(said):
        found = observe(call)
    del kept  # until here
    missing = bool(call.leaves) or said not in _IN_ANOTHER_ORDER
    for judgement in against_oracle(own, "calls_before", found, said, missing=missing):
        yield judgement if judgement.is_exact else replace(judgement, case=own.case, before=said)


def _prepared(trial: Trial, said: str) -> _Prepared | None:
    """Once the calls before were made; None where there is no such case."""
    if said in ORDINARY:
        return ORDINARY[said](trial)
    if said in _IN_ANOTHER_ORDER:
        return _on_numbers_in_another_order(trial, **_IN_ANOTHER_ORDER[said])
    call = trial.call()
    if said in _ON_THE_SAME_TENSORS:
        with suppress(TargetRaised), target_code("Y"):
            _ON_THE_SAME_TENSORS[said](call)
        return trial, call, None
    other = _OF_OTHERS[said](trial)
    if other is None:
        return None
    _attempted(other.call())
    return trial, call, None


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
    traits=Traits(sample=Sample.MODES, cannot=_no_options, wider=len(WITH_OTHER_OPTIONS)),
)
def options_before(trial: Trial) -> Iterator[Judgement]:
    """Two passes whose operands, padded images or outputs have the same shapes, or two calls.

    The calls are made without a graph: what is kept there is often something else. Each kind has
    sizes of its own, as for ``calls_before``.
    """
    kinds = BEFORE["options_before"]
    # Each is four programs or more where shapes are compiled one by one, for seconds.
    asked = trial.some(kinds) if trial.target.compiles_each_shape else kinds
    asked = trial.before or asked
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
    apart = WITH_OTHER_OPTIONS[said]
    kind, pair = said, _drawn(trial, apart(geometry, EITHER), said)
    if pair is None:  # as of options that are one integer for both axes
        pair = _drawn(trial, apart(geometry, BOTH), said)
    if pair is None:
        return
    own, other = pair
    with torch.set_grad_enabled(graph), suppress(TargetRaised):
        _answers(other.call(), graph=graph)
    said += f" ({other.case.geometry})" + ("" if graph else ", both without gradients")
    with torch.set_grad_enabled(graph), under(said):
        found = _answers(own.call(), graph=graph)
    for judgement in against_oracle(own, "options_before", found, said, missing=graph):
        yield judgement if judgement.is_exact else replace(judgement, case=own.case, before=kind)


def _answers(call: Call, *, graph: bool) -> dict[str, Any]:
    if graph:
        return observe(call)
    with target_code("Y"):
        return {"Y": call.forward()}


def _drawn(trial: Trial, pairs: Iterable[Apart], said: str) -> tuple[Trial, Trial] | None:
    """The trial on two geometries that differ in an option; None where it can be asked for none.

    Each option is as likely, however many pairs it has.
    """
    drawn, by_option = Random(f"{trial.key} {said}"), dict[str, list[Apart]]()
    for pair in pairs:
        by_option.setdefault(pair[0], []).append(pair)
    for option in drawn.sample([*by_option], len(by_option)):
        every = by_option[option]
        for _, own, other in drawn.sample(every, len(every)):
            asked, before = on(trial, own), on(trial, other)
            if asked is not None and before is not None:
                return asked, before
    return None


# By the row: the kinds of calls that come before, those that show it the plainest first.
BEFORE: dict[str, Sequence[str]] = {
    "calls_before": (*ORDINARY, *_IN_ANOTHER_ORDER, *_OF_OTHERS, *_ON_THE_SAME_TENSORS),
    "options_before": tuple(WITH_OTHER_OPTIONS),
}
