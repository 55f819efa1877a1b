from __future__ import annotations

from typing import Any

import pytest
import torch
from torch_as_framework import Right

from conv_reference.verification import Framework, TargetError, as_target
from conv_reference.verification.frameworks import opening
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


class RaisesWithout(Right):
    """Where an option is given, or the bias is not."""

    said = ""

    def conv(self, x: Any, w: Any, b: Any, **options: Any) -> Any:
        if eval(self.said, {}, {"b": b, **options}):
            raise TypeError("an int, please")
        return super().conv(x, w, b, **options)


class Bias(RaisesWithout):
    said = "b is None"


class Stride(RaisesWithout):
    said = "stride != (1, 1)"


class Padding(RaisesWithout):
    said = "padding == ((1, 1), (2, 2))"
    sides = False


class Sides(RaisesWithout):
    said = "padding[0][0] != padding[0][1]"


class Dilation(RaisesWithout):
    said = "dilation != (1, 1)"


class Groups(RaisesWithout):
    said = "groups > 1"


class NoSuchTransform(Right):
    def jvp(self, f: Any, primals: Any, tangents: Any) -> Any:
        return f.nowhere


class NoSuchMap(Right):
    def vmap(self, f: Any, in_dims: Any) -> Any:
        return f.nowhere


class MapsToTheLast(Right):
    def vmap(self, f: Any, in_dims: Any) -> Any:
        return torch.func.vmap(f, in_dims, out_dims=-1)


class NoCompiler(Right):
    def jit(self, f: Any) -> Any:
        return f.nowhere


class BackInVjp(Right):
    """conv raises, and only as vjp calls it."""

    def conv(self, x: Any, w: Any, b: Any, **options: Any) -> Any:
        if torch._C._functorch.is_gradtrackingtensor(x):
            raise KeyError("x")
        return super().conv(x, w, b, **options)


class SumsTooMuch(Right):
    def vjp(self, f: Any, primals: Any, cotangents: Any) -> Any:
        return tuple(g.sum(0, keepdim=True) for g in super().vjp(f, primals, cotangents))


class SingleGradients(Right):
    dtypes = ("float64",)

    def vjp(self, f: Any, primals: Any, cotangents: Any) -> Any:
        return tuple(g.float() for g in super().vjp(f, primals, cotangents))


class BackToNumpy(Right):
    def back(self, array: Any) -> Any:
        return array.numpy()


class CopiesStrides(Right):
    layouts = ("contiguous", "channels_last")


class NoDtype(Right):
    dtypes = ("float8",)


class CompilesPerOptions(Right):
    compiles_per = "options"


class FlatRefusals(Right):
    refusals: Any = (KeyError, "too small")


class RefusalsInWords(Right):
    refusals: Any = "too small"


class RefusalsTurnedRound(Right):
    refusals: Any = (("too small", KeyError),)


class RefusesWhateverIsRaised(Right):
    refusals = ((KeyError, "too small"), (Exception, ""))


class RefusesEachTypeError(Right):
    refusals = ((TypeError, " "),)


class HandsOutItsOwn(Right):
    """The memory of one buffer for each shape."""

    def __init__(self) -> None:
        self.buffers: dict[Any, torch.Tensor] = {}

    def back(self, array: Any) -> Any:
        return self.buffers.setdefault(array.shape, torch.empty_like(array)).copy_(array)


class HandsOutItsGradient(HandsOutItsOwn):
    def back(self, array: Any) -> Any:
        return super().back(array) if array.shape == (2, 3, 12, 15) else array.clone()


class RefusesWhere(Right):
    """By the word that says so, wherever an expression holds."""

    said = ""

    def conv(self, x: Any, w: Any, b: Any, **options: Any) -> Any:
        if eval(self.said, {}, {"x": x, "w": w, "b": b, "float64": torch.float64, **options}):
            raise NotImplementedError("not offered")
        return super().conv(x, w, b, **options)


class EachBias(RefusesWhere):
    said = "b is not None"


