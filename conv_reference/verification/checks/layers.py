"""The life of a layer: copied, pickled, loaded anew, its options and its dtype another in between.

Whatever became of it, it answers by the parameters and the options that it has.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from conv_reference.geometry import resolve_padding
from conv_reference.operands import Operands
from conv_reference.verification.checks._arguments import can_be_put
from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.checks.inference import no_layer
from conv_reference.verification.model.case import Layout
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.target.answers import looked_at, type_name
from conv_reference.verification.target.target import Call
from conv_reference.verification.trial.agreement import against_oracle, agree, observed
from conv_reference.verification.trial.integers import own
from conv_reference.verification.trial.judge import whole
from conv_reference.verification.trial.trial import TargetRaised, Trial, target_code, under


@check(
    Row(
        "copied_layer",
        "A layer that was copied, or pickled and loaded, gives the same Y, by its own parameters.",
        "Models are copied for averaging and evaluation, and sent to other processes.",
        "an option that is no part of the layer's state (a class of faults)",
    ),
    traits=Traits(
        sample=Sample.FEW, times=3, cannot=no_layer, concerns=lambda target: target.is_module
    ),
)
def copied_layer(trial: Trial) -> Iterator[Judgement]:
    """By ``copy.deepcopy`` and by ``pickle``; a class that cannot be pickled is not checked."""
    trial = _written_to(trial)
    call = trial.call(requires_grad="")
    assert call.layer is not None  # or the check is unsupported
    for how, copied in _COPIES:
        with target_code("Y"):
            other = copied(call.layer)
            if other is None:
                continue
            with torch.no_grad():
                Y = looked_at(other(call.X))
        found = [*against_oracle(trial, "copied_layer", {"Y": Y}, f"of the layer {how}")]
        found += _thawed(call.layer, other, how)
        yield from found
        if all(judgement.is_exact for judgement in found):
            yield from _by_its_own(trial, call, other, how)
    yield from _of_a_word(trial)


def _written_to(trial: Trial) -> Trial:
    """Of parameters that are written to no two elements are one in memory."""
    return replace(trial, case=trial.case.without(Layout.EXPANDED))


def _of_a_word(trial: Trial) -> Iterator[Judgement]:
    """A layer whose padding is "same": how much that is on each side may be worked out once."""
    plain, layer_with = replace(trial, case=trial.case.contiguous()), trial.target.layer_with
    g = plain.case.geometry
    same = resolve_padding("same", g.kernel_size, (1, 1), g.dilation)
    there = replace(plain, case=plain.case.on(replace(g, stride=(1, 1), padding=same)))
    if not trial.target.words or layer_with is None or not can_be_put(there, there.case.geometry):
        return
    given = {"padding": "same", "dilation": g.dilation, "groups": g.groups}
    options = {name: value for name, value in given.items() if name in trial.target.options}
    X, K = own(there, "dX", there.operands.input), own(there, "dK", there.operands.weight)
    b = own(there, "db", there.operands.bias) if there.case.bias else None
    try:
        with target_code("Y"):
            layer = layer_with(K, b, **options)
            layer(X)
    except TargetRaised:  # as padding_words finds
        return
    for how, copied in _COPIES:
        said = f"of the layer {how}, with padding='same' and a stride of 1"
        with torch.no_grad(), under(said), target_code("Y"):
            other = copied(layer)
            if other is None:
                continue
            Y = looked_at(other(X))
        yield from against_oracle(there, "copied_layer", {"Y": Y}, said)


def _thawed(layer: nn.Module, other: nn.Module, how: str) -> Iterator[Judgement]:
    """A parameter that asks for gradients in the copy, and not in the layer, or the reverse."""
    named = dict(other.named_parameters())
    for name, parameter in layer.named_parameters():
        copied = named.get(name)
        if copied is not None and copied.requires_grad != parameter.requires_grad:
            should, found = (str(p.requires_grad) for p in (parameter, copied))
            why = f"of the layer {how}: requires_grad of {name} should be {should}, is {found}"
            yield whole("copied_layer", "Y", should, found, why)


def _by_its_own(trial: Trial, call: Call, other: nn.Module, how: str) -> Iterator[Judgement]:
    """The copy's parameters change their sign: its Y does, and that of the first layer does not."""
    given, own = trial.operands, [*other.parameters()]
    if len(own) != 1 + trial.case.bias:  # K may be made of several
        return
    turned = replace(given, weight=-given.weight, bias=-given.bias)
    with torch.no_grad(), target_code("Y"):
        for parameter in own:
            parameter.neg_()
        Y, first = looked_at(other(call.X)), call.forward()
        for parameter in own:
            parameter.neg_()
    said = f"of the layer {how}, when the copy's parameters changed their sign"
    yield from against_oracle(trial, "copied_layer", {"Y": Y}, said, operands=turned)
    said = f"of the layer that was {how}, when the copy's parameters changed their sign"
    yield from against_oracle(trial, "copied_layer", {"Y": first}, said)


