from __future__ import annotations

from typing import Any

import pytest
from torch_as_framework import Right

from conv_reference.verification import Framework, TargetError, as_target
from conv_reference.verification.frameworks.arrays import LAYOUTS
from conv_reference.verification.model.case import Layout


class Raises(Right):
    def conv(self, x: Any, w: Any, b: Any, **options: Any) -> Any:
        return x.conv2d(w)


class ChannelsLast(Right):
    def conv(self, x: Any, w: Any, b: Any, **options: Any) -> Any:
        return super().conv(x, w, b, **options).permute(0, 2, 3, 1)


class Transposed(Right):
    def conv(self, x: Any, w: Any, b: Any, **options: Any) -> Any:
        return super().conv(x, w, b, **options)[..., :-1]


class OtherDtype(Right):
    dtypes = ("float32",)

    def conv(self, x: Any, w: Any, b: Any, **options: Any) -> Any:
        return super().conv(x, w, b, **options).double()


class Bare(Right):
    def vjp(self, f: Any, primals: Any, cotangents: Any) -> Any:
        return super().vjp(f, primals, cotangents)[0]


class IgnoresTheMask(Right):
    def vjp(self, f: Any, primals: Any, cotangents: Any) -> Any:
        return super().vjp(f.whole, f.primals, cotangents)


class CopiesStrides(Right):
    layouts = ("contiguous", "channels_last")


class NoDtype(Right):
    dtypes = ("float8",)


class CompilesPerOptions(Right):
    compiles_per = "options"


class NoConv(Framework):
    pass


class NeedsArguments(Right):
    def __init__(self, device: str) -> None:
        self.device = device


MISTAKES = [
    (Raises, r"conv raises AttributeError on n2 c3 h12 w15 o4 k5x6 \S+ .*: 'Tensor' object has"),
    (ChannelsLast, r"conv answers shape \(2, 8, 10, 4\), expected \(2, 4, 8, 10\) .* it is NHWC"),
    (Transposed, r"conv answers shape \(2, 4, 8, 9\), expected \(2, 4, 8, 10\) on [^:]*$"),
    (OtherDtype, r"conv answers torch\.float64 of operands in torch\.float32$"),
    (Bare, r"vjp raises AdapterError .*a tuple of one gradient for each primal, got Tensor"),
    (IgnoresTheMask, r"vjp raises AdapterError .*for each primal: 1 asked for, got 3"),
    (CopiesStrides, r"layouts names more .* strides \(540, 1, 45, 3\) has strides \(540, 180, 15"),
    (NoDtype, r"dtypes must be of float64, float32, float16, bfloat16, got \('float8',\)"),
    (CompilesPerOptions, r"compiles_per must be None or 'shape', got 'options'$"),
    (NoConv, r"gives no conv\(self, x, w, b, \*, stride, padding, dilation, groups\)"),
]


@pytest.mark.parametrize(("adapter", "message"), MISTAKES, ids=[m[0].__name__ for m in MISTAKES])
def test_an_adapters_own_mistake_is_one_line(adapter: type[Framework], message: str) -> None:
    with pytest.raises(TargetError, match=message) as caught:
        as_target(adapter)
    assert "\n" not in str(caught.value)


def test_every_layout_of_an_operand_may_be_offered() -> None:
    assert tuple(Layout) == LAYOUTS


def test_a_class_that_takes_arguments_is_refused() -> None:
    with pytest.raises(TargetError, match="accepted is a Framework whose class takes no arguments"):
        as_target(NeedsArguments)


def test_another_operator_is_refused() -> None:
    with pytest.raises(TargetError, match="a Framework is judged as conv2d"):
        as_target(Right, operator="conv_transpose2d")


class RefusesAll(Right):
    def conv(self, x: Any, w: Any, b: Any, **options: Any) -> Any:
        raise NotImplementedError("not today")


class FlippedKernel(Right):
    def conv(self, x: Any, w: Any, b: Any, **options: Any) -> Any:
        return super().conv(x, w.flip(2, 3), b, **options)


@pytest.mark.parametrize("adapter", [Right, RefusesAll, FlippedKernel])
def test_what_is_refused_or_a_wrong_number_is_for_the_judge(adapter: type[Framework]) -> None:
    assert as_target(adapter).offer is not None
