"""The exact certificate of one case: Y, dX, dK and db, bit for bit.

This is the hot loop: a default run judges some ten thousand cases with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from conv_reference import functional
from conv_reference.operands import Operands
from conv_reference.verification.checks._registry import Row, Sample, Told, check
from conv_reference.verification.model.case import Layout
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.target import Call
from conv_reference.verification.trial.agreement import observed as noted
from conv_reference.verification.trial.judge import (
    Expected,
    Judgement,
    exact,
    kind_mismatch,
    whole,
)
from conv_reference.verification.trial.returned import Misfit, overhearing, resized
from conv_reference.verification.trial.trial import (
    FIRST_ORDER,
    TargetRaised,
    Trial,
    own_shapes,
    target_code,
)
from conv_reference.verification.trial.values import repetitions

_equal = torch.equal  # bound before a target could replace it
ROWS: Mapping[str, str] = {
    "Y": "forward",
    "dX": "grad_input",
    "dK": "grad_weight",
    "db": "grad_bias",
}
GRAPHLESS = (
    "Y does not ask for a gradient where arguments do: no backward pass was to be had. "
    "To judge the forward pass alone: --check forward"
)


@check(
    Row(
        "shapes",
        "Y and each gradient have the shape, dtype and device that the definition gives.",
        "A gradient of the wrong shape broadcasts silently in an optimiser's step.",
        "dW of another shape than W for groups and a stride with a remainder (mlx#2184)",
        told=Told.SHAPE,
    ),
    Row(
        "forward",
        "Y equals the oracle's, bit for bit, on integer-valued operands.",
        "The definition has one answer; exact arithmetic leaves no tolerance to hide in.",
        "wrong for C = 6, right for 8, 12 and 16 (pytorch#21597)",
        quantity="Y",
        told=Told.NUMBER,
    ),
    Row(
        "grad_input",
        "dX equals the adjoint of the forward pass in X, bit for bit.",
        "More than a third of reported faults are in a gradient alone.",
        "dX wrong in 43.7 % of its elements where a stride leaves a remainder (FlagGems PR#1576)",
        quantity="dX",
        told=Told.NUMBER,
    ),
    Row(
        "grad_weight",
        "dK equals the adjoint of the forward pass in K, bit for bit.",
        "A wrong dK still trains, only worse.",
        "groups > 1 in torch's own conv2d_weight (pytorch#51430)",
        quantity="dK",
        told=Told.NUMBER,
    ),
    Row(
        "grad_bias",
        "db equals the sum of the upstream gradient over samples and positions, bit for bit.",
        "It is often computed on a path of its own.",
        "db wrong where it is asked for without dK (mxnet#15464)",
        quantity="db",
        told=Told.NUMBER,
    ),
    Row(
        "requires_grad",
        "Y asks for a gradient exactly when an argument does, and each one that asks gets it.",
        "Masks are handled by hand in every custom backward pass.",
        "gradients returned that were not asked for (pytorch PR#172310)",
        told=Told.GRAPH,
    ),
    Row(
        "arguments",
        "No argument is changed by the call, forward or backward.",
        "A changed input makes a wrong answer look right, and the next layer's wrong.",
        "the input buffer changed under the layer (mlpack#1661)",
        told=Told.APART,
    ),
    sample=Sample.ALL,
)
def certificate(trial: Trial) -> Iterator[Judgement]:
    """Y, dX, dK and db of one case against the oracle; where values are few, several times."""
    for repetition in range(repetitions(trial.case)):
        yield from _once(replace(trial, seed=trial.seed + repetition))


def _once(trial: Trial) -> Iterator[Judgement]:
    call, failed = trial.call(), None
    with overhearing(call.leaves) as misfits:
        try:
            observed = observe(call)
        except TargetRaised as raised:
            if not raised.observed:
                raise
            observed, failed = raised.observed, raised  # Y is judged all the same
    # The oracle runs after the target, which so cannot find the answer in freed memory.
    expected = trial.expect(only=tuple(name for name in FIRST_ORDER if name in observed))
    if failed is None:
        yield from _requires_grad(trial, call, observed)
    of_another_shape = {m.leaf: m for m in misfits if m.leaf and m.is_resized}
    for misfit in of_another_shape.values():
        yield resized("shapes", misfit.leaf, misfit)
    for quantity, actual in observed.items():
        if quantity in expected and quantity not in of_another_shape:
            for judgement in _compared(trial, quantity, actual, expected[quantity]):
                yield _with_misfits(judgement, misfits)
    yield from _mended(misfits)
    yield from unchanged_arguments("arguments", trial, call)
    for answer in expected.values():
        answer.value.fill_(torch.nan)  # freed memory must not hold the answer to a repetition
    if failed is not None and not of_another_shape:
        raise failed


def _mended(misfits: Sequence[Misfit]) -> Iterator[Judgement]:
    """What torch mends is observed; but whoever calls a vjp of numpy's has nobody to mend it."""
    for misfit in misfits:
        if not misfit.leaf or misfit.is_resized or misfit.shape is None:
            continue
        if misfit.is_cast and misfit.by == "vjp":
            wanted, returned = f"{misfit.wanted_dtype} from vjp", f"{misfit.dtype}"
            yield whole("shapes", misfit.leaf, wanted, returned, f"{misfit}")
        else:
            what = "another dtype, which torch casts" if misfit.is_cast else "dimensions of 1 more"
            yield noted("shapes", misfit.leaf, f"{misfit.by} returns {misfit.leaf} with {what}")