def _pickled(layer: nn.Module) -> nn.Module | None:
    """A layer of a class that nobody can import, as of a notebook, is not pickled."""
    try:
        data = pickle.dumps(layer)
    except (pickle.PicklingError, AttributeError, TypeError):
        return None
    loaded: nn.Module = pickle.loads(data)
    return loaded


_Copied = Callable[[nn.Module], nn.Module | None]
_COPIES: tuple[tuple[str, _Copied], ...] = (
    ("copied", copy.deepcopy),
    ("pickled and loaded", _pickled),
)


@check(
    Row(
        "options_set_back",
        "A layer whose stride, padding or dilation was another for one call gives the same Y.",
        "Networks for segmentation are made of others, with the strides and dilations set anew.",
        "what is worked out of a layer's options at its first call, and kept (a class of faults)",
    ),
    traits=Traits(sample=Sample.FEW, cannot=no_layer, concerns=lambda target: target.is_module),
)
def options_set_back(trial: Trial) -> Iterator[Judgement]:
    """One option at a time, by torch's name, where the layer has it as a number or several.

    What the call between answers is not judged: a layer need not read its options at each call.
    """
    for name in ("stride", "padding", "dilation"):
        call = trial.call(requires_grad="")
        value = vars(call.layer).get(name)
        if not _is_numbers(value):
            continue
        if not _is_set(call.layer, name, _one_more(value)):
            continue
        try:
            with torch.no_grad(), target_code("Y"):
                call.forward()
        except TargetRaised:
            continue
        said = f"of a layer whose {name} was another for one call before"
        with torch.no_grad(), under(said), target_code("Y"):
            setattr(call.layer, name, value)
            Y = call.forward()
        yield from against_oracle(trial, "options_set_back", {"Y": Y}, said)


def _is_numbers(value: Any) -> bool:
    values = value if isinstance(value, tuple | list) else [value]
    return bool(values) and all(type(each) is int for each in values)


def _is_set(layer: Any, name: str, value: Any) -> bool:
    """Whether it can be: a layer may take its options once."""
    with suppress(Exception):
        setattr(layer, name, value)
        return True
    return False


def _one_more(value: Any) -> Any:
    return value + 1 if type(value) is int else type(value)(each + 1 for each in value)


@check(
    Row(
        "reloaded_layer",
        "A layer whose state is loaded, or that was of another dtype for one call, answers by its "
        "parameters, in train() and in eval().",
        "Training is gone on with, averaged and deployed by load_state_dict and by to().",
        "a kernel packed at the first call, and not when one is loaded (a class of faults)",
    ),
    traits=Traits(
        sample=Sample.FEW, times=3, cannot=no_layer, concerns=lambda target: target.is_module
    ),
)
def reloaded_layer(trial: Trial) -> Iterator[Judgement]:
    """Each change in turn, after a call, on a layer of its own, without gradients.

    What the call in between answers is not judged: a layer need not take each dtype.
    """
    trial = _written_to(trial)
    turned = replace(trial.operands, weight=-trial.operands.weight, bias=-trial.operands.bias)
    yield from _of_its_state(trial)
    for training in (True, False):
        for how, (change, operands) in _changes(trial, turned).items():
            call = trial.call(requires_grad="")
            layer = call.layer
            if layer is None or len([*layer.parameters()]) != 1 + trial.case.bias:
                return  # K may be made of several
            said = f"{'in train()' if training else 'in eval()'}, {how}"
            with torch.no_grad(), under(said), target_code("Y"):
                layer.train(training)
                looked_at(layer(call.X))
                change(layer, call)
                Y = looked_at(layer(call.X))
            yield from against_oracle(trial, "reloaded_layer", {"Y": Y}, said, operands=operands)
    yield from _made_without_numbers(trial)


