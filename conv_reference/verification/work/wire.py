"""What a parent takes from a child: plain data, and a dozen classes by name.

Unpickling calls whatever the bytes name. A child runs foreign code, so its parent admits nothing
but builtin data, dtypes, and the classes below, each only as what it is: a record or a member of
an enumeration, defined in this package. The other way round nothing is at stake: the child does
what its parent says.
"""

from __future__ import annotations

import builtins
import copyreg
import dataclasses
import importlib
import io
import pickle
from enum import Enum
from typing import Any

_OURS = "conv_reference."
# By name alone: a class may move to another module of ours, and stays what it is.
ADMITTED = frozenset(
    {
        "Answered", "Axis", "Beside", "Broken", "Case", "Crash", "Described", "Difference",
        "Domain", "Explanation", "Failure", "FunctionSpelling", "Geometry", "Judgement",
        "LayerOfNames", "LayerSpelling", "Layout", "Offer", "Part", "Picture", "Plane", "Quantity",
        "Refused", "Results", "Sheet", "StrangersSpelling", "Target", "TargetError", "Term",
        "Thrown", "Unreached", "Values", "Verdict", "Written",
    }
)  # fmt: skip
# In place of a target's callables; and a look-up in a table.
FUNCTIONS = frozenset({"_nowhere", "_unwatched", "operator_named"})
_BUILTINS = frozenset({"set", "frozenset", "complex", "bytearray", "slice", "range"})


# How what has no method for it is pickled; some packages (tblib) register exceptions of their own
# making, which would not be admitted.
_REDUCED = {
    kind: reduce
    for kind, reduce in copyreg.dispatch_table.items()
    if not issubclass(kind, BaseException)
}


class _Pickler(pickle.Pickler):
    dispatch_table = _REDUCED

    def reducer_override(self, value: Any) -> Any:
        """A member of an enumeration is its class of its value, which is not so in each Python.

        Python 3.11.0 to 3.11.3 (Debian 12 has 3.11.2) pickle it as a call of ``getattr``.
        """
        return (type(value), (value.value,)) if isinstance(value, Enum) else NotImplemented


class NotAdmitted(pickle.UnpicklingError):
    """The bytes name something that does not travel."""


def encoded(message: Any) -> bytes:
    """The bytes of a message."""
    written = io.BytesIO()
    _Pickler(written, protocol=pickle.HIGHEST_PROTOCOL).dump(message)
    return written.getvalue()


def decoded(payload: bytes) -> Any:
    """The message that a child sent.

    Raises:
        NotAdmitted: when it names what does not travel.
        Exception: when the bytes are no message at all.
    """
    return _Unpickler(io.BytesIO(payload)).load()


def trusted(payload: bytes) -> Any:
    """The message that a parent sent."""
    return pickle.loads(payload)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """What the bytes name, if it may travel."""
        if module == "builtins" and name in _BUILTINS:
            return getattr(builtins, name)
        if module == "torch" and name.isidentifier():
            torch = importlib.import_module(module)
            found = getattr(torch, name, None)
            if isinstance(found, torch.dtype) or name in {"device", "Size"}:
                return found
        ours = module.startswith(_OURS) and not module.endswith("__main__")
        if ours and name in ADMITTED | FUNCTIONS:
            found = getattr(importlib.import_module(module), name, None)
            if found.__module__ == module and (name in FUNCTIONS or _is_record(found)):
                return found
        raise NotAdmitted(f"{module}.{name} does not travel; accepted is what {__name__} names")


def _is_record(value: Any) -> bool:
    return isinstance(value, type) and (
        dataclasses.is_dataclass(value)
        or issubclass(value, Enum)
        or value.__name__ == "TargetError"
    )