def _with_misfits(judgement: Judgement, misfits: Sequence[Misfit]) -> Judgement:
    """A wrong gradient says what torch has summed, or taken for zeros, on its way."""
    said = dict.fromkeys(f"{m}" for m in misfits if m.is_resized or m.shape is None)
    if judgement.verdict != Verdict.WRONG or judgement.quantity == "Y" or not said:
        return judgement
    return replace(judgement, explanation="\n".join([judgement.explanation, *said]))


def observe(call: Call) -> dict[str, Any]:
    """Run the implementation forward and backward.

    Returns:
        Y and, when Y is a tensor of the right shape, the gradient of each leaf that asks.

    Raises:
        TargetRaised: when it throws; in the backward pass, it holds Y.
    """
    with target_code("Y"):
        Y = call.forward()
    if not isinstance(Y, Tensor) or Y.shape != call.G.shape:
        return {"Y": Y}
    leaves = call.leaves
    if not leaves or not Y.requires_grad:
        return {"Y": Y} | dict.fromkeys(leaves)
    value = Y.detach().clone()  # before the backward pass can touch it
    try:
        with target_code(next(iter(leaves))):
            gradients = torch.autograd.grad(
                Y, list(leaves.values()), call.G.to(Y.dtype), allow_unused=True
            )
    except TargetRaised as raised:
        raised.observed = {"Y": value}
        raise
    return {"Y": value, **dict(zip(leaves, gradients, strict=True))}


def unchanged_arguments(row: str, trial: Trial, call: Call) -> Iterator[Judgement]:
    """Whether the target's own copies still hold what they held."""
    pairs = (
        ("X", call.X, trial.operands.input, "dX"),
        ("K", call.K, trial.operands.weight, "dK"),
        ("b", call.b, trial.operands.bias, "db"),
        ("G", call.G, trial.operands.grad_output, "Y"),
    )
    shapes = own_shapes(trial.target, trial.case.geometry)
    changed = False
    for name, tensor, private, like in pairs:
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
        if not _equal(held, private):
            changed = True
            yield _changed(row, name, held, private)
    if not changed:
        yield exact(row, "")


