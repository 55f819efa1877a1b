"""A step of any kind is what it is without ``certify``, and what is met is judged or listed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.functional import conv2d
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from conv_reference.verification.step.certify import certify

LAST = torch.channels_last


@dataclass(frozen=True)
class Step:
    """A layer, what it is given, and in which of torch's contexts it runs."""

    batch: int
    channels: tuple[int, int]
    size: tuple[int, int]
    kernel: tuple[int, int]
    stride: int
    padding: int
    dilation: int
    groups: int
    dtype: torch.dtype
    transposed: bool
    dimensions: int
    bias: bool
    is_last: bool
    autocast: torch.dtype | None
    graph: str  # "recorded", "no_grad" or "inference"

    def layer(self) -> nn.Module:
        kinds = {(1, False): nn.Conv1d, (1, True): nn.ConvTranspose1d}
        kinds |= {(2, False): nn.Conv2d, (2, True): nn.ConvTranspose2d}
        torch.manual_seed(0)
        made: nn.Module = kinds[self.dimensions, self.transposed](
            *(self.groups * c for c in self.channels),
            self.kernel[: self.dimensions],
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
            bias=self.bias,
            dtype=self.dtype,
        )
        is_planar = self.is_last and self.dimensions == 2
        if is_planar:
            made.to(memory_format=LAST)  # type: ignore[call-overload]  # it takes it
        return made

    def taken(self, layer: nn.Module) -> list[Tensor]:
        """What comes out, forward and backward."""
        layer.zero_grad()
        generator = torch.Generator().manual_seed(1)
        shape = (self.batch, self.groups * self.channels[0], *self.size[: self.dimensions])
        X = torch.randn(shape, generator=generator).to(self.dtype)
        if self.is_last and self.dimensions == 2:
            X = X.contiguous(memory_format=LAST)
        with ExitStack() as stack:
            if self.autocast is not None:
                stack.enter_context(torch.autocast("cpu", dtype=self.autocast))
            if self.graph == "no_grad":
                stack.enter_context(torch.no_grad())
            if self.graph == "inference":
                stack.enter_context(torch.inference_mode())
            else:
                X.requires_grad_(self.graph == "recorded")
            Y: Tensor = layer(X)
        if self.graph != "recorded":
            return [Y]
        Y.abs().sum().backward()
        gradients = [tensor.grad for tensor in (X, *layer.parameters())]
        return [Y.detach(), *(g for g in gradients if g is not None)]


