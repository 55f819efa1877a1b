"""Reference convolution layers, and the verification of everybody else's.

>>> import torch
>>> import conv_reference
>>> report = conv_reference.verify(torch.nn.Conv2d, checks="shapes", cases=40)
>>> report.passed
True

The names below are imported when they are first used, for with them comes torch.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # of typing, whose import takes as long as it takes to press Ctrl-C
if TYPE_CHECKING:
    from typing import Any

    from conv_reference.layer import Conv2d, ConvLayer_1
    from conv_reference.verification import assert_correct, verify

    __version__: str

__all__ = ["Conv2d", "ConvLayer_1", "__version__", "assert_correct", "verify"]

_MODULES = {
    "Conv2d": "layer",
    "ConvLayer_1": "layer",
    "assert_correct": "verification",
    "verify": "verification",
}


def _version() -> str:
    from importlib.metadata import (  # noqa: PLC0415 (most who import this do not ask)
        PackageNotFoundError,
        version,
    )

    try:
        return version("conv-reference")
    except PackageNotFoundError:  # a copy that was not installed
        return "unknown"


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__} - {"TYPE_CHECKING"})
