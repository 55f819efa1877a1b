"""Isolation: a call changes nothing, shares nothing, keeps nothing."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from conv_reference.geometry import Geometry
from conv_reference.operands import Operands
from conv_reference.verification.checks._registry import Row, Sample, check
from conv_reference.verification.model.case import Values
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.answers import looked_at, message_of
from conv_reference.verification.target.target import Call
from conv_reference.verification.trial.agreement import against_oracle, agree
from conv_reference.verification.trial.judge import whole
from conv_reference.verification.trial.trial import TargetRaised, Trial, target_code


@check(
    Row(
        "untouched_arguments",
        "No argument is written to: its version counter and strides stay as they were.",
        "A write that restores the values still breaks autograd, and other threads.",
        "the input buffer changed under the layer (mlpack#1661)",
    ),
    Row(
        "output_memory",
        "Y and the gradients share memory with no argument, with each other or another call.",
        "A result in borrowed memory changes when its owner is used again.",
        "autotuning wrote into the real output buffer (CUDA.jl#736)",
        of_torch=True,
    ),
    Row(
        "kept_results",
        "Y and the gradients of one call stay what they are while others are made.",
        "A static buffer is right in every test that makes one call.",
        "a result that is a view of memory filled later",
        of_torch=True,
    ),
    sample=Sample.MODES,
    own_sizes=True,
)
def memory(trial: Trial) -> Iterator[Judgement]:
    """What a call writes to, and where its results lie."""
    call = trial.call()
    arguments = _arguments(call)
    before = _marks(arguments)
    results = _results(call)
    after = _marks(arguments)
    taken = {name: value.clone() for name, value in results.items()}
    with target_code("Y"), torch.no_grad():
        call.function(-call.X.detach(), call.K, call.b)  # the same layer, other values
    other = _results(trial.call(_negated(trial.operands)))
    said = "a result should stay what it was while other calls are made"
    yield from agree(trial, "kept_results", results, taken, said, same=True)
    if not trial.target.over_arrays:  # whose writes no version counter sees; `arguments` does
        yield from _touched(before, after)
    yield from _overlaps(arguments, results, other)
    yield from _without_gradients(trial)
    yield from _identity(trial)


def _without_gradients(trial: Trial) -> Iterator[Judgement]:
    """The same where no gradient is asked for: buffers are reused there first of all."""
    if not trial.case.requires_grad:
        return
    call = trial.call(requires_grad="")
    results = _results(call)
    taken = {name: value.clone() for name, value in results.items()}
    other = _results(trial.call(_negated(trial.operands), requires_grad=""))
    said = "without gradients, a result should stay what it was while other calls are made"
    yield from agree(trial, "kept_results", results, taken, said, same=True)
    yield from _overlaps(_arguments(call), results, other)


def _identity(trial: Trial) -> Iterator[Judgement]:
    """One channel and a kernel that is the number 1: Y equals X, and may still not be X."""
    geometry = Geometry(
        batch=trial.case.geometry.batch,
        input_size=trial.case.geometry.input_size,
        kernel_size=(1, 1),
    )
    # Only addresses matter: sparse values fit in every dtype, however many positions there are.
    sparse = replace(trial.case, geometry=geometry, values=Values.SPARSE, bias=False)
    case = trial.target.restrict(sparse)
    if case.geometry != geometry:  # a layer of other sizes
        return
    alone = replace(trial, case=case)
    operands = replace(
        alone.operands,
        weight=torch.ones_like(alone.operands.weight),
        bias=torch.zeros_like(alone.operands.bias),
    )
    for requires_grad in ("", "XK"):
        call = alone.call(operands, requires_grad=requires_grad)
        yield from _overlaps(_arguments(call), _results(call), {})


_Mark = tuple[int, tuple[int, ...]]  # how often a tensor was written to, and its strides


def _marks(arguments: dict[str, Tensor]) -> dict[str, _Mark]:
    # The counter that autograd itself goes by has no public name.
    return {name: (t._version, t.stride()) for name, t in arguments.items()}  # noqa: SLF001 (as said above)


def _touched(before: dict[str, _Mark], after: dict[str, _Mark]) -> Iterator[Judgement]:
    touched = [name for name in before if before[name] != after[name]]
    for name in touched:
        yield whole("untouched_arguments", name, "not written to", "written to in place")
    if not touched:
        yield Judgement("untouched_arguments", "", Verdict.EXACT)


def _overlaps(
    arguments: dict[str, Tensor], results: dict[str, Tensor], other: dict[str, Tensor]
) -> Iterator[Judgement]:
    shared = False
    for name, result in results.items():
        # A gradient may be its upstream gradient: torch's own operators pass G on.
        foreign = {f"the argument {a}": t for a, t in arguments.items() if name == "Y" or a != "G"}
        foreign |= {n: t for n, t in results.items() if n > name}
        foreign |= {f"{n} of another call": t for n, t in other.items()}
        for owner, tensor in foreign.items():
            if _overlap(result, tensor):
                shared = True
                yield whole("output_memory", name, "in memory of its own", f"shared with {owner}")
    if not shared:
        yield Judgement("output_memory", "", Verdict.EXACT)


@check(
    Row(
        "two_backwards",
        "Two backward passes through one graph give the same gradients.",
        "Accumulating into a buffer of the graph shows in the second pass only.",
        "accumulates into a buffer that is never zeroed (pytorch PR#72157)",
    ),
    sample=Sample.MODES,
    gradient=True,
    graph=True,
)
def two_backwards(trial: Trial) -> Iterator[Judgement]:
    """The same graph, twice."""
    call = trial.call()
    Y = _forward(call)
    if Y is None or not Y.requires_grad:
        return
    first = _backward(call, Y, retain_graph=True)
    taken = {name: value.clone() for name, value in first.items()}
    second = _backward(call, Y)
    said = "a second backward pass should agree with the first"
    yield from agree(trial, "two_backwards", second, taken, said, same=True)


@check(
    Row(
        "open_graphs",
        "The backward pass of one call is not changed by another call before it.",
        "A layer that is used twice in a network is called twice before either backward pass.",
        "a workspace of the backward pass that the next call writes (a class of FAULTS: ALIAS)",
    ),
    sample=Sample.MODES,
    gradient=True,
    graph=True,
)
def open_graphs(trial: Trial) -> Iterator[Judgement]:
    """Two calls on other values, of one and the same layer; then their backward passes."""
    first = trial.call()
    negated, second = _second(trial, first)
    operands, calls = (trial.operands, negated), (first, second)
    graphs = [_forward(call) for call in calls]
    for given, call, Y, said in zip(operands, calls, graphs, _OPEN, strict=True):
        if Y is None or not Y.requires_grad:
            return
        found = _backward(call, Y)
        yield from against_oracle(trial, "open_graphs", found, said, operands=given)


def _second(trial: Trial, first: Call) -> tuple[Operands, Call]:
    """A call on other values, and the values; a layer keeps its kernel and bias."""
    negated = _negated(trial.operands)
    if first.layer is None:
        return negated, trial.call(negated)
    kept = replace(negated, bias=trial.operands.bias)
    other = trial.call(kept)
    return kept, replace(first, X=other.X, G=other.G)


_OPEN = (
    "the first of two calls, its backward pass after the second call",
    "the second of two calls, its backward pass after that of the first",
)


@check(
    Row(
        "saved_tensors",
        "Changing X or K between forward and backward is refused, or the old value is used.",
        "A gradient of numbers that the forward pass never saw is silently wrong.",
        "the backward pass reads an argument after it was changed (a class of FAULTS: ALIAS)",
    ),
    sample=Sample.MODES,
    gradient=True,
    graph=True,
)
def saved_tensors(trial: Trial) -> Iterator[Judgement]:
    """An argument negated in between."""
    plain = trial.writable()
    for role in ("X", "K"):
        call = plain.call()
        Y = _forward(call)
        if Y is None or not Y.requires_grad:
            return
        with torch.no_grad():
            getattr(call, role).neg_()
        try:
            found = _backward(call, Y)
        except TargetRaised as raised:
            if not _refuses_the_change(raised.error):
                raise
            yield Judgement("saved_tensors", role, Verdict.EXACT)
            continue
        said = f"{role} changed after the forward pass: the gradient should be that of the old one"
        for judgement in against_oracle(plain, "saved_tensors", found, said):
            yield judgement if judgement.is_exact else replace(judgement, cause=_UNSEEN)


_UNSEEN = (
    "Perhaps it is kept in another way than by ctx.save_for_backward, which notices such a change."
)


def _refuses_the_change(error: BaseException) -> bool:
    """Torch's own words, for a tensor that was saved and for a view of one."""
    said = message_of(error)
    return "modified by an inplace operation" in said or "has been modified inplace" in said


