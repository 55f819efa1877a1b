"""What people check a convolution with, at its defaults; each says the first thing that is wrong.

``CHECKS`` holds them by name. Each is called with a convolution of torch's signature and returns
nothing, or raises: an assertion or whatever else it meets is what it found.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call
from torch.nn.functional import conv2d

Convolution = Callable[..., Tensor]
_OPTIONS = ("stride", "padding", "dilation", "groups")
_NEUTRAL: dict[str, Any] = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}


@dataclass(frozen=True)
class Sample:
    """One call."""

    input: Tensor
    weight: Tensor
    bias: Tensor | None
    options: dict[str, Any]

    def operands(self, *, requires_grad: bool) -> tuple[Tensor, ...]:
        """Fresh leaves with these numbers."""
        given_ = (self.input, self.weight, self.bias)
        return tuple(
            t.detach().clone().requires_grad_(requires_grad) for t in given_ if t is not None
        )

    def called(self, function: Convolution, operands: tuple[Tensor, ...]) -> Tensor:
        """Y of these operands."""
        X, K, *b = operands
        return function(X, K, *b, **self.options)


# N, C, H, W; O, kh, kw; stride, padding, dilation, groups: what comes to mind first.
_HANDFUL = (
    ((1, 1, 5, 5), (1, 3, 3), 1, 0, 1, 1),
    ((2, 3, 6, 6), (4, 3, 3), 1, 1, 1, 1),
    ((2, 4, 7, 7), (6, 3, 3), 2, 1, 1, 2),
    ((1, 3, 8, 10), (5, 5, 3), 2, 2, 1, 1),
    ((2, 4, 6, 6), (4, 3, 3), 1, 1, 1, 4),
    ((2, 3, 7, 7), (4, 3, 3), 1, 2, 2, 1),
)


def handful(dtype: torch.dtype, draw: Callable[..., Tensor] = torch.randn) -> Iterator[Sample]:
    """The geometries that a person would pick."""
    for (n, c, h, w), (o, kh, kw), s, p, d, g in _HANDFUL:
        options = {"stride": s, "padding": p, "dilation": d, "groups": g}
        X, K = draw(n, c, h, w, dtype=dtype), draw(o, c // g, kh, kw, dtype=dtype)
        yield Sample(X, K, draw(o, dtype=dtype), options)


@cache
def _operator() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import (  # noqa: PLC0415 (seconds)
            op_db,
        )
    return next(info for info in op_db if info.name == "nn.functional.conv2d")


def torchs(dtype: torch.dtype) -> Iterator[Sample]:
    """The samples of torch's own tests of conv2d."""
    for each in _operator().sample_inputs("cpu", dtype, requires_grad=False):
        weight, bias = (*each.args, None)[:2]
        yield Sample(each.input, weight, bias, dict(each.kwargs))


def samples(function: Convolution, dtype: torch.dtype) -> Iterator[Sample]:
    """All of them that it can be asked for."""
    accepts = accepted(function)
    for sample in (*handful(dtype), *torchs(dtype)):
        asked = {k for k, v in sample.options.items() if v not in (_NEUTRAL[k], (_NEUTRAL[k],) * 2)}
        words = isinstance(sample.options.get("padding"), str) or sample.input.dim() == 3
        if asked <= accepts and (not words or takes_words(function)):
            options = {k: v for k, v in sample.options.items() if k in accepts}
            bias = sample.bias if "bias" in accepts else None
            yield Sample(sample.input, sample.weight, bias, options)


def accepted(function: Convolution) -> set[str]:
    if function is conv2d:  # a builtin, which has no signature
        return {"bias", *_OPTIONS}
    return {*getattr(function, "accepts", inspect.signature(function).parameters)}


def takes_words(function: Convolution) -> bool:
    """Whether it answers padding='valid' and an image without a batch, as torch does."""
    X, K = torch.zeros(1, 1, 3, 3), torch.zeros(1, 1, 1, 1)
    try:
        function(X, K, padding="valid")
        function(X[0], K)
    except Exception:
        return False
    return True


