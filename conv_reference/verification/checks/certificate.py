"""The exact certificate of one case: Y, dX, dK and db, bit for bit.

This is the hot loop: a default run judges some ten thousand cases with it.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from conv_reference.geometry import Geometry
from conv_reference.quantities import FIRST_ORDER, GRADIENTS, LETTERS, QUANTITIES, QUANTITY_OF
from conv_reference.verification.checks._registry import Reported, Row, Sample, Traits, check
from conv_reference.verification.model.digits import digits
from conv_reference.verification.model.judgement import NO_GRADIENT, Judgement, exact
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.target import Call
from conv_reference.verification.trial.agreement import observed as noted
from conv_reference.verification.trial.combined import holding
from conv_reference.verification.trial.impulses import confirmed
from conv_reference.verification.trial.judge import Expected, kind_mismatch, whole
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.returned import Misfit, intercepted_backward, resized
from conv_reference.verification.trial.same_numbers import same_numbers
from conv_reference.verification.trial.slow_targets import TOO_SLOW, is_slow
from conv_reference.verification.trial.transforms import as_mixed
from conv_reference.verification.trial.trial import (
    TargetRaised,
    Trial,
    target_code,
)
from conv_reference.verification.trial.values import repetitions

ROWS = {name: quantity.row for name, quantity in QUANTITIES.items()}
_MANY_POSITIONS = 4_000  # from which on it is measured first whether a target is fast enough
_PROBE = "n1 c1 h32 w64 o1 k1"
GRAPHLESS = (
    "Y does not ask for a gradient where arguments do: no backward pass was to be had. "
    "To judge Y alone, in every way: --as backward=none"
)


@check(
    Row(
        "shapes",
        "Y and each gradient have the shape, dtype and device that the definition gives.",
        "A gradient of the wrong shape broadcasts silently in an optimiser's step.",
        "dW of another shape than W for groups and a stride with a remainder (mlx#2184)",
        reported=Reported.SHAPE,
    ),
    Row(
        "forward",
        "Y equals the oracle's, bit for bit, on integer-valued operands.",
        "The definition has one answer; exact arithmetic leaves no tolerance to hide in.",
        "wrong for C = 6, right for 8, 12 and 16 (pytorch#21597)",
        quantity="Y",
        reported=Reported.NUMBER,
    ),
    Row(
        "grad_input",
        "dX equals the adjoint of the forward pass in X, bit for bit.",
        "More than a third of reported faults are in a gradient alone.",
        "dX wrong in 43.7 % of its elements where a stride leaves a remainder (FlagGems PR#1576)",
        quantity="dX",
        reported=Reported.NUMBER,
    ),
    Row(
        "grad_weight",
        "dK equals the adjoint of the forward pass in K, bit for bit.",
        "A wrong dK still trains, only worse.",
        "groups > 1 in torch's own conv2d_weight (pytorch#51430)",
        quantity="dK",
        reported=Reported.NUMBER,
    ),
    Row(
        "grad_bias",
        "db equals the sum of the upstream gradient over samples and positions, bit for bit.",
        "It is often computed on a path of its own.",
        "db wrong where it is asked for without dK (mxnet#15464)",
        quantity="db",
        reported=Reported.NUMBER,
    ),
    Row(
        "requires_grad",
        "Y asks for a gradient exactly when an argument does, and each one that asks gets it.",
        "Masks are handled by hand in every custom backward pass.",
        "gradients returned that were not asked for (pytorch PR#172310)",
        reported=Reported.GRAPH,
    ),
    Row(
        "arguments",
        "No argument is changed by the call, forward or backward.",
        "A changed input makes a wrong answer look right, and the next layer's wrong.",
        "the input buffer changed under the layer (mlpack#1661)",
        reported=Reported.APART,
    ),
    Row(
        "audit",
        "Some hundred cases that passed pass again, asked of a process that judges nothing.",
        "A target that shares a process with its judge can turn the verdict, on purpose or not.",
        "a mode left entered, or an operator of torch overridden, for all that comes after",
        repeatable=False,
    ),
    traits=Traits(sample=Sample.ALL),
)
def certificate(trial: Trial) -> Iterator[Judgement]:
    """Y, dX, dK and db of one case against the oracle; where values are few, several times."""
    if _positions(trial.case.geometry) >= _MANY_POSITIONS and is_slow(trial, _PROBE):
        yield Judgement("forward", "Y", Verdict.UNSUPPORTED, explanation=TOO_SLOW)
        return
    for repetition in range(repetitions(trial.case, trial.target.operator)):
        yield from _once(replace(trial, seed=trial.seed + repetition))


def _positions(geometry: Geometry) -> int:
    """Places of the kernel, or pixels, over all samples: a loop in Python goes over these."""
    return geometry.batch * max(math.prod(geometry.output_size), math.prod(geometry.input_size))


def _once(trial: Trial) -> Iterator[Judgement]:
    call, failed = trial.call(), None
    with intercepted_backward(call.leaves) as misfits:
        try:
            observed = observe(call)
        except TargetRaised as raised:
            if not raised.observed:
                raise
            observed, failed = raised.observed, raised  # Y is judged all the same
    # The oracle runs after the target, which so cannot find the answer in freed memory.
    settled = holding(trial, observed)
    asked = (name for name in FIRST_ORDER if name in observed and name not in settled)
    expected = trial.expect(only=tuple(asked))
    if failed is None:
        yield from _requires_grad(trial, call, observed)
    of_another_shape = {m.leaf: m for m in misfits if m.leaf and m.is_resized}
    for misfit in of_another_shape.values():
        yield resized("shapes", misfit.leaf, misfit)
    for quantity, actual in observed.items():
        if quantity in of_another_shape:
            continue
        for judgement in _judged(trial, quantity, actual, expected.get(quantity), settled):
            yield _with_misfits(judgement, misfits)
    yield from _mended(misfits)
    yield from unchanged_arguments("arguments", trial, call)
    for answer in expected.values():
        answer.value.fill_(torch.nan)  # freed memory must not hold the answer to a repetition
    if failed is not None and not of_another_shape:
        raise failed


def _mended(misfits: Sequence[Misfit]) -> Iterator[Judgement]:
    """What torch mends is observed; of a vjp over numpy arrays nothing is mended."""
    for misfit in misfits:
        whole_leaf = misfit.leaf and not misfit.is_laid_out
        if not whole_leaf or misfit.is_resized or misfit.shape is None:
            continue
        if misfit.is_cast and misfit.by == "vjp":
            wanted, returned = f"{misfit.wanted_dtype} from vjp", f"{misfit.dtype}"
            yield whole("shapes", misfit.leaf, wanted, returned, f"{misfit}")
        else:
            what = "another dtype, which torch casts" if misfit.is_cast else "dimensions of 1 more"
            yield noted("shapes", misfit.leaf, f"{misfit.by} returns {misfit.leaf} with {what}")


def _with_misfits(judgement: Judgement, misfits: Sequence[Misfit]) -> Judgement:
    """A wrong gradient reports what torch has summed, or taken for zeros, on its way."""
    if not misfits:
        return judgement
    said = dict.fromkeys(f"{m}" for m in misfits if m.is_resized or m.shape is None)
    if judgement.verdict != Verdict.WRONG or judgement.quantity == "Y" or not said:
        return judgement
    return replace(judgement, beneath=(*judgement.beneath, *said))


def unchanged_arguments(row: str, trial: Trial, call: Call) -> Iterator[Judgement]:
    """Whether the target's own copies still hold what they held."""
    given = {**call.arguments, "G": call.G}
    shapes = trial.shapes
    changed = False
    for role, private in trial.operands.by_role().items():
        name, like = LETTERS[role], QUANTITY_OF[role]
        tensor = given[name]
        if tensor is None:
            continue
        if (tuple(tensor.shape), tensor.dtype) != (shapes[like], private.dtype):
            changed = True
            kind = f"of shape {tuple(tensor.shape)} and {tensor.dtype}"
            yield whole(row, name, f"of shape {shapes[like]} and {private.dtype}", kind)
            continue
        held = tensor.detach() if tensor.is_cpu else tensor.detach().cpu()
        if held.shape != private.shape:
            held = held.reshape(private.shape)
        if not same_numbers(held, private):
            changed = True
            yield _changed(row, name, held, private)
    if not changed:
        yield exact(row, "")