@check(
    Row(
        "updated_arguments",
        "A kernel, bias or input that was changed in place is seen by the next call.",
        "Optimisers update in place; a cache of the kernel then answers for the old one.",
        "a cache of rearranged weights, keyed on the address",
    ),
    sample=Sample.MODES,
)
def updated_arguments(trial: Trial) -> Iterator[Judgement]:
    """Another call on the same storage with other values; of a layer, in evaluation, too."""
    plain = trial.writable()
    yield from _updated(plain, plain.call(requires_grad=""))
    if plain.target.is_module:
        call = plain.call(requires_grad="")
        assert call.layer is not None
        call.layer.eval()
        with torch.no_grad():  # where it may prepare its kernel once and for all, and must not
            yield from _updated(plain, call)


def _updated(plain: Trial, call: Call) -> Iterator[Judgement]:
    if _forward(call) is None:
        return
    given = plain.operands
    updates: tuple[tuple[str, Callable[[], Any], Operands], ...] = (
        # As an optimiser does, and as `layer.weight.data.copy_()` does: no version is counted.
        ("K", call.K.neg_, replace(given, weight=-given.weight)),
        ("K", call.K.data.neg_, given),
        ("b", lambda: call.b is None or call.b.neg_(), replace(given, bias=-given.bias)),
        ("X", call.X.neg_, replace(given, bias=-given.bias, input=-given.input)),
    )
    for name, update, operands in updates:
        with torch.no_grad():
            update()
            with target_code("Y"):
                Y = call.forward()
        said = f"{name} changed in place should be seen by the next call"
        found = {"Y": Y}
        yield from against_oracle(
            plain, "updated_arguments", found, said, operands=operands, missing=True
        )