def as_function(implementation: Any) -> Convolution:
    """A function of torch's signature; a layer is made anew for each call."""
    if not (isinstance(implementation, type) and issubclass(implementation, nn.Module)):
        whole: Convolution = implementation
        return _applied(whole) if hasattr(whole, "apply") else whole
    parameters = {*inspect.signature(implementation).parameters}

    def called(input: Tensor, weight: Tensor, bias: Tensor | None = None, **options: Any) -> Any:
        o, c, kh, kw = weight.shape
        made = {k: v for k, v in options.items() if k in parameters}
        if "bias" in parameters:
            made["bias"] = bias is not None
        layer = implementation(c * options.get("groups", 1), o, (kh, kw), **made)
        values = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
        return functional_call(layer.to(weight.dtype), values, input)

    called.accepts = {"bias", *_OPTIONS} & parameters  # type: ignore[attr-defined]  # of ours
    return called


def _applied(function: Any) -> Convolution:
    """A ``torch.autograd.Function``: its options are pairs."""

    def called(
        input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1,
        padding: Any = 0, dilation: Any = 1, groups: int = 1,
    ) -> Any:  # fmt: skip
        pairs = ((v, v) if isinstance(v, int) else v for v in (stride, padding, dilation))
        return function.apply(input, weight, bias, *pairs, groups)

    return called


def _gradcheck_slow(function: Convolution) -> None:
    for sample in samples(function, torch.float64):
        operands = sample.operands(requires_grad=True)
        if sum(map(torch.numel, operands)) <= _MOST_OF_FIRST_ORDER:
            gradcheck(lambda *o, sample=sample: sample.called(function, o), operands)


def _gradcheck_fast(function: Convolution) -> None:
    for sample in samples(function, torch.float64):
        operands = sample.operands(requires_grad=True)
        gradcheck(lambda *o, sample=sample: sample.called(function, o), operands, fast_mode=True)


def _gradgradcheck(function: Convolution) -> None:
    for sample in samples(function, torch.float64):
        operands = sample.operands(requires_grad=True)
        if sum(map(torch.numel, operands)) <= _MOST_OF_SECOND_ORDER:
            gradgradcheck(lambda *o, sample=sample: sample.called(function, o), operands)


_MOST_OF_FIRST_ORDER, _MOST_OF_SECOND_ORDER = 250, 140  # numbers: time grows with their square


def _compared(function: Convolution, sample: Sample) -> None:
    """Y and each gradient beside those of torch."""
    ours, theirs = (sample.operands(requires_grad=True) for _ in range(2))
    Y, expected = sample.called(function, ours), sample.called(conv2d, theirs)
    torch.testing.assert_close(Y, expected)
    G = torch.randn_like(expected)
    found, right = torch.autograd.grad(Y, ours, G), torch.autograd.grad(expected, theirs, G)
    for one, other in zip(found, right, strict=True):
        torch.testing.assert_close(one, other)


def _close_single(function: Convolution) -> None:
    for sample in samples(function, torch.float32):
        _compared(function, sample)


def _close_double(function: Convolution) -> None:
    for sample in samples(function, torch.float64):
        _compared(function, sample)


def _opinfo(function: Convolution) -> None:
    """As test_ops.py has it: samples, noncontiguous samples with their gradients, and errors."""
    operator, accepts = _operator(), accepted(function)
    for sample in samples(function, torch.float32):
        _compared(function, sample)
        _noncontiguous(function, sample)
    if {*_OPTIONS} <= accepts:
        for error in operator.error_inputs("cpu"):
            given_ = error.sample_input
            try:
                function(given_.input, *given_.args, **given_.kwargs)
            except Exception:
                continue
            raise AssertionError(f"no error: {error.error_regex}")


def _noncontiguous(function: Convolution, sample: Sample) -> None:
    from torch.testing._internal.common_utils import noncontiguous_like  # noqa: PLC0415 (seconds)

    dense = sample.operands(requires_grad=True)
    gaps = tuple(noncontiguous_like(t).detach().requires_grad_() for t in dense)
    expected, Y = sample.called(function, dense), sample.called(function, gaps)
    torch.testing.assert_close(Y, expected)
    G = torch.randn_like(expected)
    right = torch.autograd.grad(expected, dense, G)
    found = torch.autograd.grad(Y, gaps, noncontiguous_like(G) if G.numel() else G)
    for one, other in zip(found, right, strict=True):
        torch.testing.assert_close(one, other)