def _changed(row: str, name: str, held: Tensor, private: Tensor) -> Judgement:
    """Which elements of an argument the call changed, and from what to what."""
    places = (held != private).nonzero()
    index = tuple(places[0].tolist())
    before, after = digits(float(private[index])), digits(float(held[index]))
    count, first = f"{len(places):,} of {private.numel():,} elements", "; the first"
    if private.numel() == 1:
        count, first = "the only element", ": it"
    said = f"the call changed {count} of its argument{first} was {before}, is {after}"
    return replace(whole(row, name, before, after, said), index=index)


def _requires_grad(trial: Trial, call: Call, observed: Mapping[str, Any]) -> Iterator[Judgement]:
    if trial.target.forward_only:
        return
    Y = observed["Y"]
    wanted = bool(call.leaves)
    missing = [name for name, value in observed.items() if name != "Y" and value is None]
    if trial.target.over_arrays:  # a graph is the adapter's; a gradient that is nowhere is not
        for name in missing:
            said = f"{name} as an array, returned or under its name"
            yield whole("requires_grad", name, said, "no such array")
        return
    if not wanted and isinstance(Y, Tensor) and Y.requires_grad:
        yield whole("requires_grad", "Y", "no graph, as no argument asks for one", "a graph")
    elif missing and len(missing) == len(call.leaves) and not _has_graph(trial):
        asked = ", ".join(leaf.removeprefix("d") for leaf in call.leaves)
        yield whole("requires_grad", "Y", f"a graph back to {asked}", "no graph", GRAPHLESS)
    elif missing:
        asked = ", ".join(name for name in GRADIENTS if name in observed)
        for name in missing:
            yield whole("requires_grad", name, f"a gradient (asked for: {asked})", NO_GRADIENT)
    else:
        yield exact("requires_grad", "")


