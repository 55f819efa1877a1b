"""Functions that ``torch.jit`` made: they have a schema in place of a signature."""

from __future__ import annotations

import inspect
from typing import Any

import torch


def is_scripted(implementation: Any) -> bool:
    """Whether it is a function of ``torch.jit.script`` or ``torch.jit.trace``."""
    return isinstance(implementation, torch.jit.ScriptFunction)


def as_function(implementation: Any) -> Any:
    """A function of Python that calls the scripted one, by its parameters; all else as it is."""
    if not is_scripted(implementation):
        return implementation

    def call(*arguments: Any, **options: Any) -> Any:
        return implementation(*arguments, **options)

    made: Any = call
    made.__signature__ = signature_of(implementation)
    written = getattr(implementation, "_torchdynamo_inline", None)  # a traced one has none
    made.__name__ = made.__qualname__ = getattr(written, "__name__", "scripted")
    made.__module__ = getattr(written, "__module__", "scripted")
    if written is not None:
        made.__wrapped__ = written
    return made


def signature_of(implementation: Any) -> inspect.Signature:
    """What its schema says: names, defaults, and which of the parameters are integers."""
    return inspect.Signature(
        [
            inspect.Parameter(
                argument.name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=argument.default_value
                if argument.has_default_value()
                else inspect.Parameter.empty,
                annotation=int if str(argument.type) == "int" else inspect.Parameter.empty,
            )
            for argument in implementation.schema.arguments
        ]
    )
