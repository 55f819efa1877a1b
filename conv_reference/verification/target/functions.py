"""Functions under the one convention: which options they take, and by position or by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from conv_reference.operands import Operands
from conv_reference.quantities import Operator
from conv_reference.verification.model.case import Case
from conv_reference.verification.target.leaves import called_on_leaves, in_a_line
from conv_reference.verification.target.operators import arguments, sized
from conv_reference.verification.target.padding_modes import WORD, given_mode, modes_of
from conv_reference.verification.target.signatures import (
    default_of,
    is_called_by_position,
    keyword_options,
    positional_parameters,
    takes_by_keyword,
    takes_words,
)
from conv_reference.verification.target.spelling import FunctionSpelling
from conv_reference.verification.target.target import Call, Target, settled_remainder


def of_callable(
    function: Callable[..., Any], name: str, operator: Operator, *, line: bool
) -> Target:
    """A target of a function.

    Args:
        function: of X, K and a leading part of its operator's options, or some by their names.
        name: shown in reports.
        operator: what it should compute.
        line: whether it has one dimension.

    Raises:
        TargetError: when its parameters cannot be recognised.
    """
    known = operator.options
    is_face = operator.is_sized
    parameters = positional_parameters(function, name, known, operands=3 if is_face else 2)
    keywords = keyword_options(function, known)
    if operator.is_convolution and takes_by_keyword(function, WORD):
        keywords.append(WORD)
    default = default_of(function, WORD)

    every = parameters | dict.fromkeys(keywords)

    def prepare(case: Case, operands: Operands) -> Call:
        given = arguments(operator, case.geometry, line=line)
        if line:
            operands = in_a_line(operands)
        given |= given_mode(case.geometry.padding_mode, default)
        called = sized(function, operator, case.geometry)
        settled = partial(_called, called, parameters, keywords, given)
        return called_on_leaves(settled, case, operands)

    return Target(
        name=name,
        prepare=prepare,
        options=frozenset((*parameters, *keywords)) & frozenset(known),
        operator=operator,
        remainder=settled_remainder(operator, {*parameters, *keywords}),
        foreign=tuple(name for name in parameters if name not in {*known, WORD}),
        padding_modes=modes_of({*parameters, *keywords}, operator),
        words=(function is torch.nn.functional.conv2d or takes_words(function))
        if operator.is_convolution
        else False,
        is_line=line,
        call_with=None if is_face or line else _with_options(function, every),
        spelling=None if is_face else _spelling(function, parameters, keywords, known),
    )


def _spelling(
    function: Callable[..., Any],
    parameters: Mapping[str, Any],
    keywords: Sequence[str],
    known: tuple[str, ...],
) -> FunctionSpelling | None:
    """By name where that says more: a full list in the usual order needs no names."""
    ours = tuple(name for name in parameters if name in known)
    keywords = [name for name in keywords if name != WORD]  # named where it is not zeros
    apply = inspect.isclass(getattr(function, "__self__", None))
    if ours == known and ours == tuple(parameters):
        return FunctionSpelling(by_position=ours, apply=apply)
    if not is_called_by_position(function, parameters):
        return FunctionSpelling(by_name=(*ours, *keywords))
    # What stands between ours cannot be left out.
    between = tuple(parameters)[: len(ours)] != ours
    return None if between else FunctionSpelling(ours, tuple(keywords), apply)


def _called(
    function: Callable[..., Any],
    parameters: Mapping[str, Any],
    keywords: Sequence[str],
    given: Mapping[str, Any],
    X: Tensor,
    K: Tensor,
    b: Tensor | None,
) -> Any:
    """The function's answer, each option given in the way that it takes it."""
    options = {**given, "bias": b}
    listed = (options.get(p, default) for p, default in parameters.items())
    return function(X, K, *listed, **{p: options[p] for p in keywords})


def _with_options(
    function: Callable[..., Any], parameters: Mapping[str, Any]
) -> Callable[..., Any]:
    """The function with options as they are given: by keyword, where it takes keywords."""
    by_position = is_called_by_position(function, parameters)

    def call(X: Tensor, K: Tensor, b: Tensor | None, **options: Any) -> Any:
        given = {name: value for name, value in options.items() if name in parameters}
        if "bias" in parameters:
            given["bias"] = b
        if by_position:
            known: dict[str, Any] = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
            known |= {"output_padding": 0}
            known |= {name: value for name, value in parameters.items() if value is not None}
            return function(X, K, *((known | given).get(name) for name in parameters))
        return function(X, K, **given)

    return call
