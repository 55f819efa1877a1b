"""Isolation: a call changes nothing, shares nothing, keeps nothing."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef

from conv_reference.geometry import Geometry
from conv_reference.verification.checks._calls import (
    arguments_of,
    backward,
    forward,
    negated,
    of_no_leaves,
    results_of,
    second,
)
from conv_reference.verification.checks._modes import PLAIN, TRAINING, Mode, modes_of
from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.checks.certificate import unchanged_arguments
from conv_reference.verification.model.case import Values
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.trial.agreement import against_oracle, agree, explained, observed
from conv_reference.verification.trial.judge import whole
from conv_reference.verification.trial.trial import (
    TargetRaised,
    Trial,
    each_asked,
    target_code,
)


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
    traits=Traits(sample=Sample.MODES, own_sizes=True),
)
def memory(trial: Trial) -> Iterator[Judgement]:
    """What a call writes to, and where its results lie."""
    call = trial.call()
    arguments = arguments_of(call)
    before = _marks(arguments)
    results = results_of(call)
    after = _marks(arguments)
    taken = {name: value.clone() for name, value in results.items()}
    with target_code("Y"), torch.no_grad():
        call.function(-call.X.detach(), call.K, call.b)  # the same layer, other values
    other = results_of(trial.call(negated(trial.operands)))
    said = "a result should stay what it was while other calls are made"
    yield from agree(trial, "kept_results", results, taken, said, same=True)
    if not trial.target.over_arrays:  # whose writes no version counter sees; `arguments` does
        yield from _touched(before, after)
    yield from _overlaps(arguments, results, other)
    yield from _of_one_element(results)
    yield from _of_no_leaves(trial)
    yield from _in_modes(trial)
    yield from _degenerate(trial)


def _of_one_element(results: dict[str, Tensor]) -> Iterator[Judgement]:
    """A Y of which several elements are one in memory: an activation in place raises there."""
    Y = results.get("Y")
    if Y is None or not Y.numel():
        return
    steps = zip(Y.shape, Y.stride(), strict=True)
    if any(size > 1 and stride == 0 for size, stride in steps):
        said = f"Y should have memory for each element, has strides {Y.stride()}: several are one, "
        said += "so that it cannot be changed in place"
        yield whole("output_memory", "Y", "memory for each", f"strides {Y.stride()}", said)


def _of_no_leaves(trial: Trial) -> Iterator[Judgement]:
    """What another operation made is still its own: its backward pass may read it."""
    call = trial.call()
    if not call.leaves:
        return
    made = of_no_leaves(call)
    with suppress(TargetRaised):  # which graph_neighbours reports
        results_of(made)
    yield from unchanged_arguments("untouched_arguments", trial, made)


def _in_modes(trial: Trial) -> Iterator[Judgement]:
    """The same in the modes of use: buffers are reused first of all where no graph is made."""
    modes = [mode for mode in modes_of(trial) if mode is not TRAINING]  # which was checked above
    with each_asked() as one:
        for mode in trial.some(modes, "mode"):
            with one():
                yield from _kept_in(trial, mode)


def _kept_in(trial: Trial, mode: Mode) -> Iterator[Judgement]:
    call = trial.call(**mode.changes)
    _, following = second(trial, call, **mode.changes)
    try:
        with mode.lasting(call):
            results = results_of(call, mode)
            taken = {name: value.clone() for name, value in results.items()}
            for _ in range(_CALLS):
                other = results_of(following, mode)
    except TargetRaised:
        if mode == PLAIN:
            raise
        yield from _kept_in(trial, PLAIN)  # the checks of modes report what raises there
        return
    yield from _of_one_element(results)
    said = f"{mode.said or 'without gradients'}, a result should stay what it was while other "
    said += "calls are made"
    yield from agree(trial, "kept_results", results, taken, said, same=True)
    yield from _overlaps(arguments_of(call), results, other, mode.said)


_CALLS = 9  # that follow: outputs may be buffers that take turns


def _degenerate(trial: Trial) -> Iterator[Judgement]:
    """Sizes and values for which a result equals an argument, and may still not be it.

    Of one channel and a kernel that is the number 1, Y equals X. Of one pixel besides, where all
    numbers are 1, dX equals K, dK equals X, and db equals G.
    """
    g = trial.case.geometry
    same = Geometry(batch=g.batch, input_size=g.input_size, kernel_size=(1, 1))
    pixel = Geometry(batch=1, input_size=(1, 1), kernel_size=(1, 1))
    asked = [(same, ""), (same, "XK"), (pixel, "XKb")]
    for geometry, requires_grad in trial.some(asked, "degenerate"):
        # Only addresses matter: sparse values fit in every dtype, however many positions there are.
        bias = "b" in requires_grad
        sparse = replace(trial.case, geometry=geometry, values=Values.SPARSE, bias=bias)
        case = trial.target.restrict(sparse)
        if case.geometry != geometry:  # a layer of other sizes
            continue
        alone = replace(trial, case=case)
        given = replace(alone.operands, weight=torch.ones_like(alone.operands.weight))
        given = replace(given, bias=torch.zeros_like(given.bias))
        if geometry == pixel:
            ones = torch.ones_like(given.input)
            given = replace(given, input=ones, grad_output=torch.ones_like(given.grad_output))
        call = alone.call(given, requires_grad=requires_grad if case.bias else requires_grad[:2])
        yield from _overlaps(arguments_of(call), results_of(call), {})


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
    arguments: dict[str, Tensor],
    results: dict[str, Tensor],
    other: dict[str, Tensor],
    said: str = "",
) -> Iterator[Judgement]:
    shared = False
    for name, result in results.items():
        # A gradient may be its upstream gradient: torch's own operators pass G on, and a bias that
        # is added by broadcasting gets a view of it where there is one pixel.
        if name != "Y" and _overlap(result, arguments["G"]):
            what = f"{name} shares memory with its upstream gradient G in some cases: "
            what += "changing one in place changes the other"
            yield observed("output_memory", name, what)
        foreign = {f"the argument {a}": t for a, t in arguments.items() if name == "Y" or a != "G"}
        foreign |= {n: t for n, t in results.items() if n > name}
        foreign |= {f"{n} of another call": t for n, t in other.items()}
        for owner, tensor in foreign.items():
            if _overlap(result, tensor):
                shared = True
                found = whole("output_memory", name, "in memory of its own", f"shared with {owner}")
                yield explained(found, said) if said else found
    if not shared:
        yield Judgement("output_memory", "", Verdict.EXACT)


@check(
    Row(
        "two_backwards",
        "Two backward passes through one graph give the same gradients.",
        "Accumulating into a buffer of the graph shows in the second pass only.",
        "accumulates into a buffer that is never zeroed (pytorch PR#72157)",
    ),
    traits=Traits(sample=Sample.MODES, gradient=True, graph=True),
)
def two_backwards(trial: Trial) -> Iterator[Judgement]:
    """The same graph, twice."""
    call = trial.call()
    Y = forward(call)
    if Y is None or not Y.requires_grad:
        return
    first = backward(call, Y, retain_graph=True)
    taken = {name: value.clone() for name, value in first.items()}
    second = backward(call, Y)
    said = "a second backward pass should agree with the first"
    yield from agree(trial, "two_backwards", second, taken, said, same=True)


@check(
    Row(
        "open_graphs",
        "The backward pass of one call is not changed by another call before it.",
        "A layer that is used twice in a network is called twice before either backward pass.",
        "a workspace of the backward pass that the next call writes (a class of FAULTS: ALIAS)",
    ),
    traits=Traits(sample=Sample.MODES, gradient=True, graph=True),
)
def open_graphs(trial: Trial) -> Iterator[Judgement]:
    """Two calls on other values, of one and the same layer; then their backward passes."""
    first = trial.call()
    other, following = second(trial, first)
    operands, calls = (trial.operands, other), (first, following)
    graphs = [forward(call) for call in calls]
    for given, call, Y, said in zip(operands, calls, graphs, _OPEN, strict=True):
        if Y is None or not Y.requires_grad:
            return
        found = backward(call, Y)
        yield from against_oracle(trial, "open_graphs", found, said, operands=given)


_OPEN = (
    "the first of two calls, its backward pass after the second call",
    "the second of two calls, its backward pass after that of the first",
)


@check(
    Row(
        "released_memory",
        "Nothing keeps an argument or a result alive after the graph is gone.",
        "What each step keeps is memory that training runs out of.",
        "a cache that holds the tensors it was called with",
    ),
    traits=Traits(sample=Sample.FEW, graph=True),
)
def released_memory(trial: Trial) -> Iterator[Judgement]:
    """Weak references, when everything that the judge holds is gone.

    A layer may keep what it was called with last, and is asked while it lives; its kernel and bias
    are asked for when it is gone, too.
    """
    is_gone, layer = _forgotten(trial)
    of_calls = [name for name in is_gone if layer is None or name not in {"K", "b"}]
    said = "freed with the graph" if layer is None else "freed when the layer is called again"
    held = _alive(is_gone, of_calls)
    if held:
        gc.collect()
        freed = [name for name in held if is_gone[name]()]
        if freed:  # no leak, but of memory that a training step needs
            yield observed("released_memory", "", _BY_THE_COLLECTOR)
    alive = _alive(is_gone, held)
    del layer
    for name in alive:
        yield whole("released_memory", name, said, "still held")
    others = [name for name in is_gone if name not in of_calls]
    if _alive(is_gone, others):
        gc.collect()
    kept = _alive(is_gone, others)
    for name in kept:
        yield whole("released_memory", name, "freed with the graph", "still held")
    if not alive and not kept:
        yield Judgement("released_memory", "", Verdict.EXACT)


_BY_THE_COLLECTOR = (
    "what a call holds is freed by the garbage collector alone: objects of it hold one another"
)


def _alive(is_gone: dict[str, Callable[[], bool]], names: list[str]) -> list[str]:
    return [name for name in names if not is_gone[name]()]


def _forgotten(trial: Trial) -> tuple[dict[str, Callable[[], bool]], nn.Module | None]:
    """One call whose arguments and results nobody here holds any more; whether each is gone.

    With the layer, if it is one, which was called once more.
    """
    call = trial.call()
    tensors = arguments_of(call) | {"Y": forward(call)}
    Y = tensors["Y"]
    if isinstance(Y, Tensor) and Y.requires_grad:
        tensors |= backward(call, Y)
    if call.layer is not None:
        results_of(second(trial, call)[1])
    is_gone = {name: _gone(tensor) for name, tensor in tensors.items() if tensor is not None}
    return is_gone, call.layer


def _gone(tensor: Tensor) -> Callable[[], bool]:
    """Whether neither the object nor its storage, which a detached copy shares, lives on."""
    reference, storage = weakref.ref(tensor), StorageWeakRef(tensor.untyped_storage())
    empty = tensor.numel() == 0
    return lambda: reference() is None and (empty or storage.expired())


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