@st.composite
def steps(draw: Callable[..., Any]) -> Step:
    sizes = st.integers(1, 3)
    dtypes = [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64]
    kernel, dilation = (draw(sizes), draw(sizes)), draw(st.integers(1, 2))
    # From an output of one pixel on.
    size = tuple(dilation * (k - 1) + 1 + draw(st.integers(0, 4)) for k in kernel)
    dtype = draw(st.sampled_from(dtypes))
    halves = [None, torch.bfloat16, torch.float16] if dtype == torch.float32 else [None]
    autocast, stride = draw(st.sampled_from(halves)), draw(sizes)
    # What of dK sees only padding torch leaves as the memory was (docs/found/0002).
    unwritten = stride > 1 and torch.bfloat16 in {dtype, autocast}
    return Step(
        batch=draw(st.integers(0, 3)),
        channels=(draw(sizes), draw(sizes)),
        size=(size[0], size[1]),
        kernel=kernel,
        stride=stride,
        padding=0 if unwritten else draw(st.integers(0, min(k // 2 for k in kernel))),
        dilation=dilation,
        groups=draw(sizes),
        dtype=dtype,
        transposed=draw(st.booleans()),
        dimensions=draw(st.sampled_from([1, 2, 2, 2])),
        bias=draw(st.booleans()),
        is_last=draw(st.booleans()),
        autocast=autocast,
        graph=draw(st.sampled_from(["recorded", "recorded", "no_grad", "inference"])),
    )


@given(step=steps(), replayed=st.booleans())
@settings(max_examples=60)
def test_a_step_is_what_it_is_without_and_each_convolution_in_it_is_judged(
    step: Step, replayed: bool
) -> None:
    layer = step.layer()
    alone = step.taken(layer)
    with certify(layer, replayed=replayed) as certificate:
        judged = step.taken(layer)

    assert len(alone) == len(judged)
    for one, other in zip(alone, judged, strict=True):
        assert torch.equal(one, other)
    assert not certificate.not_judged
    certificate.raise_if_wrong()
    assert all(row.calls == row.judged for row in certificate.rows)


STEP = Step(
    batch=2,
    channels=(3, 4),
    size=(8, 9),
    kernel=(3, 2),
    stride=1,
    padding=0,
    dilation=1,
    groups=1,
    dtype=torch.float32,
    transposed=False,
    dimensions=2,
    bias=True,
    is_last=False,
    autocast=None,
    graph="recorded",
)


@pytest.mark.parametrize("transposed", [False, True], ids=["conv", "transposed"])
@pytest.mark.parametrize("replayed", [False, True], ids=["in place", "over integers"])
def test_of_an_empty_batch_the_parameters_gradients_must_be_zero(
    replayed: bool, transposed: bool
) -> None:
    step = replace(STEP, batch=0, transposed=transposed)
    layer = step.layer()

    def unwritten(name: str, answered: Any) -> None:
        if name == "convolution_backward":
            answered[1][0, 1, 2, 1] = 1e-30

    with certify(layer, replayed=replayed) as right:
        step.taken(layer)
    with Changed(unwritten), certify(layer, replayed=replayed) as wrong:
        step.taken(layer)

    assert right.passed
    assert {*right.rows[0].quantities} == {"Y", "dX", "dK", "db"}
    assert not wrong.passed
    assert "dK[0,1,2,1] should be 0, is 1" in str(wrong)


class Changed(TorchDispatchMode):
    """Beneath ``certify``: answers that are changed."""

    def __init__(self, change: Callable[[str, Any], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch gives it no types
        self._change = change

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        answered = func(*args, **(kwargs or {}))
        self._change(func.overloadpacket.__name__, answered)
        return answered


class Subclass(Tensor):
    """As libraries of images have."""


X = torch.randn(2, 3, 8, 9, generator=torch.Generator().manual_seed(0))
LAYER = STEP.layer()


def summed(K: Tensor) -> Tensor:
    return conv2d(X, K).square().sum()


def kernel() -> Tensor:
    return next(LAYER.parameters()).detach()


def double_backward() -> None:
    image = X.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(LAYER(image).square().sum(), image, create_graph=True)
    gradient.square().sum().backward()


def without_channels() -> None:
    conv2d(torch.ones(2, 0, 4, 4), torch.ones(3, 0, 2, 2))


def fake() -> None:
    with FakeTensorMode():
        nn.Conv2d(3, 4, 3)(torch.empty(2, 3, 8, 9))


def with_a_default_device() -> None:
    torch.set_default_device("meta")
    try:
        torch.autograd.grad(LAYER(X).sum(), kernel_of(LAYER))
    finally:
        torch.set_default_device(None)


def kernel_of(layer: nn.Module) -> Tensor:
    return next(layer.parameters())


def mapped() -> None:
    torch.func.vmap(torch.func.grad(lambda K, one: conv2d(one[None], K).sum()), (None, 0))(
        kernel(), X
    )


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")  # of torch's own jvp
@pytest.mark.parametrize(
    ("taken", "calls", "not_judged"),
    [
        (lambda: torch.func.vmap(lambda K: conv2d(X, K))(torch.stack([kernel()] * 3)), 1, []),
        (lambda: torch.func.grad(summed)(kernel()), 2, []),
        (mapped, 2, []),
        (lambda: torch.func.jvp(summed, (kernel(),), (kernel(),)), 3, []),
        (double_backward, 5, []),
        (lambda: torch.compile(LAYER, backend="eager")(X), 1, []),
        (with_a_default_device, 2, []),
        (lambda: LAYER(X[:1].expand(4, 3, 8, 9)), 1, []),
        (lambda: LAYER(X[0]), 1, []),
        (
            lambda: LAYER.to("cpu")(X.as_subclass(Subclass)),
            0,
            ["convolution: a tensor of the subclass Subclass"],
        ),
        (
            lambda: conv2d(X.to("meta"), kernel().to("meta")),
            0,
            ["convolution: a tensor on the device meta, which has no numbers"],
        ),
        (without_channels, 0, ["convolution: in_channels must be at least 1, got 0"]),
        (fake, 0, ["convolution: while torch records a graph"]),
        (lambda: conv2d(X.long(), kernel().long()), 0, ["convolution: not a floating tensor"]),
    ],
    ids=[
        *("vmap", "grad", "vmap of grad", "jvp", "double backward", "compile", "default device"),
        *("expanded", "unbatched", "subclass", "meta", "no channels", "fake", "integers"),
    ],
)
def test_what_is_met_in_a_step_is_judged_or_listed(
    taken: Callable[[], Any], calls: int, not_judged: list[str]
) -> None:
    with certify() as certificate:
        taken()
    assert [*certificate.not_judged] == not_judged
    assert sum(row.judged for row in certificate.rows) == calls
    assert certificate.passed == bool(calls)


def test_what_another_thread_computes_is_not_heard_and_is_listed() -> None:
    layer = STEP.layer()
    with certify(layer) as certificate:
        layer(X)
        thread = threading.Thread(target=lambda: layer(X).sum().backward())
        thread.start()
        thread.join()
    assert [*certificate.not_judged] == ["Conv2d in another thread, as module Conv2d"]
    assert "1 of 1 calls judged" in certificate.headline


def test_each_of_two_certificates_has_the_steps_calls_and_not_the_other_judges() -> None:
    layer = STEP.layer()
    with certify(layer, every=2) as outer, certify(layer) as inner:
        STEP.taken(layer)
    assert [(row.calls, row.judged) for row in outer.rows] == [(2, 2)]
    assert [(row.calls, row.judged) for row in inner.rows] == [(2, 2)]
    assert not outer.not_judged
    assert outer.passed
    assert inner.passed


def depth() -> int:
    """How many modes of the dispatcher are entered."""
    return torch._C._len_torch_dispatch_stack()


def counting() -> FlopCounterMode:
    return FlopCounterMode(display=False)


@pytest.mark.parametrize("other", [counting, certify], ids=["a counter", "certify"])
def test_a_mode_that_is_entered_within_stays_entered_through_the_optimizers_steps(
    other: Callable[[], AbstractContextManager[Any]],
) -> None:
    layer, outside = STEP.layer(), depth()
    optimizer = torch.optim.SGD(layer.parameters(), 0.0)
    with certify(layer, every=2) as certificate, other():
        for _ in range(5):
            assert depth() == outside + 2
            STEP.taken(layer)
            optimizer.step()
    assert depth() == outside
    assert certificate.steps == 3
    assert certificate.rows[0].judged == 6
    assert not certificate.not_judged


def test_where_another_mode_is_in_the_way_the_next_step_is_judged() -> None:
    layer, outside = STEP.layer(), depth()
    optimizer = torch.optim.SGD(layer.parameters(), 0.0)
    with certify(layer, every=2) as certificate:
        STEP.taken(layer)
        optimizer.step()
        assert depth() == outside  # nothing is listened to
        with counting():
            optimizer.step()
            STEP.taken(layer)
            assert depth() == outside + 1
        optimizer.step()
        STEP.taken(layer)
    assert depth() == outside
    assert certificate.steps == 2
    assert certificate.rows[0].judged == 4
    assert certificate.not_judged == {
        "a step: another dispatch mode was entered after certify, and is in the way": 1
    }


def test_a_step_of_an_optimizer_in_another_thread_is_none_of_this_training() -> None:
    layer = STEP.layer()
    optimizer = torch.optim.SGD(layer.parameters(), 0.0)
    with certify(layer, every=2) as certificate:
        STEP.taken(layer)
        thread = threading.Thread(target=optimizer.step)
        thread.start()
        thread.join()
        STEP.taken(layer)
    assert certificate.steps == 1
    assert certificate.rows[0].judged == 4