def _changed(row: str, name: str, held: Tensor, private: Tensor) -> Judgement:
    """Which elements of an argument the call changed, and from what to what."""
    places = (held != private).nonzero()
    index = tuple(places[0].tolist())
    before, after = f"{float(private[index]):g}", f"{float(held[index]):g}"
    count = f"{len(places):,} of {private.numel():,} elements"
    said = f"the call changed {count} of its argument; the first was {before}, is {after}"
    return replace(whole(row, name, before, after, said), index=index)


def _requires_grad(trial: Trial, call: Call, observed: Mapping[str, Any]) -> Iterator[Judgement]:
    Y = observed["Y"]
    wanted = bool(call.leaves)
    missing = [name for name, value in observed.items() if name != "Y" and value is None]
    if not wanted and isinstance(Y, Tensor) and Y.requires_grad:
        yield whole("requires_grad", "Y", "no graph, as no argument asks for one", "a graph")
    elif missing and len(missing) == len(call.leaves) and not _has_graph(trial):
        asked = ", ".join(leaf.removeprefix("d") for leaf in call.leaves)
        yield whole("requires_grad", "Y", f"a graph back to {asked}", "no graph", GRAPHLESS)
    elif missing:
        asked = ", ".join(f"d{leaf}" for leaf in ("X", "K", "b") if f"d{leaf}" in observed)
        for name in missing:
            yield whole("requires_grad", name, f"a gradient (asked for: {asked})", "no gradient")
    else:
        yield exact("requires_grad", "")


def _has_graph(trial: Trial) -> bool:
    """Whether Y hangs together with any argument, where each of them asks for a gradient."""
    every = "XKb" if trial.case.bias else "XK"
    with target_code("Y"):
        Y = trial.call(requires_grad=every).forward()
    return isinstance(Y, Tensor) and Y.requires_grad


def _compared(trial: Trial, quantity: str, actual: Any, expected: Expected) -> Iterator[Judgement]:
    if actual is None and quantity != "Y":
        return  # told by requires_grad
    mismatch = kind_mismatch("shapes", quantity, actual, expected)
    if mismatch is not None:
        yield mismatch
        return
    yield exact("shapes", quantity)
    judgement = trial.judge(ROWS[quantity], quantity, actual, expected)
    if judgement.verdict == Verdict.ROUNDED:
        error = actual.detach().to("cpu", torch.float64) - expected.value
        judgement = _confirmed(trial, judgement, error)
    yield judgement


# The two operands in which a quantity is bilinear: either may be made an impulse.
_IMPULSE = {
    "Y": ("input", "weight"),
    "dX": ("grad_output", "weight"),
    "dK": ("input", "grad_output"),
}
_PLACE = {"Y": "grad_output", "dX": "input", "dK": "weight"}  # the operand of the same shape
_MOST_IMPULSES = 12  # of one case; there are thousands of cases


def _confirmed(trial: Trial, judgement: Judgement, error: Tensor) -> Judgement:
    """Tell rounding from a small fault: over impulses, where each sum has one product.

    Beside a long sum a lost term can look like rounding. Over an impulse it is the whole sum.

    Args:
        trial: the case.
        judgement: what was judged rounded.
        error: of each element.
    """
    roles = [
        role
        for role in _IMPULSE.get(judgement.quantity, ())
        if getattr(trial.case, f"{role}_layout") != Layout.EXPANDED
    ]
    if not roles:
        return judgement
    silence: Mapping[str, list[int]] = {roles[0]: []}  # where nothing is multiplied, nobody rounds
    found = _impulse(trial, judgement, silence) or _aimed(trial, judgement, roles, error.flatten())
    if found is not None:
        return found
    size = getattr(trial.operands, roles[0]).numel()
    order = torch.randperm(size, generator=torch.Generator().manual_seed(size))
    for position in order[:_MOST_IMPULSES].tolist():
        found = _impulse(trial, judgement, {roles[0]: [position]})
        if found is not None:
            return found
    return judgement


