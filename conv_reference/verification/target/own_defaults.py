"""The defaults of a target that are not torch's: who calls it without options gets another answer.

A run gives every option, so it does not see them.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from conv_reference.verification.target.option_names import named
from conv_reference.verification.target.signatures import is_function_class
from conv_reference.verification.target.target import Target

#: Defaults under which nothing is done.
NEUTRAL: Mapping[str, tuple[Any, ...]] = MappingProxyType(
    {
        "stride": (1, (1, 1), None),
        "padding": (0, (0, 0), None, "valid", "VALID", (0, 0, 0, 0), ((0, 0), (0, 0))),
        "dilation": (1, (1, 1), None),
        "groups": (1, None),
    }
)
_COUNTS_ZEROS = (0, (0, 0))  # of a dilation: nothing is done, either


def own_defaults(implementation: Any, target: Target) -> tuple[str, ...]:
    """``stride=2``, ``padding=1``, as the implementation's signature has them.

    Args:
        implementation: a function or a class.
        target: what it became, whose options these are.
    """
    is_class = is_function_class(implementation)
    try:
        signature = inspect.signature(implementation.forward if is_class else implementation)
    except Exception:  # whatever the implementation's own attributes throw
        return ()
    known = [p for p in signature.parameters.values() if p.default is not p.empty]
    found = named(known, without=("in_channels", "out_channels", "kernel_size"))
    return tuple(
        f"{found.names[option]}={default!r}"
        for option, default in found.defaults.items()
        if option in {*NEUTRAL} & target.options
        if _is_plain(default) and not _does_nothing(option, default)
    )


def _is_plain(value: Any) -> bool:
    """Whether it is numbers or a word, which can be compared and written down."""
    if type(value) in {tuple, list}:
        return all(map(_is_plain, value))
    return type(value) in {int, str}


def _does_nothing(option: str, default: Any) -> bool:
    value = tuple(default) if isinstance(default, list) else default
    return value in NEUTRAL[option] or (option == "dilation" and value in _COUNTS_ZEROS)