def _opcheck(function: Convolution) -> None:
    """Registered as an operator, with its own gradients; on the second of the handful."""
    accepts = accepted(function)
    for sample in [*samples(function, torch.float32)][1:2]:
        with torch.library._scoped_library("peers", "FRAGMENT") as library:  # noqa: SLF001 (there is no public one)
            _registered(library, function, sample.options, bias="bias" in accepts)
            X, K, *b = sample.operands(requires_grad=True)
            torch.library.opcheck(torch.ops.peers.conv.default, (X, K, b[0] if b else None))


def _registered(
    library: Any, function: Convolution, options: dict[str, Any], *, bias: bool
) -> None:
    def forward(X: Tensor, K: Tensor, b: Tensor | None) -> Tensor:
        Y = function(X, K, b, **options) if bias else function(X, K, **options)
        return Y.clone(memory_format=torch.contiguous_format)  # as an operator writes it

    def backward(ctx: Any, G: Tensor) -> Any:
        return torch.ops.peers.conv_backward(G, *ctx.saved_tensors)

    def gradients(G: Tensor, X: Tensor, K: Tensor) -> list[Tensor]:
        with torch.enable_grad():
            X, K = X.detach().requires_grad_(), K.detach().requires_grad_()
            pair = torch.autograd.grad(function(X, K, **options), (X, K), G)
            return [d.clone(memory_format=torch.contiguous_format) for d in pair]

    def setup(ctx: Any, inputs: Any, output: Any) -> None:  # noqa: ARG001 (torch's names)
        ctx.save_for_backward(*inputs[:2])

    library.define("conv(Tensor X, Tensor K, Tensor? b) -> Tensor")
    library.define("conv_backward(Tensor G, Tensor X, Tensor K) -> Tensor[]")
    library.impl("conv", forward, "CPU")
    library.impl("conv_backward", gradients, "CPU")

    def fake(X: Tensor, K: Tensor, b: Tensor | None) -> Tensor:
        return conv2d(X, K, b, **options)

    torch.library.register_fake("peers::conv", fake, lib=library)
    torch.library.register_fake(
        "peers::conv_backward",
        lambda _G, X, K: [torch.empty_like(X), torch.empty_like(K)],
        lib=library,
    )
    torch.library.register_autograd(
        "peers::conv",
        lambda ctx, G: (*backward(ctx, G), G.sum((0, 2, 3)) if bias else None),
        setup_context=setup,
        lib=library,
    )


_EPSILON, _TOLERANCE = 1e-4, 1e-5  # jax.test_util's, of float64


def _check_grads(function: Convolution) -> None:
    """Directional derivatives as jax.test_util.check_grads takes them: order 2, both modes.

    Forward over forward is left out: of a ``torch.autograd.Function`` torch answers zeros there.
    """
    for sample in samples(function, torch.float64):
        operands = sample.operands(requires_grad=False)
        _directional(lambda *o, sample=sample: sample.called(function, o), operands, order=2)


def _directional(
    function: Callable[..., Any], at: tuple[Tensor, ...], *, order: int, forward: bool = True
) -> None:
    along = tuple(torch.randn_like(t) for t in at)
    plus, minus = (
        _flat(function(*(t + e * v for t, v in zip(at, along, strict=True))))
        for e in (_EPSILON, -_EPSILON)
    )
    numeric = [(p - m) / (2 * _EPSILON) for p, m in zip(plus, minus, strict=True)]
    if forward:
        _near(_flat(torch.func.jvp(function, at, along)[1]), numeric)
    Y, pull = torch.func.vjp(function, *at)[:2]
    G = tuple(torch.randn_like(y) for y in _flat(Y))
    pulled = pull(G if isinstance(Y, tuple) else G[0])
    left = sum(float((g * t).sum()) for g, t in zip(G, numeric, strict=True))
    right = sum(float((d * v).sum()) for d, v in zip(pulled, along, strict=True))
    _near([torch.tensor(right)], [torch.tensor(left)])
    if order > 1:

        def tangent(*o: Tensor) -> Any:
            return torch.func.jvp(function, o, along)[1]

        def gradients(*o: Tensor) -> Any:
            return torch.func.vjp(function, *o)[1](G if isinstance(Y, tuple) else G[0])

        _directional(tangent, at, order=order - 1, forward=False)
        _directional(gradients, at, order=order - 1)


