"""A few cases before a run, each of sizes that all differ: an adapter's own mistakes show here.

Each option that is offered is tried once, and each method that is given. A wrong number is for the
judge, and so is what a mixture of transforms does. What is refused here is an adapter that raises
what is no refusal, answers in another number, shape or dtype, or declares what does not happen.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import torch
from torch import Tensor

from conv_reference.geometry import Geometry
from conv_reference.verification.frameworks import arrays
from conv_reference.verification.frameworks.contract import OPTIONS, Framework, problem
from conv_reference.verification.frameworks.convolving import Convolution
from conv_reference.verification.frameworks.lifting import AdapterError, Node
from conv_reference.verification.frameworks.mistakes import method_of
from conv_reference.verification.frameworks.recipe import Recipe

# No two sizes of one case, those of Y included, are the same, nor two numbers of one option.
GEOMETRY = Geometry.parse("n2 c3 h12 w15 o4 k5x6")
_WITH: Mapping[str, Geometry] = {
    "stride": Geometry.parse("n2 c3 h17 w27 o4 k5x6 s2x3"),
    "padding": Geometry.parse("n2 c3 h12 w15 o4 k5x6 p1x2"),
    "sides": Geometry.parse("n2 c3 h12 w15 o4 k5x6 p1:2x0:3"),
    "dilation": Geometry.parse("n2 c3 h15 w24 o4 k5x6 d2x3"),
    "groups": Geometry.parse("n4 c6 h12 w17 o9 k5x7 g3"),
}
_MAPPED = 7  # slices of what is mapped over
_ENOUGH = 20.0  # seconds, where each program is compiled for so long; the run tries the rest


def mistake(framework: Framework) -> str:
    """What is wrong with an adapter, in one line; empty where nothing is to be seen."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as around each case
        return problem(framework) or _met(framework) or _layouts(framework)


@dataclass(frozen=True)
class _Question:
    """One call of an adapter's method, and the shapes of what it should answer."""

    method: str  # "vjp"
    geometry: Geometry
    node: Node
    given: tuple[Tensor, ...]
    names: tuple[str, ...]  # of the answers: "dX"
    shapes: tuple[tuple[int, ...], ...]


def _met(framework: Framework) -> str:
    """The first mistake that a question shows; empty where none does."""
    begun, refused = time.monotonic(), False
    for question in _questions(framework):
        if refused and question.method != "conv":  # nor can what is made of it be asked
            continue
        wrong = _wrong(framework, question)
        if wrong:
            return wrong
        refused |= wrong is None and question.geometry is GEOMETRY
        if time.monotonic() - begun > _ENOUGH:
            break
    return ""


def _questions(framework: Framework) -> Iterator[_Question]:
    """Y plainly and with each option, and of the plain one each transform."""
    biased = "bias" in framework.options
    plain = _Case(framework, GEOMETRY, biased)
    yield plain.answer()
    if isinstance(framework, Recipe):  # a convolution of its own: its backward pass is judged
        return
    if "vjp" not in framework.lacks:
        yield plain.gradients()
    alone = _Case(framework, GEOMETRY, biased=False)
    if biased:
        yield alone.answer()
    for option in OPTIONS[1:]:
        if option in framework.options:
            sides = option == "padding" and framework.sides
            yield _Case(framework, _WITH["sides" if sides else option], biased=False).answer()
    if "vjp" not in framework.lacks:
        yield alone.gradients(of_x=False)
    if "jvp" not in framework.lacks:
        yield plain.tangent()
    if "vmap" not in framework.lacks:
        yield alone.mapped()