def _aimed(
    trial: Trial, judgement: Judgement, roles: Sequence[str], error: Tensor
) -> Judgement | None:
    """Bisect the terms of the element that errs most: rounding shrinks, a lost term stays."""
    quantity, role = judgement.quantity, roles[0]
    place = int(error.abs().argmax())
    left = float(error[place])
    products = _products(trial, quantity, role, place)
    terms = products.nonzero().flatten()
    while len(terms) > 1:
        half, rest = terms.tensor_split(2)
        answer = _answer(trial, quantity, _only(trial, {role: half.tolist()}))
        if not isinstance(answer, Tensor) or answer.numel() != error.numel():
            return None
        own = float(answer.detach().flatten()[place]) - float(products[half].sum())
        terms, left = (half, own) if abs(own) >= abs(left - own) else (rest, left - own)
        if left == 0:
            return None
    if not len(terms):
        return None
    kept = {role: terms.tolist()}
    found = _impulse(trial, judgement, kept)
    if found is None and len(roles) > 1:
        # Beside larger elements of the other operand the product may still be small.
        factor = _partner(trial, quantity, role, place, int(terms[0]))
        found = _impulse(trial, judgement, {**kept, roles[1]: factor})
    return found


def _products(trial: Trial, quantity: str, role: str, place: int) -> Tensor:
    """What each element of one operand adds to one element of the quantity."""
    values = _values(trial) | {_PLACE[quantity]: _one(trial, _PLACE[quantity], place)}
    own = getattr(trial.operands, role).to(torch.float64)
    products: Tensor = own * _factor(trial, role, values)
    return products.flatten()


def _partner(trial: Trial, quantity: str, role: str, place: int, position: int) -> list[int]:
    """The element of the other operand that one element is multiplied with there."""
    first, second = _IMPULSE[quantity]
    values = {_PLACE[quantity]: _one(trial, _PLACE[quantity], place)}
    values[role] = _one(trial, role, position)
    other = second if role == first else first
    positions: list[int] = _factor(trial, other, values).flatten().nonzero().flatten().tolist()
    return positions


def _factor(trial: Trial, role: str, values: Mapping[str, Tensor]) -> Tensor:
    """The derivative of ⟨Y, G⟩ in one operand, at the other two."""
    geometry = trial.case.geometry
    if role == "input":
        return functional.grad_input(values["grad_output"], values["weight"], geometry)
    if role == "weight":
        return functional.grad_weight(values["grad_output"], values["input"], geometry)
    return functional.output(values["input"], values["weight"], geometry)


def _values(trial: Trial) -> dict[str, Tensor]:
    return {
        role: getattr(trial.operands, role).to(torch.float64)
        for role in ("input", "weight", "grad_output")
    }


def _one(trial: Trial, role: str, position: int) -> Tensor:
    one = torch.zeros_like(getattr(trial.operands, role), dtype=torch.float64)
    one.view(-1)[position] = 1
    return one


def _only(trial: Trial, kept: Mapping[str, list[int]]) -> Operands:
    """The operands without a bias and with zeros in place of what is not kept."""
    changes = {}
    for role, positions in kept.items():
        tensor = getattr(trial.operands, role)
        sparse = torch.zeros_like(tensor).flatten()
        sparse[positions] = tensor.flatten()[positions]
        changes[role] = sparse.reshape(tensor.shape)
    return replace(trial.operands, bias=torch.zeros_like(trial.operands.bias), **changes)


def _answer(trial: Trial, quantity: str, operands: Operands) -> Any:
    try:
        return observe(trial.call(operands)).get(quantity)
    except TargetRaised as raised:
        return raised.observed.get(quantity)


def _impulse(trial: Trial, judgement: Judgement, kept: Mapping[str, list[int]]) -> Judgement | None:
    operands, quantity = _only(trial, kept), judgement.quantity
    actual = _answer(trial, quantity, operands)
    if actual is None:
        return None
    expected = replace(trial.expect(operands, only=(quantity,))[quantity], terms=1)
    found = trial.judge(judgement.check, quantity, actual, expected)
    return found if found.verdict == Verdict.WRONG else None
