"""Laws that need no oracle: two routes through the implementation lead to the same numbers.

A convolution that shares a fault with its reference still breaks a law (Paddle PR#21225 had
the same fault in both). Over integers that are exact in any order, laws hold bit for bit: every
sum of another route is a part of one of the first.

They are laws of the form ⟨G, conv(X, K)⟩: here operands and answers stand under its names, and
only what is handed to the target, and what is judged, under the operator's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from conv_reference.geometry import Geometry
from conv_reference.operands import Operands
from conv_reference.quantities import FIRST_ORDER, ROLES
from conv_reference.verification.checks._arguments import lacks
from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.agreement import agree
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import Trial

Answers = dict[str, Any]  # Y, dX, dK and db, as `observe` returns them


@dataclass(frozen=True)
class _Route:
    """Another question, and how its answers become those of the first."""

    geometry: Geometry
    operands: Operands
    back: Callable[[Answers], Answers]


def _lacks_channels(target: Target) -> str | None:
    return None if target.has_channels else "no channel dimensions"


@check(
    Row(
        "batch_independence",
        "Each sample alone has the answers that it has in its batch; dK and db add up.",
        "Layers are trained in batches and used on single samples.",
        "the last batch % 32 samples wrong (neon#361)",
    ),
    traits=Traits(sample=Sample.SMALL),
)
def batch_independence(trial: Trial) -> Iterator[Judgement]:
    """One sample at a time."""
    geometry, given = trial.case.geometry, _operands_of_form(trial)
    if geometry.batch < 2 or not trial.has_room:
        return
    alone = replace(geometry, batch=1)
    parts = [
        _answers(
            trial,
            alone,
            replace(given, input=given.input[n : n + 1], grad_output=given.grad_output[n : n + 1]),
        )
        for n in range(geometry.batch)
    ]
    joined = _joined(parts, {"Y": torch.cat, "dX": torch.cat, "dK": sum, "db": sum})
    whole = _answers(trial, geometry, given)
    said = "a batch should agree with its samples one by one"
    other = trial.case.contiguous().on(alone)
    yield from _agree(trial, "batch_independence", whole, joined, said, other=other)


@check(
    Row(
        "group_decomposition",
        "Each group is a convolution of its own, with one group.",
        "The commonest class of reported faults confuses the groups' channels.",
        "dX up to 56 times off for groups > 1 with stride > 1 (mlx PR#3800)",
    ),
    traits=Traits(sample=Sample.SMALL, cannot=partial(lacks, "groups")),
)
def group_decomposition(trial: Trial) -> Iterator[Judgement]:
    """One group at a time."""
    geometry, given = trial.case.geometry, _operands_of_form(trial)
    if geometry.groups == 1 or not trial.has_room:
        return
    group_in, group_out = geometry.group_channels
    alone = replace(geometry, groups=1, in_channels=group_in, out_channels=group_out)
    parts = []
    for group in range(geometry.groups):
        inputs = slice(group * group_in, (group + 1) * group_in)
        outputs = slice(group * group_out, (group + 1) * group_out)
        operands = Operands(
            input=given.input[:, inputs],
            weight=given.weight[outputs],
            bias=_of_output(trial, given.bias, inputs, outputs),
            grad_output=given.grad_output[:, outputs],
        )
        parts.append(_answers(trial, alone, operands))
    channels = partial(torch.cat, dim=1)
    joined = _joined(parts, {"Y": channels, "dX": channels, "dK": torch.cat, "db": torch.cat})
    whole = _answers(trial, geometry, given)
    said = "groups should agree with one convolution for each"
    other = trial.case.contiguous().on(alone)
    yield from _agree(trial, "group_decomposition", whole, joined, said, other=other)


@check(
    Row(
        "explicit_padding",
        "Padding does what zeros around the input do.",
        "Padding is handled by bounds checks that differ from kernel to kernel.",
        "padding greater than the kernel: Y, dX and dW wrong (MIOpen#55)",
    ),
    traits=Traits(sample=Sample.SMALL, cannot=partial(lacks, "padding")),
)
def explicit_padding(trial: Trial) -> Iterator[Judgement]:
    """Zeros written out."""
    geometry, given = trial.case.geometry, _operands_of_form(trial)
    (top, bottom), (left, right) = geometry.padding
    if not any((top, bottom, left, right)):
        return
    (height, width), padded = geometry.input_size, geometry.padded_size
    route = _Route(
        replace(geometry, input_size=padded, padding=((0, 0), (0, 0))),
        replace(given, input=pad(given.input, (left, right, top, bottom))),
        lambda found: _changed(
            found, dX=lambda dX: dX[..., top : top + height, left : left + width]
        ),
    )
    said = "padding should agree with explicit zeros"
    yield from _two_routes(trial, "explicit_padding", route, said)


@check(
    Row(
        "explicit_dilation",
        "Dilation does what zeros between the kernel's taps do.",
        "It is ignored in one place only, and the shape is right all the same.",
        "dilation ignored, the shape right (tensorflow#18454)",
    ),
    traits=Traits(sample=Sample.SMALL, cannot=partial(lacks, "dilation")),
)
def explicit_dilation(trial: Trial) -> Iterator[Judgement]:
    """A kernel with zeros between its taps."""
    geometry, given = trial.case.geometry, _operands_of_form(trial)
    (dh, dw), span = geometry.dilation, geometry.span
    if (dh, dw) == (1, 1) or "kernel_size" in trial.target.fixed:
        return
    K = given.weight.new_zeros(*given.weight.shape[:2], *span)
    K[:, :, ::dh, ::dw] = given.weight
    route = _Route(
        replace(geometry, kernel_size=span, dilation=(1, 1)),
        replace(given, weight=K),
        lambda found: _changed(found, dK=lambda dK: dK[..., ::dh, ::dw]),
    )
    said = "dilation should agree with zeros between the taps"
    yield from _two_routes(trial, "explicit_dilation", route, said)


@check(
    Row(
        "stride_subsampling",
        "A stride picks every s-th output of stride 1, and G acts from there.",
        "A stride with a remainder is where gradients most often lose their edge.",
        "dX wrong at the edge for 32×32, kernel 5, stride 3 (pytorch#25101)",
    ),
    traits=Traits(sample=Sample.SMALL, cannot=partial(lacks, "stride")),
)
def stride_subsampling(trial: Trial) -> Iterator[Judgement]:
    """Every output computed, some of them picked."""
    geometry, given = trial.case.geometry, _operands_of_form(trial)
    (sh, sw), dense = geometry.stride, replace(geometry, stride=(1, 1))
    if (sh, sw) == (1, 1):
        return
    G = given.grad_output.new_zeros(dense.output_shape)
    G[:, :, ::sh, ::sw] = given.grad_output
    route = _Route(
        dense,
        replace(given, grad_output=G),
        lambda found: _changed(found, Y=lambda Y: Y[..., ::sh, ::sw]),
    )
    said = "a stride should agree with every s-th output of stride 1"
    yield from _two_routes(trial, "stride_subsampling", route, said)


@check(
    Row(
        "translation",
        "As many zero rows and columns as the stride, before the input, move Y by one.",
        "Offsets into the input are computed in many places, each of its own accord.",
        "Y shifted by one pixel, its shape right (keras PR#22876)",
    ),
    traits=Traits(sample=Sample.SMALL, of_zeros=True),
)
def translation(trial: Trial) -> Iterator[Judgement]:
    """The input moved by one stride."""
    geometry, given = trial.case.geometry, _operands_of_form(trial)
    (height, width), (sh, sw) = geometry.input_size, geometry.stride
    sh, row = (0, 0) if trial.target.is_line else (sh, 1)
    route = _Route(
        replace(geometry, input_size=(height + sh, width + sw)),
        replace(
            given,
            input=pad(given.input, (sw, 0, sh, 0)),
            grad_output=pad(given.grad_output, (1, 0, row, 0)),
        ),
        lambda found: _changed(
            found, Y=lambda Y: Y[..., row:, 1:], dX=lambda dX: dX[..., sh:, sw:]
        ),
    )
    said = "an input moved by one stride should have an output moved by one"
    yield from _two_routes(trial, "translation", route, said)


@check(
    Row(
        "channel_permutation",
        "Channels in another order, within their groups, have their answers in that order.",
        "Blocked kernels treat the last channels by other code than the first.",
        "wrong for 6 channels, right for 8, 12 and 16 (pytorch#21597)",
    ),
    traits=Traits(sample=Sample.SMALL, cannot=_lacks_channels),
)
def channel_permutation(trial: Trial) -> Iterator[Judgement]:
    """The channels of every group backwards: the first become the last."""
    geometry, given = trial.case.geometry, _operands_of_form(trial)
    group_in, group_out = geometry.group_channels
    if (group_in, group_out) == (1, 1):
        return
    inputs = _reversed_within(geometry.in_channels, group_in)
    outputs = _reversed_within(geometry.out_channels, group_out)

    def bias(b: Tensor) -> Tensor:
        return _of_output(trial, b, inputs, outputs)

    def kernel(K: Tensor) -> Tensor:
        return K[outputs].flip(1)

    route = _Route(
        geometry,
        Operands(
            input=given.input[:, inputs],
            weight=kernel(given.weight),
            bias=bias(given.bias),
            grad_output=given.grad_output[:, outputs],
        ),
        lambda found: _changed(
            found,
            Y=lambda Y: Y[:, outputs],
            dX=lambda dX: dX[:, inputs],
            dK=kernel,
            db=bias,
        ),
    )
    said = "reversed channels should have their answers reversed"
    yield from _two_routes(trial, "channel_permutation", route, said)


def _two_routes(trial: Trial, row: str, route: _Route, said: str) -> Iterator[Judgement]:
    if not trial.has_room:
        return
    direct = _answers(trial, trial.case.geometry, _operands_of_form(trial))
    around = route.back(_answers(trial, route.geometry, route.operands))
    other = trial.case.contiguous().on(route.geometry)
    yield from _agree(trial, row, direct, around, said, other=other)


def _operands_of_form(trial: Trial) -> Operands:
    """The trial's operands under the names of the form."""
    operator, given = trial.target.operator, trial.operands
    named: dict[str, Tensor] = {operator.place(r): getattr(given, r) for r in ROLES}
    return Operands(**named, bias=given.bias)