class _Case:
    """Operands of ones, in the first dtype that the adapter offers."""

    def __init__(self, framework: Framework, geometry: Geometry, biased: bool) -> None:
        self.geometry = geometry
        options = {name: getattr(geometry, name) for name in OPTIONS[1:]}
        self._node = Node(framework, Convolution(framework, biased, options))
        dtype: torch.dtype = getattr(torch, framework.dtypes[0])
        shapes = (geometry.input_shape, geometry.weight_shape, (geometry.out_channels,))
        given = tuple(torch.ones(shape, dtype=dtype) for shape in shapes)
        self._given = given if biased else given[:2]
        self._Y = torch.ones(geometry.output_shape, dtype=dtype)

    def answer(self) -> _Question:
        """Y."""
        return self._question("conv", self._node, self._given, {"Y": self._Y})

    def gradients(self, *, of_x: bool = True) -> _Question:
        """The gradients of all operands, or of all but X."""
        wanted = (of_x, *(True for _ in self._given[1:]))
        every = zip(("dX", "dK", "db"), self._given, wanted, strict=False)
        named = {name: operand for name, operand, is_wanted in every if is_wanted}
        node, given = self._node.pullback(1, wanted), (self._Y, *self._given)
        return self._question("vjp", node, given, named)

    def tangent(self) -> _Question:
        """That of Y, of the tangents of all operands."""
        node = self._node.pushforward(1, tuple(True for _ in self._given))
        return self._question("jvp", node, (*self._given, *self._given), {"the tangent": self._Y})

    def mapped(self) -> _Question:
        """Y of several X, which lie along their second dimension."""
        X, *others = self._given
        node = self._node.mapped((1, *(None for _ in others)))
        several = torch.stack([X] * _MAPPED, 1), *others
        return self._question("vmap", node, several, {"Y": torch.stack([self._Y] * _MAPPED)})

    def _question(
        self, method: str, node: Node, given: Sequence[Tensor], like: Mapping[str, Tensor]
    ) -> _Question:
        shapes = tuple(tuple(tensor.shape) for tensor in like.values())
        return _Question(method, self.geometry, node, tuple(given), tuple(like), shapes)


def _wrong(framework: Framework, question: _Question) -> str | None:
    """What is wrong with the answers; empty where nothing is, None where they are refused."""
    method, dtype = question.method, question.given[0].dtype
    try:
        found = question.node.run(*question.given)
    except NotImplementedError:
        return None
    except Exception as error:
        return f"{_raised(framework, method, error)} on {question.geometry}: {_words(error)}"
    if len(found) != len(question.names):
        said = f"{len(found)} arrays, expected {len(question.names)}"
        return f"{method} answers {said}, on {question.geometry}"
    for name, answer, shape in zip(question.names, found, question.shapes, strict=True):
        if wrong := _unlike(answer, shape, dtype):
            return f"{method} answers {name} {wrong}, on {question.geometry}"
    return ""


def _raised(framework: Framework, asked: str, error: BaseException) -> str:
    """Who raised it, of which method was called: ``f`` of a vjp calls conv."""
    method = method_of(error, framework) or asked
    within = "" if method == asked else f", called in {asked},"
    return f"{method}{within} raises {type(error).__name__}"


def _words(error: BaseException) -> str:
    said = " ".join(str(error).split())
    if isinstance(error, AdapterError):  # which says what is accepted
        return said
    return f"{said}; accepted is an answer, NotImplementedError, or what `refusals` names"


def _unlike(answer: Any, shape: tuple[int, ...], dtype: torch.dtype) -> str:
    """How an answer differs from what was asked for; empty where it does not."""
    if not isinstance(answer, Tensor):
        return f"as {type(answer).__name__}, expected a tensor from `back`"
    found = tuple(answer.shape)
    if found != shape:
        order = next(
            ("".join(p) for p in permutations("NCHW") if _in_order(shape, p) == found), None
        )
        hint = "" if order is None else f": it is {order}, accepted is NCHW"
        return f"of shape {found}, expected {shape}{hint}"
    return "" if answer.dtype == dtype else f"in {answer.dtype} of operands in {dtype}"


def _in_order(shape: tuple[int, ...], order: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(shape["NCHW".index(letter)] for letter in order) if len(shape) == 4 else ()


def _layouts(framework: Framework) -> str:
    """What ``to`` does to an operand with steps, where the adapter says that it hands it on."""
    if set(framework.layouts) == {"contiguous"}:
        return ""
    dtype: torch.dtype = getattr(torch, framework.dtypes[0])
    lying = torch.ones((2, 12, 15, 3), dtype=dtype).permute(0, 3, 1, 2)
    try:
        strides = arrays.seen_strides(framework.to(lying))
    except NotImplementedError:
        return ""
    except Exception as error:
        return f"{_raised(framework, 'to', error)} of a tensor with strides: {_words(error)}"
    if strides == tuple(lying.stride()):
        return ""
    found = "no strides that can be read" if strides is None else f"strides {strides}"
    return (
        f"layouts names more than 'contiguous', but `to` of a tensor with strides "
        f"{tuple(lying.stride())} has {found}: what is declared never reaches the kernel"
    )
