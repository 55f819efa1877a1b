"""Modes of use: without gradients, in inference mode, and a layer in evaluation, copied, changed.

Each may take a path of its own through an implementation: fused, folded, cached.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.target.answers import looked_at, type_name
from conv_reference.verification.target.target import Call, Target
from conv_reference.verification.trial.agreement import against_oracle
from conv_reference.verification.trial.judge import whole
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import TargetRaised, Trial, target_code, under

_MODES = {
    torch.no_grad: "under torch.no_grad",
    torch.inference_mode: "under torch.inference_mode",
}


@check(
    Row(
        "without_gradients",
        "Y is the same under torch.no_grad and torch.inference_mode, and has no graph there.",
        "A fast path for inference is one that no test of gradients takes.",
        "a fast path for inference that leaves out what training does (a class of faults)",
    ),
    traits=Traits(sample=Sample.MODES, graph=True, times=2),
)
def without_gradients(trial: Trial) -> Iterator[Judgement]:
    """Y of operands that ask for gradients, and of tensors made in inference mode."""
    call = trial.call()
    for mode, said in _MODES.items():
        with mode(), under(said), target_code("Y"):
            Y = call.forward()
        yield from against_oracle(trial, "without_gradients", {"Y": Y}, said)
        yield from _with_a_graph("without_gradients", Y, said)
    said = "under torch.inference_mode, of tensors made there"
    with torch.inference_mode(), under(said):
        inside = trial.call(requires_grad="")
        with target_code("Y"):
            Y = inside.forward()
    yield from against_oracle(trial, "without_gradients", {"Y": Y}, said)


def _with_a_graph(row: str, Y: Any, said: str) -> Iterator[Judgement]:
    """A Y that requires gradients where none are to be recorded: memory for each call.

    The mode belongs to a thread, so that a worker that computes Y does not have it.
    """
    if isinstance(Y, Tensor) and Y.requires_grad:
        explanation = f"{said}: Y should have no graph, requires gradients, and holds a graph"
        found = whole(row, "Y", "without a graph", "with one", explanation)
        yield replace(found, cause=_NOT_INHERITED)


_NOT_INHERITED = (
    "Perhaps Y is computed in another thread, which has its own mode, or under torch.enable_grad."
)


def _another(returned: Any) -> Judgement:
    """Torch's own modules return themselves, and so ``layer.eval()(x)`` is written."""
    gave = "None" if returned is None else f"a {type_name(returned)}"
    why = f"eval() should return the layer, returns {gave}"
    return whole("evaluation", "Y", "the layer", gave, why)


def _no_layer(target: Target) -> str | None:
    return None if target.is_module else "it is no layer, and so has no mode of evaluation"


@check(
    Row(
        "evaluation",
        "A layer in eval() gives the same Y, dX, dK and db, and again when back in train().",
        "What is trained in one mode is deployed in the other.",
        "weights folded or packed for evaluation, wrongly (a class of faults)",
    ),
    traits=Traits(sample=Sample.MODES, cannot=_no_layer, concerns=lambda target: target.is_module),
)
def evaluation(trial: Trial) -> Iterator[Judgement]:
    """In evaluation with gradients and without, and in training after it."""
    call = trial.call()
    layer = call.layer
    assert layer is not None  # or the check is unsupported
    for mode, said in ((False, "in eval()"), (True, "back in train()")):
        with under(said):
            with target_code("Y"):
                itself: Any = layer.train() if mode else layer.eval()
            found = observe(call)
        if itself is not layer and not mode:
            yield _another(itself)
        yield from against_oracle(trial, "evaluation", found, said)
        with torch.no_grad(), under(f"{said} under torch.no_grad"), target_code("Y"):
            Y = call.forward()
        yield from against_oracle(trial, "evaluation", {"Y": Y}, f"{said} under torch.no_grad")
        yield from _with_a_graph("evaluation", Y, f"{said} under torch.no_grad")


@check(
    Row(
        "copied_layer",
        "A layer that was copied, or pickled and loaded, gives the same Y, by its own parameters.",
        "Models are copied for averaging and evaluation, and sent to other processes.",
        "an option that is no part of the layer's state (a class of faults)",
    ),
    traits=Traits(
        sample=Sample.FEW, times=3, cannot=_no_layer, concerns=lambda target: target.is_module
    ),
)
def copied_layer(trial: Trial) -> Iterator[Judgement]:
    """By ``copy.deepcopy`` and by ``pickle``; a class that cannot be pickled is not checked."""
    call = trial.call(requires_grad="")
    assert call.layer is not None  # or the check is unsupported
    for how, copied in (("copied", copy.deepcopy), ("pickled and loaded", _pickled)):
        with target_code("Y"):
            other = copied(call.layer)
            if other is None:
                continue
            with torch.no_grad():
                Y = looked_at(other(call.X))
        found = [*against_oracle(trial, "copied_layer", {"Y": Y}, f"of the layer {how}")]
        yield from found
        if all(judgement.is_exact for judgement in found):
            yield from _by_its_own(trial, call, other, how)


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


@check(
    Row(
        "options_set_back",
        "A layer whose stride, padding or dilation was another for one call gives the same Y.",
        "Networks for segmentation are made of others, with the strides and dilations set anew.",
        "what is worked out of a layer's options at its first call, and kept (a class of faults)",
    ),
    traits=Traits(sample=Sample.FEW, cannot=_no_layer, concerns=lambda target: target.is_module),
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
