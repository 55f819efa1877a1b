"""A stranger's function over tensors: its parameters by their names in conv2d.

It takes X and K first, and its options by their names, by position, or in a dictionary.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target import option_numbers
from conv_reference.verification.target.option_names import (
    DICTIONARIES,
    KEYS,
    LABEL,
    keys_of,
    named,
    parameters_of,
)
from conv_reference.verification.target.signatures import class_of_apply, takes_context
from conv_reference.verification.target.strangers.stranger import Bound, Stranger


class Recording(dict[str, Any]):
    """A dictionary that records which of its keys are read."""

    def __init__(self, given: Mapping[str, Any], read: set[str]) -> None:
        super().__init__(given)
        self._read = read

    def __getitem__(self, key: str) -> Any:
        self._read.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, which is recorded."""
        self._read.add(key)
        return super().get(key, default)


@dataclass(frozen=True)
class _Function:
    """How a function is called, whose first two parameters are X and K."""

    function: Callable[..., Any]
    parameters: tuple[inspect.Parameter, ...]  # behind X and K
    names: Mapping[str, str]  # of conv2d's options, without those in the dictionary
    several: Mapping[str, tuple[str, ...]]  # the options that are several parameters
    labels: tuple[str, ...]  # the parameters that must be given a name for it
    dictionary: str | None  # the parameter that takes options by their names
    by_position: bool
    read: set[str]  # keys of the dictionary that were requested so far

    def bound(self, settings: Mapping[str, Any]) -> Bound:
        """A function of X, K and b."""

        def call(X: Tensor, K: Tensor, b: Tensor | None) -> Any:
            given = self._given(settings, b)
            if self.by_position:
                every = (given.get(p.name, p.default) for p in self.parameters)
                return self.function(X, K, *every)
            return self.function(X, K, **given)

        return call

    def _given(self, settings: Mapping[str, Any], b: Tensor | None) -> dict[str, Any]:
        """What it is given behind X and K, by the names of its parameters."""
        names = self.names
        given = option_numbers.named(names, self.several, settings) | dict.fromkeys(
            self.labels, LABEL
        )
        if "bias" in names and not (b is None and self._has_default(names["bias"])):
            given[names["bias"]] = b
        if self.dictionary is not None:
            keys = {key: settings.get(o) for o, those in KEYS.items() for key in those}
            held = {key: value for key, value in keys.items() if value is not None}
            given[self.dictionary] = Recording(held, self.read)
        return given

    def _has_default(self, name: str) -> bool:
        return any(p.name == name and p.default is not p.empty for p in self.parameters)

    def options_read(self) -> frozenset[str]:
        """The options that were read from the dictionary so far."""
        return frozenset(option for option, keys in KEYS.items() if self.read & {*keys})


def tensor_function(function: Callable[..., Any]) -> Stranger:
    """A function as a stranger.

    Raises:
        TargetError: when a parameter that must be given has a name that means nothing here.
    """
    owner = class_of_apply(function)
    is_apply = owner is not None
    every = _behind_the_operands(function, owner)
    dictionary = next((p.name for p in every if p.name.lower() in DICTIONARIES), None)
    rest = [p for p in every if p.name != dictionary]
    own = named(rest, without=("in_channels", "out_channels", "kernel_size"))
    by_position = is_apply or any(p.kind is p.POSITIONAL_ONLY for p in rest)
    held = {} if dictionary is None else _held(dictionary, own.names)
    called = _Function(
        function, tuple(every), own.names, own.several, own.labels, dictionary, by_position, set()
    )
    return Stranger(
        called.bound,
        {**own.names, **held},
        own.several,
        own.integers,
        own.defaults,
        foreign=own.foreign,
        labels=own.labels,
        positional=tuple((p.name, _default(p)) for p in rest) if by_position else (),
        in_dictionary=frozenset(held),
        options_read=called.options_read,
        is_apply=is_apply,
    )


def _held(dictionary: str, names: Mapping[str, str]) -> dict[str, str]:
    """What the options are called that stand in the dictionary alone."""
    return {
        option: f"{dictionary}[{keys[0]!r}]" for option, keys in KEYS.items() if option not in names
    }


def _behind_the_operands(function: Any, owner: Any) -> list[inspect.Parameter]:
    """The parameters behind X and K.

    Args:
        function: of the two.
        owner: the autograd Function whose ``apply`` it is; None of whatever else.

    Raises:
        TargetError: when there are no two before them, or any number of them.
    """
    parameters = parameters_of(function if owner is None else owner.forward)
    if owner is not None and takes_context(owner):
        parameters = parameters[1:]
    if len(parameters) < 2 or any(p.kind is p.VAR_POSITIONAL for p in parameters):
        raise TargetError("accepted is a function of an input and a kernel")
    return [*(p for p in parameters[2:] if p.kind is not p.VAR_KEYWORD), *keys_of(function)]


def _default(parameter: inspect.Parameter) -> Any:
    return None if parameter.default is parameter.empty else parameter.default