def _made_without_numbers(trial: Trial) -> Iterator[Judgement]:
    """As large models are loaded: on no device, then on one without numbers, then by a state.

    What is in no state is lost there, of torch's layers nothing: nobody promises it.
    """
    call = trial.call(requires_grad="")
    layer = call.layer
    assert layer is not None  # or the check is unsupported
    state = {name: value.clone() for name, value in layer.state_dict().items()}
    with torch.no_grad():
        with target_code("Y"):
            Y = looked_at(layer(call.X))
        try:
            with target_code("Y"):
                layer.to("meta").to_empty(device=trial.device)
                for kept in (*layer.parameters(), *layer.buffers()):
                    kept.zero_()
                layer.load_state_dict(state)
                again = looked_at(layer(call.X))
        except TargetRaised as raised:
            became = f"raises {type_name(raised.error)}"
        else:
            compared = agree(trial, "reloaded_layer", {"Y": again}, {"Y": Y}, "", same=True)
            became = "" if all(each.is_exact for each in compared) else "answers otherwise"
    if became:
        said = "a layer that is made on no device, and loaded by to_empty and load_state_dict, "
        said += f"{became}: more than its state is needed"
        yield observed("reloaded_layer", "Y", said)


def _of_its_state(trial: Trial) -> Iterator[Judgement]:
    """What else is loaded with the parameters, and in which order an optimizer has them."""
    layer = trial.call(requires_grad="").layer
    assert layer is not None  # or the check is unsupported
    names = [name for name, _ in layer.named_parameters()]
    more = sorted({*layer.state_dict()} - {*names})
    if more:
        said = f"state_dict() holds more than the parameters: {', '.join(more)}"
        yield observed("reloaded_layer", "", said)
    if names == ["bias", "weight"]:
        said = "parameters() has the bias before the kernel, which is first in torch's layers: a "
        said += "vector of parameters, or an optimizer's state, of one is not the other's"
        yield observed("reloaded_layer", "", said)


_Change = Callable[[nn.Module, Call], None]


def _changes(trial: Trial, turned: Operands) -> dict[str, tuple[_Change, Operands]]:
    """In words: what is done to the layer, and the operands by which it answers then."""
    return {
        "after load_state_dict with another kernel": (_loaded, turned),
        "after load_state_dict with another kernel, which changes afterwards": (_copied, turned),
        "after load_state_dict(assign=True) with another kernel": (_assigned, turned),
        "after a call in a wider dtype": (_widened, trial.operands),
    }


def _state(layer: nn.Module) -> dict[str, Any]:
    """Its state with each parameter's sign changed."""
    own = dict(layer.named_parameters())
    return {name: -own[name] if name in own else v for name, v in layer.state_dict().items()}


def _loaded(layer: nn.Module, _: Call) -> None:
    layer.load_state_dict(_state(layer))


def _copied(layer: nn.Module, _: Call) -> None:
    """What is loaded is copied: the state of a layer in training goes on changing."""
    state = _state(layer)
    layer.load_state_dict(state)
    for name, _parameter in layer.named_parameters():
        state[name].neg_()


def _assigned(layer: nn.Module, _: Call) -> None:
    layer.load_state_dict(_state(layer), assign=True)


def _widened(layer: nn.Module, call: Call) -> None:
    """To the dtype in which each of its numbers is one, and back."""
    own = call.X.dtype
    if own == torch.float64:
        return
    wide = torch.float64 if own == torch.float32 else torch.float32
    layer.to(wide)
    with suppress(Exception):
        layer(call.X.to(wide))
    layer.to(own)
