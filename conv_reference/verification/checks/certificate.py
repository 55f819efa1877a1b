"""The exact certificate of one case: Y, dX, dK and db, bit for bit.

This is the hot loop: a default run judges some ten thousand cases with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from conv_reference.verification.case import Layout
from conv_reference.verification.checks.registry import Row, Sample, check
from conv_reference.verification.checks.trial import FIRST_ORDER, TargetRaised, Trial, target_code
from conv_reference.verification.judge import Expected, Judgement, judge, kind_mismatch, whole
from conv_reference.verification.result import Verdict
from conv_reference.verification.target import Call
from conv_reference.verification.values import repetitions

ROWS: Mapping[str, str] = {
    "Y": "forward",
    "dX": "grad_input",
    "dK": "grad_weight",
    "db": "grad_bias",
}


@check(
    Row(
        "shapes",
        "Y and each gradient have the shape, dtype and device that the definition gives.",
        "A gradient of the wrong shape broadcasts silently in an optimiser's step.",
        "dW of another shape than W for groups and a stride with a remainder (mlx#2184)",
    ),
    Row(
        "forward",
        "Y equals the oracle's, bit for bit, on integer-valued operands.",
        "The definition has one answer; exact arithmetic leaves no tolerance to hide in.",
        "wrong for C = 6, right for 8, 12 and 16 (pytorch#21597)",
    ),
    Row(
        "grad_input",
        "dX equals the adjoint of the forward pass in X, bit for bit.",
        "More than a third of reported faults are in a gradient alone.",
        "dX wrong in 43.7 % of its elements where a stride leaves a remainder (FlagGems PR#1576)",
    ),
    Row(
        "grad_weight",
        "dK equals the adjoint of the forward pass in K, bit for bit.",
        "A wrong dK still trains, only worse.",
        "groups > 1 in torch's own conv2d_weight (pytorch#51430)",
    ),
    Row(
        "grad_bias",
        "db equals the sum of the upstream gradient over samples and positions, bit for bit.",
        "It is often computed on a path of its own.",
        "db wrong where it is asked for without dK (mxnet#15464)",
    ),
    Row(
        "requires_grad",
        "Y asks for a gradient exactly when an argument does, and each one that asks gets it.",
        "Masks are handled by hand in every custom backward pass.",
        "gradients returned that were not asked for (pytorch PR#172310)",
    ),
    Row(
        "arguments",
        "No argument is changed by the call, forward or backward.",
        "A changed input makes a wrong answer look right, and the next layer's wrong.",
        "the input buffer changed under the layer (mlpack#1661)",
    ),
    sample=Sample.ALL,
)
def certificate(trial: Trial) -> Iterator[Judgement]:
    """Y, dX, dK and db of one case against the oracle; where values are few, several times."""
    for repetition in range(repetitions(trial.case)):
        yield from _once(replace(trial, seed=trial.seed + repetition))


def _once(trial: Trial) -> Iterator[Judgement]:
    call = trial.call()
    observed = observe(call)
    # The oracle runs after the target, which so cannot find the answer in freed memory.
    expected = trial.expect(only=tuple(name for name in FIRST_ORDER if name in observed))
    yield from _requires_grad(call, observed)
    for quantity, actual in observed.items():
        if quantity in expected:
            yield from _judged(trial, quantity, actual, expected[quantity])
    yield from unchanged_arguments("arguments", trial, call)
    for answer in expected.values():
        answer.value.fill_(torch.nan)  # freed memory must not hold the answer to a repetition


def observe(call: Call) -> dict[str, Any]:
    """Run the implementation forward and backward.

    Returns:
        Y and, when Y is a tensor of the right shape, the gradient of each leaf that asks.

    Raises:
        TargetRaised: when it throws.
    """
    with target_code("Y"):
        Y = call.forward()
    if not isinstance(Y, Tensor) or Y.shape != call.G.shape:
        return {"Y": Y}
    leaves = call.leaves
    if not leaves or not Y.requires_grad:
        return {"Y": Y} | dict.fromkeys(leaves)
    value = Y.detach().clone()  # before the backward pass can touch it
    with target_code(next(iter(leaves))):
        gradients = torch.autograd.grad(
            Y, list(leaves.values()), call.G.to(Y.dtype), allow_unused=True
        )
    return {"Y": value, **dict(zip(leaves, gradients, strict=True))}


def unchanged_arguments(row: str, trial: Trial, call: Call) -> Iterator[Judgement]:
    """Whether the target's own copies still hold what they held."""
    pairs = (
        ("X", call.X, trial.operands.input),
        ("K", call.K, trial.operands.weight),
        ("b", call.b, trial.operands.bias),
        ("G", call.G, trial.operands.grad_output),
    )
    changed = False
    for name, tensor, private in pairs:
        if tensor is None:
            continue
        held = tensor.detach().to("cpu").reshape(private.shape)
        if not torch.equal(held, private):
            changed = True
            yield whole(row, name, "unchanged by the call", "changed")
    if not changed:
        yield Judgement(row, "", Verdict.EXACT)