def _has_graph(trial: Trial) -> bool:
    """Whether Y hangs together with any argument, where each of them requires a gradient."""
    with target_code("Y"):
        Y = trial.call(requires_grad=trial.case.arguments).forward()
    return isinstance(Y, Tensor) and Y.requires_grad


def _judged(
    trial: Trial,
    quantity: str,
    actual: Any,
    expected: Expected | None,
    settled: Container[str],
) -> Iterator[Judgement]:
    """By the oracle, where it was run; what its equations have settled is exact."""
    if expected is not None:
        yield from _compared(trial, quantity, actual, expected)
    elif quantity in settled:
        yield exact("shapes", quantity)
        yield exact(ROWS[quantity], quantity)


def _compared(trial: Trial, quantity: str, actual: Any, expected: Expected) -> Iterator[Judgement]:
    if actual is None and quantity != "Y":
        return  # reported by requires_grad
    judgement = trial.judge(ROWS[quantity], quantity, actual, expected)
    if not judgement.is_exact:  # nearly always it is
        mismatch = kind_mismatch("shapes", quantity, actual, expected)
        if mismatch is not None:
            yield mismatch
            return
    yield exact("shapes", quantity)
    if judgement.verdict == Verdict.WRONG and not expected.transform:
        judgement = as_mixed(trial, judgement, actual, expected)
    if judgement.verdict == Verdict.ROUNDED:
        judgement = confirmed(trial, judgement, actual, expected)
    yield judgement