class EachStride(RefusesWhere):
    said = "stride != (1, 1)"


class EachPadding(RefusesWhere):
    said = "sum(padding, ()) != (0, 0, 0, 0)"


class EachEvenPadding(RefusesWhere):
    said = "sum(padding, ()) != (0, 0, 0, 0)"
    sides = False


class EachDilation(RefusesWhere):
    said = "dilation != (1, 1)"


class EachGroupsOfOneTap(RefusesWhere):
    """What it refuses of other kernels has nothing to do with the groups."""

    said = "groups > 1 or w.shape[2:] != (1, 1)"


class NoConv(Framework):
    pass


class NeedsArguments(Right):
    def __init__(self, device: str) -> None:
        self.device = device


MISTAKES = [
    (Raises, r"conv raises AttributeError on n2 c3 h12 w15 o4 k5x6 \S+ .*: 'Tensor' object has"),
    (
        ChannelsLast,
        r"conv answers Y of shape \(2, 8, 10, 4\), expected \(2, 4, 8, 10\): it is NHWC",
    ),
    (Transposed, r"conv answers Y of shape \(2, 4, 8, 9\), expected \(2, 4, 8, 10\), on [^:]*$"),
    (OtherDtype, r"conv answers Y in torch\.float64 of operands in torch\.float32, on [^:]*$"),
    (Bare, r"vjp raises AdapterError .*a tuple of one gradient for each primal, got Tensor"),
    (IgnoresTheMask, r"vjp raises AdapterError .*for each primal: 1 asked for, got 2"),
    (Bias, r"conv raises TypeError on n2 c3 h12 w15 o4 k5x6 s1 p0 d1 g1: an int, please; accepted"),
    (Stride, r"conv raises TypeError on \S+ c3 h17 w27 o4 k5x6 s2x3 p0 d1 g1: an int, please"),
    (Padding, r"conv raises TypeError on .* p1x2 d1 g1: an int, please"),
    (Sides, r"conv raises TypeError on .* p1:2x0:3 d1 g1: an int, please"),
    (Dilation, r"conv raises TypeError on .* d2x3 g1: an int, please"),
    (Groups, r"conv raises TypeError on .* d1 g3: an int, please"),
    (NoSuchTransform, r"jvp raises AttributeError on .*: 'Some' object has no attribute 'nowhere'"),
    (NoSuchMap, r"vmap raises AttributeError on .* has no attribute 'nowhere'"),
    (MapsToTheLast, r"vmap must answer 7 samples along the .* got shape \(2, 4, 8, 10, 7\)$"),
    (NoCompiler, r"jit, called in conv, raises AttributeError on"),
    (BackInVjp, r"conv, called in vjp, raises KeyError on"),
    (SumsTooMuch, r"vjp answers dX of shape \(1, 3, 12, 15\), expected \(2, 3, 12, 15\), on"),
    (SingleGradients, r"vjp answers dX in torch\.float32 of operands in torch\.float64, on"),
    (BackToNumpy, r"conv answers Y as ndarray, expected a tensor from `back`, on"),
    (HandsOutItsOwn, r"conv answers Y in memory that the next call overwrites, expected a copy fr"),
    (HandsOutItsGradient, r"vjp answers dX in memory that the next call overwrites, expected a c"),
    (
        EachBias,
        r"options has 'bias', but conv refuses it in each of 4 cases, as on n2 c3 h12 .*: not",
    ),
    (
        EachStride,
        r"options has 'stride', but conv refuses it in each of 6 .* s2x3 p0 d1 g1: not of",
    ),
    (
        EachPadding,
        r"options has 'padding', but .* p1:2x0:3 d1 g1: not offered; accepted in options",
    ),
    (
        EachEvenPadding,
        r"options has 'padding', but conv refuses it in each of 6 .* p1x2 d1 g1: not",
    ),
    (EachDilation, r"options has 'dilation', but conv refuses it in each of 5 .* d2x3 g1: not off"),
    (EachGroupsOfOneTap, r"options has 'groups', but conv refuses it in each of 6 .* d1 g3: not o"),
    (CopiesStrides, r"layouts names more .* strides \(540, 1, 45, 3\) has strides \(540, 180, 15"),
    (NoDtype, r"dtypes must be of float64, float32, float16, bfloat16, got \('float8',\)"),
    (CompilesPerOptions, r"compiles_per must be None or 'shape', got 'options'$"),
    (FlatRefusals, r"refusals must be pairs of .*, got <class 'KeyError'> in it$"),
    (RefusalsInWords, r"refusals must be pairs of an exception class and .*, got 'too small'$"),
    (RefusalsTurnedRound, r"refusals must be pairs of .*, got \('too small', <class 'KeyError'>\)"),
    (RefusesWhateverIsRaised, r"refusals has \(Exception, ''\), which hides .* is not empty$"),
    (RefusesEachTypeError, r"refusals has \(TypeError, ' '\), which hides .* is not empty$"),
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


class Unable(Exception):  # noqa: N818 (as a framework may call its own)
    """The framework's own, which says enough without a text."""


class RefusesSomeGroups(Right):
    """In words of its own, which it declares."""

    refusals = ((TypeError, "not offered"), (Unable, ""), (NotImplementedError, ""))

    def conv(self, x: Any, w: Any, b: Any, **options: Any) -> Any:
        if options["groups"] > 1 and w.shape[1] > 1:
            raise TypeError("groups of several channels are not offered")
        return super().conv(x, w, b, **options)


class UnequalSides(RefusesWhere):
    said = "any(before != behind for before, behind in padding)"


class UnevenStrides(RefusesWhere):
    said = "stride[0] != stride[1]"


class DilationInFloat64(RefusesWhere):
    """The dtype that the opening asks in."""

    said = "dilation != (1, 1) and x.dtype == float64"


class RaisesOfOtherStrides(RefusesWhere):
    """What it raises is found by the run."""

    said = "stride == (2, 3)"

    def conv(self, x: Any, w: Any, b: Any, **options: Any) -> Any:
        assert options["stride"] in {(1, 1), (2, 3)}
        return super().conv(x, w, b, **options)


class OneTapOnly(Right):
    """What is made of a refused conv cannot be asked."""

    options = ("bias", "stride")

    def conv(self, x: Any, w: Any, b: Any, **options: Any) -> Any:
        if w.shape[2:] != (1, 1):
            raise NotImplementedError("one tap only")
        return super().conv(x, w, b, **options)

    def vjp(self, f: Any, primals: Any, cotangents: Any) -> Any:
        return (cotangents[0] @ f.primals[1],)


class FlippedKernel(Right):
    def conv(self, x: Any, w: Any, b: Any, **options: Any) -> Any:
        return super().conv(x, w.flip(2, 3), b, **options)


JUDGED = (
    *(Right, RefusesAll, RefusesSomeGroups, UnequalSides, UnevenStrides, DilationInFloat64),
    *(RaisesOfOtherStrides, OneTapOnly, FlippedKernel),
)


@pytest.mark.parametrize("adapter", JUDGED)
def test_what_is_refused_or_a_wrong_number_is_for_the_judge(adapter: type[Framework]) -> None:
    assert as_target(adapter).offer is not None


def test_each_method_is_tried_by_a_handful_of_programs() -> None:
    compiled: list[Any] = []

    class Counting(Right):
        def jvp(self, f: Any, primals: Any, tangents: Any) -> Any:
            return torch.func.jvp(f, tuple(primals), tuple(tangents))[1]

        def vmap(self, f: Any, in_dims: Any) -> Any:
            return torch.func.vmap(f, in_dims)

        def jit(self, f: Any) -> Any:
            compiled.append(f)
            return f

    as_target(Counting)
    assert len(compiled) == 10


def test_where_each_takes_long_the_run_is_left_to_find_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_ENOUGH", -1.0)
    assert as_target(Groups).offer is not None
    with pytest.raises(TargetError, match="conv raises AttributeError"):
        as_target(Raises)