def _requires_grad(call: Call, observed: Mapping[str, Any]) -> Iterator[Judgement]:
    Y = observed["Y"]
    wanted = bool(call.leaves)
    missing = [name for name, value in observed.items() if name != "Y" and value is None]
    if not wanted and isinstance(Y, Tensor) and Y.requires_grad:
        yield whole("requires_grad", "Y", "no graph, as no argument asks for one", "a graph")
    elif missing:
        asked = ", ".join(f"d{leaf}" for leaf in ("X", "K", "b") if f"d{leaf}" in observed)
        for name in missing:
            yield whole("requires_grad", name, f"a gradient (asked for: {asked})", "no gradient")
    else:
        yield Judgement("requires_grad", "", Verdict.EXACT)


def _judged(trial: Trial, quantity: str, actual: Any, expected: Expected) -> Iterator[Judgement]:
    if actual is None and quantity != "Y":
        return  # told by requires_grad
    mismatch = kind_mismatch("shapes", quantity, actual, expected)
    if mismatch is not None:
        yield mismatch
        return
    yield Judgement("shapes", quantity, Verdict.EXACT)
    judgement = judge(ROWS[quantity], quantity, actual, expected, allowed_bits=trial.allowed_bits)
    if judgement.verdict == Verdict.ROUNDED:
        judgement = _confirmed(trial, judgement)
    yield judgement


# The two operands in which a quantity is bilinear: either may be made an impulse.
_IMPULSE = {
    "Y": ("input", "weight"),
    "dX": ("grad_output", "weight"),
    "dK": ("input", "grad_output"),
}
_MOST_IMPULSES = 12  # of one case; there are thousands of cases


def _confirmed(trial: Trial, judgement: Judgement) -> Judgement:
    """Tell rounding from a small fault: over impulses, where each sum has one product.

    Beside a long sum a lost term can look like rounding. Over an impulse it is the whole sum.
    """
    roles = [
        role
        for role in _IMPULSE.get(judgement.quantity, ())
        if getattr(trial.case, f"{role}_layout") != Layout.EXPANDED
    ]
    if not roles:
        return judgement
    role = roles[0]
    size = getattr(trial.operands, role).numel()
    order = torch.randperm(size, generator=torch.Generator().manual_seed(size))
    for position in order[:_MOST_IMPULSES].tolist():
        found = _impulse(trial, judgement, role, position)
        if found is not None:
            return found
    return judgement


def _impulse(trial: Trial, judgement: Judgement, role: str, position: int) -> Judgement | None:
    tensor = getattr(trial.operands, role)
    impulse = torch.zeros_like(tensor).flatten()
    impulse[position] = tensor.flatten()[position]
    operands = replace(
        trial.operands,
        bias=torch.zeros_like(trial.operands.bias),
        **{role: impulse.reshape(tensor.shape)},
    )
    try:
        observed = observe(trial.call(operands))
    except TargetRaised:
        return None
    quantity = judgement.quantity
    actual = observed.get(quantity)
    expected = replace(trial.expect(operands, only=(quantity,))[quantity], terms=1)
    found = judge(judgement.check, quantity, actual, expected, allowed_bits=trial.allowed_bits)
    return found if found.verdict == Verdict.WRONG else None