@check(
    Row(
        "released_memory",
        "Nothing keeps an argument or a result alive after the graph is gone.",
        "What each step keeps is memory that training runs out of.",
        "a cache that holds the tensors it was called with",
    ),
    sample=Sample.FEW,
    graph=True,
)
def released_memory(trial: Trial) -> Iterator[Judgement]:
    """Weak references, when everything that the judge holds is gone."""
    is_gone = _forgotten(trial)
    alive = [name for name in is_gone if not is_gone[name]()]
    if alive:  # a cycle is no leak
        gc.collect()
        alive = [name for name in alive if not is_gone[name]()]
    for name in alive:
        yield whole("released_memory", name, "freed with the graph", "still held")
    if not alive:
        yield Judgement("released_memory", "", Verdict.EXACT)


def _forgotten(trial: Trial) -> dict[str, Callable[[], bool]]:
    """One call whose arguments and results nobody here holds any more; whether each is gone."""
    call = trial.call()
    tensors = _arguments(call) | {"Y": _forward(call)}
    Y = tensors["Y"]
    if isinstance(Y, Tensor) and Y.requires_grad:
        tensors |= _backward(call, Y)
    return {name: _gone(tensor) for name, tensor in tensors.items() if tensor is not None}


def _gone(tensor: Tensor) -> Callable[[], bool]:
    """Whether neither the object nor its storage, which a detached copy shares, lives on."""
    reference, storage = weakref.ref(tensor), StorageWeakRef(tensor.untyped_storage())
    empty = tensor.numel() == 0
    return lambda: reference() is None and (empty or storage.expired())


def _arguments(call: Call) -> dict[str, Tensor]:
    named = call.arguments | {"G": call.G}
    return {name: tensor for name, tensor in named.items() if tensor is not None}


def _forward(call: Call) -> Tensor | None:
    """Y; None where it is no tensor of the right shape, which the certificate reports."""
    with target_code("Y"):
        Y = call.forward()
    return Y if isinstance(Y, Tensor) and Y.shape == call.G.shape else None


def _backward(call: Call, Y: Tensor, *, retain_graph: bool = False) -> dict[str, Tensor]:
    leaves = call.leaves
    with target_code(next(iter(leaves))):
        gradients = torch.autograd.grad(
            Y,
            list(leaves.values()),
            call.G.to(Y.dtype),
            allow_unused=True,
            retain_graph=retain_graph,
        )
    named: dict[str, Tensor | None] = dict(zip(leaves, gradients, strict=True))
    seen = {name: looked_at(value) for name, value in named.items()}
    return {name: value for name, value in seen.items() if isinstance(value, Tensor)}


def _results(call: Call) -> dict[str, Tensor]:
    """Y itself, not a copy of it, and the gradients."""
    Y = _forward(call)
    if Y is None:
        return {}
    found = _backward(call, Y) if Y.requires_grad and call.leaves else {}
    return {"Y": Y.detach(), **found}


def _negated(operands: Operands) -> Operands:
    return Operands(
        input=-operands.input,
        weight=operands.weight,
        bias=-operands.bias,
        grad_output=-operands.grad_output,
    )


def _overlap(left: Tensor, right: Tensor) -> bool:
    if left.device != right.device or not left.numel() or not right.numel():
        return False
    (first, last), (begin, end) = _span(left), _span(right)
    return first < end and begin < last


def _span(tensor: Tensor) -> tuple[int, int]:
    """The addresses from the first element to behind the last."""
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    reach = sum((size - 1) * stride for size, stride in steps)
    start = tensor.data_ptr()
    return start, start + (reach + 1) * tensor.element_size()