def _of_output(trial: Trial, bias: Tensor, inputs: Any, outputs: Any) -> Tensor:
    """The bias of some channels: of the form's input, where that is what the target returns."""
    operator = trial.target.operator
    if not operator.has_bias:
        return bias
    return bias[inputs if operator.place("grad_output") == "input" else outputs]


def _agree(
    trial: Trial, row: str, direct: Answers, around: Answers, said: str, *, other: Case
) -> Iterator[Judgement]:
    """Whether two routes agree, under the operator's own names."""
    operator = trial.target.operator
    if not operator.is_convolution:
        said = f"as of the convolution with the same products, {said}"

    def own(found: Answers) -> Answers:
        named = {q: found[operator.face(q)] for q in FIRST_ORDER if operator.face(q) in found}
        if not trial.target.is_line:
            return named
        return {
            name: value[:, :, 0] if isinstance(value, Tensor) and value.dim() == 4 else value
            for name, value in named.items()
        }

    yield from agree(trial, row, own(direct), own(around), said, other=other)


def _answers(trial: Trial, geometry: Geometry, operands: Operands) -> Answers:
    """What the target answers; nothing where it cannot be asked for these sizes.

    Nothing either where Y has another shape, which the certificate reports.
    """
    if not trial.target.can_be_asked(geometry):
        return {}
    operator = trial.target.operator
    other = replace(trial, case=trial.case.contiguous().on(geometry))
    own: dict[str, Tensor] = {role: getattr(operands, operator.place(role)) for role in ROLES}
    found = observe(other.call(Operands(**own, bias=operands.bias)))
    Y = found["Y"]
    if not isinstance(Y, Tensor) or Y.dim() != len(trial.target.own_shape("grad_output", geometry)):
        return {}
    return {
        operator.face(name): trial.target.lifted(value) if isinstance(value, Tensor) else value
        for name, value in found.items()
    }


def _changed(found: Answers, **changes: Callable[[Tensor], Tensor]) -> Answers:
    return {
        name: changes[name](value) if name in changes and isinstance(value, Tensor) else value
        for name, value in found.items()
    }


def _joined(parts: list[Answers], how: dict[str, Callable[..., Any]]) -> Answers:
    joined = {}
    for name, join in how.items():
        values = [part.get(name) for part in parts]
        if all(isinstance(value, Tensor) for value in values):
            joined[name] = join(values)
    return joined


def _reversed_within(channels: int, group: int) -> Tensor:
    return torch.arange(channels).reshape(-1, group).flip(1).flatten()
