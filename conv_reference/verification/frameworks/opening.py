"""A few cases before a run, each of sizes that all differ: an adapter's own mistakes show here.

Each option that is offered is tried once, and each method that is given. A wrong number is for the
judge, and so is what a mixture of transforms does. What is refused here is an adapter that raises
what is no refusal, answers in another number, shape or dtype, or declares what does not happen.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any

import torch
from torch import Tensor

from conv_reference.geometry import Geometry
from conv_reference.verification.frameworks import arrays
from conv_reference.verification.frameworks.contract import OPTIONS, Framework, problem
from conv_reference.verification.frameworks.lifting import AdapterError
from conv_reference.verification.frameworks.mistakes import method_of
from conv_reference.verification.frameworks.questions import Ones, Question
from conv_reference.verification.frameworks.recipe import Recipe
from conv_reference.verification.frameworks.refused_options import refused_whatever_it_is

# No two sizes of one case, those of Y included, are the same, nor two numbers of one option.
GEOMETRY = Geometry.parse("n2 c3 h12 w15 o4 k5x6")
_WITH: Mapping[str, Geometry] = {
    "stride": Geometry.parse("n2 c3 h17 w27 o4 k5x6 s2x3"),
    "padding": Geometry.parse("n2 c3 h12 w15 o4 k5x6 p1x2"),
    "sides": Geometry.parse("n2 c3 h12 w15 o4 k5x6 p1:2x0:3"),
    "dilation": Geometry.parse("n2 c3 h15 w24 o4 k5x6 d2x3"),
    "groups": Geometry.parse("n4 c6 h12 w17 o9 k5x7 g3"),
}
_OPTION = {case: "padding" if name == "sides" else name for name, case in _WITH.items()}
_ENOUGH = 20.0  # seconds, where each program is compiled for so long; the run tries the rest


def mistake(framework: Framework, opened: Callable[[str], None] = lambda _: None) -> str:
    """What is wrong with an adapter, in one line; empty where nothing is to be seen.

    Args:
        framework: as its adapter has it.
        opened: called with each question before it is put: which may end the process, or hang.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as around each case
        return problem(framework) or _met(framework, opened) or _layouts(framework, opened)


def _met(framework: Framework, opened: Callable[[str], None]) -> str:
    """The first mistake that a question shows; empty where none does."""
    begun, refused = time.monotonic(), False
    for question in _questions(framework):
        if refused and question.method != "conv":  # nor can what is made of it be asked
            continue
        opened(f"{question.method} on {question.geometry}")
        wrong = _wrong(framework, question)
        if wrong is None:
            refused |= question.geometry is GEOMETRY
            wrong = _never_answered(framework, question)
        if wrong:
            return wrong
        if time.monotonic() - begun > _ENOUGH:
            break
    return ""


def _questions(framework: Framework) -> Iterator[Question]:
    """Y plainly and with each option, and of the plain one each transform."""
    biased = "bias" in framework.options
    plain = Ones(framework, GEOMETRY, biased)
    yield plain.answer()
    if isinstance(framework, Recipe):  # a convolution of its own: its backward pass is judged
        return
    if "vjp" not in framework.lacks:
        yield plain.gradients()
    alone = Ones(framework, GEOMETRY, biased=False)
    if biased:
        yield alone.answer()
    for option in OPTIONS[1:]:
        if option in framework.options:
            sides = option == "padding" and framework.sides
            yield Ones(framework, _WITH["sides" if sides else option], biased=False).answer()
    if "vjp" not in framework.lacks:
        yield alone.gradients(of_x=False)
    if "jvp" not in framework.lacks:
        yield plain.tangent()
    if "vmap" not in framework.lacks:
        yield alone.mapped()


def _wrong(framework: Framework, question: Question) -> str | None:
    """What is wrong with the answers; empty where nothing is, None where they are refused."""
    try:
        found = question.node.run(*question.given)
        wrong = _unlike_each(question, found) or _overwritten(question, found)
    except NotImplementedError:
        return None
    except Exception as error:
        said = _raised(framework, question.method, error)
        return f"{said} on {question.geometry}: {_words(error)}"
    return wrong and f"{question.method} answers {wrong}, on {question.geometry}"


def _never_answered(framework: Framework, question: Question) -> str:
    """What is wrong where what was refused is an option that is declared; else empty."""
    if question.method != "conv" or isinstance(framework, Recipe):  # which declares nothing
        return ""
    biased = len(question.given) > 2
    option = _OPTION.get(question.geometry, "bias" if biased else "")
    return refused_whatever_it_is(framework, option, question.geometry) if option else ""


def _overwritten(question: Question, found: Sequence[Tensor]) -> str:
    """Which answer is the framework's own memory, that the next call writes to; else empty."""
    if question.geometry is not GEOMETRY or question.method not in {"conv", "vjp"}:
        return ""
    kept = [answer.clone() for answer in found]
    question.node.run(*(2 * operand for operand in question.given))
    for name, answer, before in zip(question.names, found, kept, strict=True):
        if not torch.equal(answer, before):
            return f"{name} in memory that the next call overwrites, expected a copy from `back`"
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


def _unlike_each(question: Question, found: Sequence[Any]) -> str:
    """How the answers differ from what was asked for; empty where they do not."""
    if len(found) != len(question.names):
        return f"{len(found)} arrays, expected {len(question.names)}"
    dtype = question.given[0].dtype
    for name, answer, shape in zip(question.names, found, question.shapes, strict=True):
        if wrong := _unlike(answer, shape, dtype):
            return f"{name} {wrong}"
    return ""


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


def _layouts(framework: Framework, opened: Callable[[str], None]) -> str:
    """What ``to`` does to an operand with steps, where the adapter says that it hands it on."""
    if set(framework.layouts) == {"contiguous"}:
        return ""
    dtype: torch.dtype = getattr(torch, framework.dtypes[0])
    opened("to of a tensor with strides")
    lying = torch.ones((2, 12, 15, 3), dtype=dtype).permute(0, 3, 1, 2)
    try:
        strides = arrays.seen_strides(framework.to(lying))
    except NotImplementedError:
        return ""
    except Exception as error:
        return f"{_raised(framework, 'to', error)} of a tensor with strides: {_words(error)}"
    if strides == tuple(lying.stride()):
        return ""
    found = "no strides that numpy or DLPack can read" if strides is None else f"strides {strides}"
    return (
        f"layouts names more than 'contiguous', but `to` of a tensor with strides "
        f"{tuple(lying.stride())} has {found}: what is declared never reaches the kernel"
    )
