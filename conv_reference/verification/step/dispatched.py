"""What torch's dispatcher carries out of convolutions, as faces of the trilinear form.

T(X, K, G) = ⟨G, conv(X, K)⟩ has the faces Y = ∂T/∂G, dX = ∂T/∂X and dK = ∂T/∂K. A transposed
convolution is another reading of the same form: its output is the face dX, its input is G.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor

from conv_reference.geometry import Geometry
from conv_reference.quantities import GRADIENTS

FORWARD, BACKWARD = "convolution", "convolution_backward"
# Made up of FORWARD; by these names in inference mode.
COMPOSITE = frozenset(f"conv{kind}{d}d" for kind in ("", "_transpose") for d in (1, 2, 3))
# What carries out a convolution, or makes its patches, by another name: met, it is not judged.
_KIN = re.compile(r"conv(?!er)|im2col|col2im")


class Face(StrEnum):
    """Which derivative of the trilinear form an answer is."""

    OUTPUT = "Y"
    INPUT = "dX"
    WEIGHT = "dK"
    BIAS = "db"  # the sum of G
    INPUT_BIAS = (
        "the sum of X"  # the bias of a transposed convolution, whose upstream gradient is X
    )


@dataclass(frozen=True)
class Form:
    """The operands of one convolution, seen as the untransposed one: X, K and G, where they are."""

    geometry: Geometry
    weight: Tensor
    input: Tensor | None = None
    grad_output: Tensor | None = None
    bias: Tensor | None = None


@dataclass(frozen=True)
class Answer:
    """One tensor that torch computed: a face of the form, or db."""

    form: Form
    face: Face
    value: Tensor
    name: str  # as the user's convolution calls it: the output of a transposed one is its Y


@dataclass(frozen=True)
class Dispatched:
    """One call at the dispatcher, in its own terms."""

    backward: bool
    input: Tensor
    weight: Tensor
    answers: tuple[Answer, ...]
    geometry: Geometry  # of the underlying convolution
    transposed: bool


class NotJudged(Exception):  # noqa: N818 (an observation)
    """Why a convolution that was dispatched is not judged; the message is one line."""


def given(tensor: Tensor | None) -> Tensor:
    """An operand: an answer comes with those that it is computed from."""
    assert tensor is not None
    return tensor


def is_kin(name: str) -> bool:
    """Whether an operation is a convolution under another name, or makes patches for one."""
    return bool(_KIN.search(name)) and name not in {FORWARD, BACKWARD}


def forward(arguments: Sequence[Any], output: Any) -> Dispatched:
    """A call of ``aten.convolution`` with its output.

    Raises:
        NotJudged: when it has no two dimensions, or a dtype that is not floating.
    """
    X, K, bias, stride, padding, dilation, transposed, _, groups = arguments
    Y = _checked(output)
    big, small = (Y, X) if transposed else (X, Y)
    options = (stride, padding, dilation, groups)
    geometry, (big, small, kernel) = _planar(options, _checked(big), _checked(small), K)
    if transposed:
        form = Form(geometry, kernel, grad_output=small, bias=bias)
        answer = Answer(form, Face.INPUT, big, "Y")
    else:
        form = Form(geometry, kernel, input=big, bias=bias)
        answer = Answer(form, Face.OUTPUT, small, "Y")
    return Dispatched(False, X, K, (answer,), geometry, bool(transposed))


def backward(arguments: Sequence[Any], gradients: Sequence[Any]) -> Dispatched:
    """A call of ``aten.convolution_backward`` with the gradients that it was asked for.

    Raises:
        NotJudged: as ``forward`` does.
    """
    G, X, K, _, stride, padding, dilation, transposed, _, groups, mask = arguments
    big, small = (G, X) if transposed else (X, G)
    options = (stride, padding, dilation, groups)
    geometry, (big, small, kernel) = _planar(options, _checked(big), _checked(small), K)
    whole = Form(geometry, kernel, input=big, grad_output=small)
    of_input = Face.OUTPUT if transposed else Face.INPUT
    of_bias = Face.INPUT_BIAS if transposed else Face.BIAS
    answers = []
    for wanted, face, name, value in zip(
        mask, (of_input, Face.WEIGHT, of_bias), GRADIENTS, gradients, strict=True
    ):
        if wanted and isinstance(value, Tensor):
            answers.append(Answer(whole, face, _shaped(whole, face, _as_planar(value)), name))
    return Dispatched(True, X, K, tuple(answers), geometry, bool(transposed))


def _checked(tensor: Any) -> Tensor:
    if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
        raise NotJudged("not a floating tensor")
    if type(tensor) not in {Tensor, torch.nn.Parameter}:
        raise NotJudged(f"a tensor of the subclass {type(tensor).__name__}")
    if tensor.is_meta:
        raise NotJudged("a tensor on the device meta, which has no numbers")
    if tensor.layout != torch.strided:
        raise NotJudged("a tensor without strided memory")
    return tensor


def _planar(
    options: Sequence[Any], big: Tensor, small: Tensor, kernel: Tensor
) -> tuple[Geometry, tuple[Tensor, Tensor, Tensor]]:
    """The geometry of the underlying convolution, one dimension taken as one row."""
    dimensions = big.dim() - 2
    if dimensions not in {1, 2}:
        raise NotJudged(f"{dimensions} dimensions; one or two are judged")
    stride, padding, dilation, groups = options
    stride, padding, dilation = (
        [*values] * dimensions if len(values) == 1 else [*values]
        for values in (stride, padding, dilation)
    )
    if dimensions == 1:
        stride, padding, dilation = [1, *stride], [0, *padding], [1, *dilation]
        big, small, kernel = (tensor.unsqueeze(-2) for tensor in (big, small, kernel))
    geometry = _geometry(big, small, kernel, stride, padding, dilation, groups)
    if geometry.output_shape != tuple(small.shape):
        raise NotJudged(f"shapes that fit no convolution: {tuple(small.shape)} of {geometry}")
    return geometry, (big, small, kernel)


def _geometry(
    big: Tensor,
    small: Tensor,
    kernel: Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Geometry:
    try:
        return Geometry(
            batch=big.shape[0],
            in_channels=big.shape[1],
            out_channels=small.shape[1],
            input_size=(big.shape[2], big.shape[3]),
            kernel_size=(kernel.shape[2], kernel.shape[3]),
            stride=(stride[0], stride[1]),
            padding=((padding[0],) * 2, (padding[1],) * 2),
            dilation=(dilation[0], dilation[1]),
            groups=groups,
        )
    except ValueError as error:  # as without channels, which torch answers with zeros
        raise NotJudged(str(error)) from error


def _shaped(form: Form, face: Face, value: Tensor) -> Tensor:
    """The value, where it has the shape of the face; torch itself refuses it otherwise."""
    g = form.geometry
    shape = {
        Face.OUTPUT: g.output_shape,
        Face.INPUT: g.input_shape,
        Face.WEIGHT: g.weight_shape,
        Face.BIAS: (g.out_channels,),
        Face.INPUT_BIAS: (g.in_channels,),
    }[face]
    if tuple(value.shape) != shape:
        raise NotJudged(f"a gradient of the shape {tuple(value.shape)}, which is none of {g}")
    return value


def _as_planar(value: Tensor) -> Tensor:
    return value.unsqueeze(-2) if value.dim() == 3 else value
