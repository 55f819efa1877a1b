"""A device beside the processor: it is waited for, its settings are read, its memory is dirtied.

What such a device is given comes to its end later than the call returns, and so do its errors.
After some of them, an illegal address or a failed assertion, every further call of the process
fails: the device is lost to it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import torch

TF32 = "torch.backends.cudnn.allow_tf32"
TF32_BITS = 10  # of a significand, the leading one aside
_cudnn: Any = torch.backends.cudnn  # its settings are made by a module of another class
_NAMES = ("enabled", "benchmark", "deterministic", "allow_tf32")
_BLOCKS = 2  # of each size that are dirtied
# What has a precision of its own, by its name in torch.backends; first the setting of all.
_LIBRARIES = (
    "", "cuda.matmul", "cudnn", "cudnn.conv", "cudnn.rnn",
    "mkldnn", "mkldnn.matmul", "mkldnn.conv", "mkldnn.rnn",
)  # fmt: skip
_UNSET = "none"  # torch's word for a library that follows the setting above its own


def wait() -> None:
    """Wait until all that the devices in use were given is done.

    Raises:
        RuntimeError: with what went wrong there since they were last waited for.
    """
    if torch.cuda.is_initialized():
        for number in range(torch.cuda.device_count()):
            torch.cuda.synchronize(number)


def lost() -> str:
    """What the device reports that this process has lost, in one line; empty where none is lost."""
    try:
        wait()
    except RuntimeError:
        pass  # an error that is raised once
    else:
        return ""
    try:
        wait()
    except RuntimeError as error:
        return str(error).strip().splitlines()[0]
    return ""


def is_another(device: str | torch.device) -> bool:
    """Whether it is none of the processor's."""
    return torch.device(device).type != "cpu"


def settings(target: Any, device: str, _: None) -> dict[str, str]:  # noqa: ARG001 (a unit of work)
    """The settings of this process that results on the device depend on, as text."""
    if torch.device(device).type != "cuda":
        return {}
    major, minor = torch.cuda.get_device_capability(device)
    return {
        "gpu": torch.cuda.get_device_name(device),
        "compute capability": f"{major}.{minor}",
        "cuda": str(torch.version.cuda),
        "cudnn": str(_cudnn.version()),
        "float32 products": str(float32_products()),
    } | {f"cudnn.{name}": str(value) for name, value in zip(_NAMES, cudnn(), strict=True)}


@dataclass(frozen=True)
class Float32Products:
    """How precisely products in float32 are summed."""

    word: str  # torch's for matrices; empty where libraries were set apart, for which it has none
    libraries: tuple[str, ...]  # the precision of each; of older versions of torch none

    def __str__(self) -> str:
        named = zip(_LIBRARIES, self.libraries, strict=False)
        apart = ", ".join(f"{name or 'all'} {how}" for name, how in named if how != _UNSET)
        return self.word or apart


def float32_products() -> Float32Products:
    """How precise they are now."""
    known = _LIBRARIES if hasattr(torch.backends, "fp32_precision") else ()
    return Float32Products(_word(), tuple(_library(name).fp32_precision for name in known))


def set_float32_products(products: Float32Products) -> None:
    """Have products in float32 be so precise."""
    if products.word and products.word != _word():
        torch.set_float32_matmul_precision(products.word)
    for name, wanted in zip(_LIBRARIES, products.libraries, strict=False):
        for value in (_UNSET, wanted):  # one that follows the setting above its own goes on to
            if _library(name).fp32_precision != wanted:
                _library(name).fp32_precision = value


def in_full_precision() -> AbstractContextManager[None]:
    """Within it matrices in float32 are multiplied in float32."""
    return nullcontext() if _word() == "highest" else _in_full_precision()


@contextmanager
def _in_full_precision() -> Iterator[None]:
    before = float32_products()
    if before.word:
        torch.set_float32_matmul_precision("highest")
    else:
        for name in ("cuda.matmul", "mkldnn.matmul"):
            if _library(name).fp32_precision != _UNSET:
                _library(name).fp32_precision = "ieee"
    try:
        yield
    finally:
        set_float32_products(before)


def _word() -> str:
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:
        return ""


def _library(name: str) -> Any:
    return attrgetter(name)(torch.backends) if name else torch.backends


def cudnn() -> tuple[bool | None, ...]:
    """Whether cuDNN is enabled, benchmark, deterministic, allow_tf32; None where torch refuses."""
    return tuple(_value(name) for name in _NAMES)


def _value(name: str) -> bool | None:
    try:
        return bool(getattr(_cudnn, name))
    except RuntimeError:  # for convolutions and for recurrent layers it was set differently
        return None


def set_cudnn(values: Iterable[bool | None]) -> None:
    """Set them; None leaves one as it is."""
    for name, value in zip(_NAMES, values, strict=True):
        if value is not None and value != _value(name):
            setattr(_cudnn, name, value)


@contextmanager
def cudnn_set(changes: Mapping[str, bool]) -> Iterator[None]:
    """Within the block cuDNN has some settings changed."""
    before = cudnn()
    set_cudnn(changes.get(name) for name in _NAMES)
    try:
        yield
    finally:
        set_cudnn(before)


def may_use_tf32(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether a convolution there may be computed with ten bits of its operands."""
    return device.type == "cuda" and dtype == torch.float32 and bool(_value("allow_tf32"))


def soil(
    shapes: Iterable[tuple[int, ...]],
    dtype: torch.dtype,
    device: torch.device,
    *,
    blocks: int = _BLOCKS,
) -> None:
    """Fill blocks of these sizes with NaN and free them all at once.

    A caching allocator hands out such a block again, as it is, where as much is requested.
    """
    held = [
        torch.full(shape, math.nan, dtype=dtype, device=device)
        for shape in shapes
        for _ in range(blocks)
    ]
    held.clear()
