"""What lies around a call: settings of the process, and neighbours in the graph.

A setting is set here, not only watched; the answer must not change. In a network a convolution
stands between others: its X is no leaf, its Y is changed in place, its backward is elsewhere.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.checkpoint import checkpoint

from conv_reference.operands import Operands
from conv_reference.verification.checks._calls import of_no_leaves
from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.target.answers import message_of, type_name
from conv_reference.verification.target.target import Call
from conv_reference.verification.trial.agreement import (
    against_oracle,
    explained,
    observed,
)
from conv_reference.verification.trial.integers import Integers
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import (
    TargetRaised,
    Trial,
    each_asked,
    target_code,
    under,
)


@contextmanager
def _set(get: Callable[[], Any], put: Callable[[Any], Any], value: Any) -> Iterator[None]:
    before = get()
    put(value)
    try:
        yield
    finally:
        put(before)


def _deterministic() -> AbstractContextManager[None]:
    def get() -> tuple[bool, bool]:
        only_warns = torch.is_deterministic_algorithms_warn_only_enabled()
        return torch.are_deterministic_algorithms_enabled(), only_warns

    def put(settings: tuple[bool, bool]) -> None:
        enabled, only_warns = settings
        torch.use_deterministic_algorithms(enabled, warn_only=only_warns)

    return _set(get, put, (True, True))


def _default_dtype(dtype: torch.dtype) -> AbstractContextManager[None]:
    return _set(torch.get_default_dtype, torch.set_default_dtype, dtype)


def _threads(count: int) -> AbstractContextManager[None]:
    return _set(torch.get_num_threads, torch.set_num_threads, count)


_AUTOCAST = "under autocast, which leaves float64 alone"
_DETERMINISTIC = "with deterministic algorithms"
_SETTINGS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    _DETERMINISTIC: _deterministic,
    "with float64 as the default dtype": lambda: _default_dtype(torch.float64),
    "with float16 as the default dtype": lambda: _default_dtype(torch.float16),
    "in anomaly mode": lambda: torch.autograd.set_detect_anomaly(mode=True, check_nan=False),
    "with three threads": lambda: _threads(3),
    "with one thread": lambda: _threads(1),
    _AUTOCAST: lambda: torch.autocast("cpu", torch.bfloat16),
}


@check(
    Row(
        "settings",
        "Deterministic algorithms, another default dtype, anomaly mode and threads change nothing.",
        "A setting of the process chooses another path, or is read where it has no business.",
        "a result made in torch's default dtype (a class of faults)",
    ),
    traits=Traits(sample=Sample.MODES, times=2, parallel=True, compiler=True),
)
def settings(trial: Trial) -> Iterator[Judgement]:
    """Some settings in turn, each with a call, forward and backward.

    Deterministic algorithms are set in each case: they choose among kernels by their sizes.
    """
    others = [said for said in _settings(trial) if said != _DETERMINISTIC]
    with each_asked() as one:
        for said in (_DETERMINISTIC, *trial.some(others)):
            call = trial.call()
            with one():
                try:
                    with _SETTINGS[said](), under(said):
                        found = observe(call)
                except TargetRaised:
                    if said != _AUTOCAST:  # of which no call is promised
                        raise
                    continue
                yield from against_oracle(trial, "settings", found, said)


def _settings(trial: Trial) -> list[str]:
    """Those that concern the case: elsewhere the processor's autocast would change nothing."""
    lowers = trial.case.dtype == torch.float64 and trial.device.type == "cpu"
    return [said for said in _SETTINGS if said != _AUTOCAST or lowers]


_Gradients = Callable[[Call], tuple[Tensor, ...]]


def _leaves(call: Call) -> list[Tensor]:
    return list(call.leaves.values())


def _no_leaf(call: Call) -> tuple[Tensor, ...]:
    """Of leaves of which X, K and b are made, by an operation that changes nothing."""
    return torch.autograd.grad(2 * of_no_leaves(call).forward(), _leaves(call), call.G)


def _used_twice(call: Call) -> tuple[Tensor, ...]:
    return torch.autograd.grad(call.forward() + call.forward(), _leaves(call), call.G)


class _FixedError(Exception):
    """Torch does not let this Y be changed in place."""


def _changed_in_place(call: Call) -> tuple[Tensor, ...]:
    Y = call.forward()
    try:
        Y.mul_(2)
    except RuntimeError as error:
        raise _FixedError from error
    return torch.autograd.grad(Y, _leaves(call), call.G)


def _hooked(call: Call) -> tuple[Tensor, ...]:
    """With a hook on Y that doubles what comes back."""
    Y = call.forward()
    Y.register_hook(lambda gradient: 2 * gradient)
    return torch.autograd.grad(Y, _leaves(call), call.G)


def _checkpointed(call: Call) -> tuple[Tensor, ...]:
    Y = checkpoint(call.function, call.X, call.K, call.b, use_reentrant=False)
    return torch.autograd.grad(2 * Y, _leaves(call), call.G)


