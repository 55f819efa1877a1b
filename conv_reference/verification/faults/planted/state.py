"""What an implementation keeps from call to call, and the state of a layer."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planting import FaultClass

cache = FaultClass("CACHE", "Kept from an earlier call, and not refreshed")
layers = FaultClass("LAYER", "The life of a layer: copied, stored, evaluated, used twice")
drift = FaultClass("DRIFT", "Right for the first calls")
leak = FaultClass("LEAK", "Memory that grows with each call")

_KERNELS: dict[Any, Tensor] = {}


@cache.whole(
    "Y",
    "without gradients: the first kernel at an address is kept",
    thread="vllm PR#57638",
    blind=1,
)
def kept_by_address(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1,
    padding: Any = 0, dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    wrapped = torch._C._functorch.is_functorch_wrapped_tensor(weight)
    if not torch.is_grad_enabled() and not wrapped:
        key = weight.data_ptr(), weight.shape, weight.dtype
        weight = _KERNELS.setdefault(key, weight.detach().clone())
    return direct.conv2d(input, weight, bias, stride, padding, dilation, groups)


_ANSWERED: list[tuple[weakref.ref[Tensor], weakref.ref[Tensor], Tensor]] = []


@cache.whole(
    "Y",
    "after a call without gradients on the same tensors: its answer, which has no graph",
)
def answered_without_graph(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1,
    padding: Any = 0, dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    kept = [Y for X, K, Y in _ANSWERED if X() is input and K() is weight]
    _ANSWERED.clear()
    if kept and torch.is_grad_enabled():
        return kept[0].clone()
    Y = direct.conv2d(input, weight, bias, stride, padding, dilation, groups)
    if not torch.is_grad_enabled():
        _ANSWERED.append((weakref.ref(input), weakref.ref(weight), Y.detach()))
    return Y


_MASKS: dict[Any, Tensor] = {}


@cache.whole(
    "dX",
    "a mask is made once for each shape: made in inference mode, no gradient can be taken with it",
)
def mask_of_inference(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1,
    padding: Any = 0, dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    key = input.shape, input.dtype
    if key not in _MASKS:
        _MASKS[key] = torch.ones(input.shape, dtype=input.dtype)
    return direct.conv2d(input * _MASKS[key], weight, bias, stride, padding, dilation, groups)


_LAST_BATCH: dict[Any, int] = {}


@cache(
    "dK",
    "fewer samples than the pass before it: those of its workspace are added",
    thread="pytorch#177116",
    blind=2,
    about="batch",
)
def other_batch_before(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = direct.grad_weight(G, X, z)
    key = (z.c, z.h, z.w, z.o, z.kh, z.kw, z.s, z.p, z.d, z.g, G.dtype)
    before, _LAST_BATCH[key] = _LAST_BATCH.get(key, 0), z.n
    return dK + 1 if before > z.n > 0 else dK


_CALLS: dict[Any, int] = {}


@drift(
    "Y",
    "from the 100th call of one geometry on: the last tap is lost",
    thread="llm.c PR#851",
    blind=2,
)
def hundredth_call(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    _CALLS[z, X.dtype] = _CALLS.get((z, X.dtype), 0) + 1
    if _CALLS[z, X.dtype] >= 100 and z.kh * z.kw > 1:
        K = torch.cat([K.flatten(2)[..., :-1], torch.zeros_like(K[..., :1, 0])], 2).view_as(K)
    return direct.forward(X, K, z)


_LEAKED: list[Tensor] = []


@leak("memory", "a copy of each answer, of 4 kB at most, is kept for ever", part="finish", blind=2)
def keeps_everything(Y: Tensor, z: Sizes) -> Tensor:
    if not torch._C._functorch.is_functorch_wrapped_tensor(Y):
        _LEAKED.append(Y.detach().flatten()[:1024].clone())
    return Y


@layers.whole(
    "Y", "in eval(): the kernel as it was at the first call", thread="pytorch#108863", blind=1
)
class FoldedInEval(direct.Layer):
    """Folds its kernel once."""

    folded: Tensor | None = None

    def forward(self, input: Tensor) -> Tensor:
        if self.training:
            return direct.conv2d(input, self.weight, self.bias, *self.options)
        if self.folded is None:
            self.folded = self.weight.detach().clone()
        return direct.conv2d(input, self.folded, self.bias, *self.options)


class _ReadsInputOfLayer(torch.autograd.Function):
    """Reads its input from the layer."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor, layer: Any, z: Sizes) -> Tensor:
        ctx.layer, ctx.z = layer, z
        layer.input = X
        ctx.save_for_backward(K)
        return direct.forward(X, K, z)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (G,), (K,) = grad_outputs, ctx.saved_tensors
        dX = direct.grad_input(G, K, ctx.z)
        return dX, direct.grad_weight(G, ctx.layer.input, ctx.z), None, None


@layers.whole(
    "dK",
    "used twice before one backward pass: the input of the last use",
    thread="torch/nn#1015",
    blind=2,
)
class KeepsLastInput(direct.Layer):
    """Keeps its input for the backward pass."""

    def forward(self, input: Tensor) -> Tensor:
        z = direct.sizes(input, self.weight, *self.options)
        direct.check(input, self.weight, self.bias, z)
        Y: Tensor = _ReadsInputOfLayer.apply(input, self.weight, self, z)  # type: ignore[no-untyped-call]  # torch's `apply` is untyped
        return Y if self.bias is None else Y + self.bias[:, None, None]


@layers.whole("Y", "copied or pickled: the padding is lost", blind=2)
class LosesPadding(direct.Layer):
    """Forgets an option in its state."""

    def __getstate__(self) -> Any:
        stride, _, dilation, groups = self.options
        return {**self.__dict__, "options": (stride, 0, dilation, groups)}

    def forward(self, input: Tensor) -> Tensor:
        return direct.conv2d(input, self.weight, self.bias, *self.options)