def _flat(value: Any) -> list[Tensor]:
    return [*value] if isinstance(value, tuple) else [value]


def _near(found: list[Tensor], expected: list[Tensor]) -> None:
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.double(), other.double(), rtol=_TOLERANCE, atol=_TOLERANCE)


def _kernelbench(function: Convolution) -> None:
    """Five random inputs of each shape, Y alone, tolerance 1e-2; and one layer of some size."""
    accepts = accepted(function)
    for _ in range(5):
        large = Sample(torch.randn(8, 3, 64, 64), torch.randn(64, 3, 3, 3), None, {})
        for sample in (*handful(torch.float32), large):
            asked = {k for k, v in sample.options.items() if v != _NEUTRAL[k]}
            if asked <= accepts:
                options = {k: v for k, v in sample.options.items() if k in accepts}
                chosen = Sample(sample.input, sample.weight, None, options)
                operands = chosen.operands(requires_grad=False)
                Y, expected = (chosen.called(f, operands) for f in (function, conv2d))
                if Y.shape != expected.shape or not torch.allclose(Y, expected, 1e-2, 1e-2):
                    raise AssertionError("output mismatch")


@st.composite
def _geometries(draw: st.DrawFn, accepts: frozenset[str]) -> dict[str, Any]:
    """What a careful author would draw from."""
    few = st.integers(1, 3)

    def option(name: str, least: int, most: int) -> tuple[int, int]:
        value = st.integers(least, most)
        neutral = (_NEUTRAL[name],) * 2
        return draw(st.tuples(value, value)) if name in accepts else neutral

    g = draw(few) if "groups" in accepts else 1
    s, p, d = option("stride", 1, 3), option("padding", 0, 3), option("dilation", 1, 3)
    k = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    least = [max(1, d_ * (k_ - 1) + 1 - 2 * p_) for d_, k_, p_ in zip(d, k, p, strict=True)]
    size = [draw(st.integers(low, low + 7)) for low in least]
    return {
        "n": draw(st.integers(1, 4)), "c": g * draw(few), "o": g * draw(few), "size": size,
        "k": k, "dtype": draw(st.sampled_from((torch.float32, torch.float64))),
        "bias": draw(st.booleans()) and "bias" in accepts,
        "options": {
            name: value for name, value in
            {"stride": s, "padding": p, "dilation": d, "groups": g}.items() if name in accepts
        },
    }  # fmt: skip


def _hypothesis(function: Convolution) -> None:
    """A hundred examples, its default; Y and all gradients beside torch's."""

    @seed(1)
    @settings(database=None, deadline=None, suppress_health_check=[*HealthCheck])
    @given(_geometries(frozenset(accepted(function))))
    def compared(drawn: dict[str, Any]) -> None:
        dtype, g = drawn["dtype"], drawn["options"].get("groups", 1)
        X = torch.randn(drawn["n"], drawn["c"], *drawn["size"], dtype=dtype)
        K = torch.randn(drawn["o"], drawn["c"] // g, *drawn["k"], dtype=dtype)
        b = torch.randn(drawn["o"], dtype=dtype) if drawn["bias"] else None
        sample = Sample(X, K, b, drawn["options"])
        ours, theirs = (sample.operands(requires_grad=True) for _ in range(2))
        Y, expected = sample.called(function, ours), sample.called(conv2d, theirs)
        assert torch.allclose(Y, expected, 1e-4, 1e-5)
        G = torch.randn_like(expected)
        found, right = torch.autograd.grad(Y, ours, G), torch.autograd.grad(expected, theirs, G)
        assert all(torch.allclose(a, e, 1e-4, 1e-5) for a, e in zip(found, right, strict=True))

    compared()


CHECKS: dict[str, Callable[[Convolution], None]] = {
    "gradcheck, slow": _gradcheck_slow,
    "gradcheck, fast": _gradcheck_fast,
    "gradgradcheck": _gradgradcheck,
    "assert_close, float32": _close_single,
    "assert_close, float64": _close_double,
    "OpInfo": _opinfo,
    "opcheck": _opcheck,
    "check_grads, as jax's": _check_grads,
    "KernelBench, 1e-2": _kernelbench,
    "hypothesis, allclose": _hypothesis,
}