def _packed(call: Call) -> tuple[Tensor, ...]:
    """With saved tensors that come back as copies, as from a disk."""
    with saved_tensors_hooks(lambda tensor: tensor.detach().clone(), lambda packed: packed):
        Y = call.forward()
    return torch.autograd.grad(2 * Y, _leaves(call), call.G)


def _elsewhere(call: Call) -> tuple[Tensor, ...]:
    """With the backward pass in another thread."""
    Y, found, raised = 2 * call.forward(), [], []

    def work() -> None:
        try:
            found.append(torch.autograd.grad(Y, _leaves(call), call.G))
        except BaseException as error:  # handed to the thread that asked
            raised.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    if raised:
        raise raised[0]
    gradients: tuple[Tensor, ...] = found[0]
    return gradients


# Each gives the gradients of 2·Y.
_NEIGHBOURS: dict[str, _Gradients] = {
    "of an X that is no leaf": _no_leaf,
    "of operands that are used twice": _used_twice,
    "of a Y that is changed in place": _changed_in_place,
    "with a hook on Y": _hooked,
    "under torch.utils.checkpoint": _checkpointed,
    "with saved tensors that are packed": _packed,
    "with the backward pass in another thread": _elsewhere,
}


def _why_fixed(error: BaseException) -> str:
    """Why Y cannot be changed in place, in words.

    That is no fault: every view that an ``autograd.Function`` returns is so, and a backward pass
    may need its Y. But an activation in place cannot follow.
    """
    cause = error.__cause__
    if isinstance(error, _FixedError) and cause is not None:
        why = message_of(cause).split(". ")[0].rstrip(".")
    elif "modified by an inplace operation" in message_of(error):
        why = "the backward pass needs it as it was"
    else:
        why = f"the backward pass then raises {type_name(error)}"
    return f"Y cannot be changed in place, as relu_ does: {why}"


@check(
    Row(
        "graph_neighbours",
        "dX, dK and db are right whatever stands beside the convolution in the graph.",
        "In a network X is no leaf, Y is changed in place, and passes are repeated or elsewhere.",
        "a backward pass that reads Y, which an activation has changed in place since",
    ),
    traits=Traits(sample=Sample.MODES, gradient=True, graph=True, compiler=True),
)
def graph_neighbours(trial: Trial) -> Iterator[Judgement]:
    """Some neighbours, each in a graph of its own."""
    integers = Integers.of(trial, terms=2)
    if integers is None:
        return
    operands = integers.operands()
    doubled: Operands = replace(operands, grad_output=2 * operands.grad_output)
    plain = observe(trial.call(operands))
    if any(not isinstance(value, Tensor) for value in plain.values()):
        return  # reported by the certificate
    with each_asked() as one:
        for said in trial.some(_NEIGHBOURS):
            call = trial.call(operands)
            if not call.leaves:
                return
            with one():
                try:
                    with under(said), target_code(next(iter(call.leaves))):
                        found = _NEIGHBOURS[said](call)
                except TargetRaised as raised:
                    if _NEIGHBOURS[said] is not _changed_in_place:
                        raise
                    yield observed("graph_neighbours", "Y", _why_fixed(raised.error))
                    continue
                named = dict(zip(call.leaves, found, strict=True))
                yield from against_oracle(trial, "graph_neighbours", named, said, operands=doubled)


@check(
    Row(
        "one_tensor_twice",
        "Of a tensor that is both X and K the gradient is dX + dK.",
        "An implementation that keeps its operands apart by their identity loses one of the two.",
        "one of the gradients of a shared tensor is lost (a class of faults)",
        rests_on=("dX", "dK"),
        own=("n2 c3 h2 w3 o2 k2x3",),
        about="n == o and g == 1 and h == kh and w == kw",
    ),
    traits=Traits(
        sample=Sample.OWN, concerns=lambda target: not target.is_module, gradient=True, graph=True
    ),
)
def one_tensor_twice(trial: Trial) -> Iterator[Judgement]:
    """X is handed over as K, too."""
    integers = Integers.of(trial, terms=2)
    if integers is None:
        return
    operands = integers.operands()
    if operands.weight.shape != operands.input.shape:  # of another operator
        return
    operands = replace(operands, weight=operands.input)
    call = trial.call(operands, requires_grad="X")
    if call.K.shape != call.X.shape:  # in the forms that this target takes
        return
    with target_code("dX"):
        Y = call.function(call.X, call.X, call.b)
        (found,) = torch.autograd.grad(Y, call.X, call.G)
    each = trial.expect(operands, only=("dX", "dK"))
    both = replace(each["dX"], value=each["dX"].value + each["dK"].value)
    yield explained(trial.judge("one_tensor_twice", "dX", found, both), "dX + dK of one tensor")
