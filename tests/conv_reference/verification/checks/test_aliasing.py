from __future__ import annotations

from typing import Any, ClassVar

import careless
import pytest
import torch
from judging import exact_everywhere, failures, judged
from torch import Tensor

from conv_reference import functional
from conv_reference.layer import ConvLayer_1
from conv_reference.verification.model.result import Verdict

SIZES = "float32 n2 c2 h4 w5 o3 k3x2 p1 s2"


@pytest.mark.untraced
@pytest.mark.parametrize(
    "implementation",
    [
        torch.nn.functional.conv2d,
        pytest.param(torch.nn.Conv2d, marks=pytest.mark.slow),
        functional.conv2d,
        pytest.param(ConvLayer_1, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(
    "check",
    [
        "memory",
        "two_backwards",
        "open_graphs",
        "saved_tensors",
        "updated_arguments",
        "released_memory",
    ],
)
def test_no_false_alarm(implementation: Any, check: str) -> None:
    assert exact_everywhere(implementation, check, count=3) > 0


@pytest.mark.parametrize(
    "letters", ["X=expanded", "K=expanded", "G=expanded", "X=sliced K=strided"]
)
@pytest.mark.parametrize("check", ["memory", "saved_tensors", "updated_arguments"])
def test_layouts_raise_no_alarm(check: str, letters: str) -> None:
    assert not failures(torch.nn.functional.conv2d, f"{check} {SIZES} {letters}")


@pytest.mark.parametrize(
    ("implementation", "check", "row", "quantity"),
    [
        (careless.scales_and_restores, "memory", "untouched_arguments", "K"),
        (careless.Accumulates, "two_backwards", "two_backwards", "dK"),
        (careless.Unsaved, "saved_tensors", "saved_tensors", "dK"),
        (careless.Unsaved, "saved_tensors", "saved_tensors", "dX"),
        (careless.PackedOnce, "updated_arguments", "updated_arguments", "Y"),
        (careless.PackedByVersion, "updated_arguments", "updated_arguments", "Y"),
        (careless.holds_its_input, "released_memory", "released_memory", "X"),
    ],
)
def test_carelessness_is_found(implementation: Any, check: str, row: str, quantity: str) -> None:
    assert (row, quantity) in failures(implementation, f"{check} {SIZES}")


def test_a_result_that_is_an_argument_is_found() -> None:
    found = failures(careless.identity_for_ones, "memory float32 n2 h2 w3 k1 values=ones")

    assert found["output_memory", "Y"] == (
        "should be in memory of its own, is shared with the argument X"
    )


def test_memory_needs_no_room_for_sums_over_all_positions() -> None:
    assert not failures(functional.conv2d, "memory bfloat16 n4 c12 h7 w11 o12 k4 s2 p0x1 d1x3 g2")


def by_samples(input: Tensor, weight: Tensor) -> Tensor:
    """Torch saves views of the input, and refuses the change in other words."""
    return torch.cat([torch.nn.functional.conv2d(sample, weight) for sample in input.split(1)])


def test_a_change_of_what_views_were_saved_of_is_refused_too() -> None:
    assert all(judgement.is_exact for judgement in judged(by_samples, f"saved_tensors {SIZES}"))


class Packs(torch.nn.Conv2d):
    """Prepares its kernel at the first call in evaluation, for good."""

    packed: Tensor | None = None

    def forward(self, input: Tensor) -> Tensor:
        if self.training or torch.is_grad_enabled():
            return super().forward(input)
        if self.packed is None:
            self.packed = self.weight.detach().clone()
        return torch.nn.functional.conv2d(
            input, self.packed, self.bias, self.stride, self.padding, self.dilation, self.groups
        )


class PacksUntilItTrains(Packs):
    """Whoever calls eval() again has it packed anew."""

    def train(self, mode: bool = True) -> PacksUntilItTrains:
        self.packed = None
        return super().train(mode)


@pytest.mark.parametrize("layer", [Packs, PacksUntilItTrains])
def test_a_kernel_that_is_packed_for_good_in_evaluation_is_found(layer: Any) -> None:
    found = failures(layer, f"updated_arguments {SIZES}")
    assert set(found) == {("updated_arguments", "Y")}
    assert "in eval()" in found["updated_arguments", "Y"]


class Workspace(torch.autograd.Function):
    """The backward pass reads the input of the last call of this shape."""

    last: ClassVar[dict[torch.Size, Tensor]] = {}

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor) -> Tensor:
        Workspace.last[input.shape] = input.detach().clone()
        ctx.save_for_backward(weight)
        return torch.nn.functional.conv2d(input, weight)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (weight,) = ctx.saved_tensors
        n, (_, _, kh, kw) = len(grad_outputs[0]), weight.shape
        height, width = grad_outputs[0].shape[2] + kh - 1, grad_outputs[0].shape[3] + kw - 1
        X = Workspace.last[torch.Size((n, weight.shape[1], height, width))]
        dX = torch.nn.grad.conv2d_input(X.shape, weight, grad_outputs[0])
        return dX, torch.nn.grad.conv2d_weight(X, weight.shape, grad_outputs[0])


def test_a_workspace_that_another_call_writes_before_the_backward_pass_is_found() -> None:
    found = failures(Workspace, "open_graphs float32 n2 c2 h4 w5 o3 k3x2 nobias")

    assert set(found) == {("open_graphs", "dK")}
    assert found["open_graphs", "dK"].startswith("the first of two calls, its backward pass after")


class OfALayer(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, layer: Any) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.layer, layer.last = layer, input.detach().clone()
        return torch.nn.functional.conv2d(input, weight)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        X, (K,) = ctx.layer.last, ctx.saved_tensors
        dX = torch.nn.grad.conv2d_input(X.shape, K, grad_outputs[0])
        return dX, torch.nn.grad.conv2d_weight(X, K.shape, grad_outputs[0]), None


class Remembering(torch.nn.Module):
    """As in many tutorials: the backward pass of a layer reads the input of its last call."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(out_channels, in_channels, *kernel_size))
        self.last = torch.zeros(0)

    def forward(self, input: Tensor) -> Any:
        return OfALayer.apply(input, self.weight, self)  # type: ignore[no-untyped-call]  # `apply` has no types


def test_a_layer_that_is_called_twice_before_a_backward_pass_is_one_layer() -> None:
    found = failures(Remembering, "open_graphs float32 n2 c2 h4 w5 o3 k3x2 nobias")
    assert set(found) == {("open_graphs", "dK")}


def test_of_a_change_that_nobody_noticed_it_is_said_what_would_have() -> None:
    found = [j for j in judged(careless.Unsaved, f"saved_tensors {SIZES}") if not j.is_exact]
    assert found
    assert all("save_for_backward" in judgement.cause for judgement in found)


def test_saved_copies_are_right() -> None:
    judgements = judged(careless.Copied, f"saved_tensors {SIZES}")

    assert {judgement.verdict for judgement in judgements} == {Verdict.EXACT}
    assert len(judgements) == 4  # dX and dK, after each of two changes


def test_a_refusal_is_told_from_another_error() -> None:
    class Broken(careless.Copied):
        @staticmethod
        def backward(ctx: Any, *grad_outputs: Any) -> Any:
            raise RuntimeError("out of luck")

    (judgement,) = judged(Broken, f"saved_tensors {SIZES}")

    assert judgement.verdict == Verdict.RAISED
    assert "out of luck" in judgement.explanation


def test_the_explanation_says_which_change_was_not_seen() -> None:
    found = [j for j in judged(careless.PackedOnce, f"updated_arguments {SIZES}") if not j.is_exact]

    said = "K changed in place should be seen by the next call"
    assert found[0].explanation.startswith(said)


@pytest.mark.parametrize(
    ("implementation", "row"),
    [
        (careless.static_output_without_gradients, "kept_results"),
        (careless.identity_hands_on, "output_memory"),
    ],
)
def test_borrowed_memory_in_a_special_case_is_found(implementation: Any, row: str) -> None:
    assert (row, "Y") in failures(implementation, "memory float32 n2 c2 h4 w5 o3 k3x2 nobias")


_SERVED: dict[tuple[torch.Size, torch.dtype], Tensor] = {}


def static_output_in_inference_mode(input: Tensor, weight: Tensor) -> Tensor:
    Y = torch.nn.functional.conv2d(input, weight)
    if not torch.is_inference_mode_enabled():
        return Y
    return _SERVED.setdefault((Y.shape, Y.dtype), torch.empty_like(Y)).copy_(Y)


class StaticInEval(torch.nn.Conv2d):
    """One output buffer for each layer, in evaluation."""

    out: Tensor | None = None

    def forward(self, input: Tensor) -> Tensor:
        Y = super().forward(input)
        if self.training or Y.requires_grad:
            return Y
        if self.out is None or self.out.shape != Y.shape:
            self.out = torch.empty_like(Y)
        return self.out.copy_(Y)


@pytest.mark.parametrize(
    ("implementation", "mode"),
    [
        (static_output_in_inference_mode, "under torch.inference_mode"),
        (StaticInEval, "in eval() under torch.no_grad"),
    ],
)
def test_a_buffer_of_one_mode_alone_is_found(implementation: Any, mode: str) -> None:
    judgements = judged(implementation, f"memory {SIZES} nobias")
    found = {j.check: j.explanation for j in judgements if mode in j.explanation}
    said = f"{mode}, a result should stay what it was while other calls are made"
    assert found["kept_results"].startswith(said)
    assert found["output_memory"].startswith(f"{mode}: should be in memory of its own, is shared")


class Handed(torch.autograd.Function):
    """Where its numbers are ones, a gradient is the other operand; db is a view of one pixel."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(input, weight)
        ctx.biased = bias is not None
        return torch.nn.functional.conv2d(input, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (G,), (X, K) = grad_outputs, ctx.saved_tensors
        pixel = G.numel() == G.shape[1]
        dX = torch.nn.grad.conv2d_input(X.shape, K, G)
        dK = torch.nn.grad.conv2d_weight(X, K.shape, G)
        if X.numel() == K.numel() == G.numel() == G.item() == 1:
            dK = X
        db = (G.view(-1) if pixel else G.sum((0, 2, 3))) if ctx.biased else None
        return dX, dK, db


def handed(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Any:
    return Handed.apply(input, weight, bias)  # type: ignore[no-untyped-call]  # `apply` has no types


def test_a_gradient_that_is_an_operand_of_one_pixel_is_found() -> None:
    case = "memory float32 n2 c2 h4 w5 o3 k3x2"
    assert failures(handed, case)["output_memory", "dK"].endswith("is shared with the argument X")


def by_broadcasting(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    Y = torch.nn.functional.conv2d(input, weight)
    return Y if bias is None else Y + bias.reshape(1, -1, 1, 1)


@pytest.mark.parametrize("implementation", [handed, by_broadcasting])
def test_a_gradient_in_the_memory_of_its_upstream_gradient_is_a_note(implementation: Any) -> None:
    seen = judged(implementation, "memory float32 n2 c2 h4 w5 o3 k3x2")
    (said,) = {j.observed for j in seen} - {""}
    assert said.startswith("db shares memory with its upstream gradient G in some cases: changing")
    assert {j.observed for j in judged(torch.nn.functional.conv2d, f"memory {SIZES}")} == {""}


class Recycles(torch.autograd.Function):
    """Writes dX where X was, where X is no leaf: whoever made it may need it still."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(input, weight)
        ctx.recycles = not input.is_leaf
        return torch.nn.functional.conv2d(input, weight)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        X, K = ctx.saved_tensors
        dK = torch.nn.grad.conv2d_weight(X, K.shape, grad_outputs[0])
        dX = torch.nn.grad.conv2d_input(X.shape, K, grad_outputs[0])
        return X.data.copy_(dX) if ctx.recycles else dX, dK


def recycles(input: Tensor, weight: Tensor) -> Tensor:
    Y: Tensor = Recycles.apply(input, weight)  # type: ignore[no-untyped-call]  # torch's own
    return Y


def test_what_is_written_to_as_no_leaf_is_found() -> None:
    found = failures(recycles, "memory float32 n2 c2 h4 w5 o3 k3x2 nobias")

    assert found["untouched_arguments", "X"].startswith("the call changed 80 of 80 elements")
    assert ("arguments", "X") not in failures(
        recycles, "certificate float32 n2 c2 h4 w5 o3 k3x2 nobias"
    )


class TakesTurns(torch.nn.Conv2d):
    """Has four outputs, which it fills in turn where no graph is made."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.outputs: dict[Any, list[Tensor]] = {}

    def forward(self, input: Tensor) -> Tensor:
        Y = super().forward(input)
        if torch.is_grad_enabled():
            return Y
        four = self.outputs.setdefault((Y.shape, Y.dtype), [torch.empty_like(Y) for _ in range(4)])
        four.append(four.pop(0))
        return four[-1].copy_(Y)


def test_outputs_that_take_turns_are_found() -> None:
    found = failures(TakesTurns, f"memory {SIZES}")

    said = "torch.inference_mode, a result should stay what it was while other calls are made"
    assert said in found["kept_results", "Y"]


class Hooked(torch.nn.Conv2d):
    """Puts a hook on its kernel in each call, and the hook holds what the call was given."""

    def forward(self, input: Tensor) -> Tensor:
        if self.weight.requires_grad and self.weight.is_leaf:
            self.weight.register_hook(lambda gradient: gradient * (input.numel() > 0))
        return super().forward(input)


class HoldsTheLast(torch.nn.Conv2d):
    def forward(self, input: Tensor) -> Tensor:
        self.last = input
        return super().forward(input)


def test_a_layer_that_holds_each_input_is_found_and_one_that_holds_the_last_is_not() -> None:
    found = failures(Hooked, f"released_memory {SIZES}")

    assert found["released_memory", "X"].startswith(
        "should be freed when the layer is called again"
    )
    assert not failures(HoldsTheLast, f"released_memory {SIZES}")


def test_a_result_of_which_several_elements_are_one_is_found() -> None:
    def once_for_all(input: Tensor, weight: Tensor) -> Tensor:
        if input.stride(0) or input.requires_grad:
            return torch.nn.functional.conv2d(input, weight)
        return torch.nn.functional.conv2d(input[:1], weight).expand(len(input), -1, -1, -1)

    case = "memory float32 n3 c2 h4 w5 o3 k3x2 nobias X=expanded"
    assert "several are one" in failures(once_for_all, case)["output_memory", "Y"]


def test_what_the_garbage_collector_alone_frees_is_observed() -> None:
    def in_a_circle(input: Tensor, weight: Tensor) -> Tensor:
        circle: list[Any] = [input]
        circle.append(circle)
        return torch.nn.functional.conv2d(input, weight)

    case = "released_memory float32 n1 c2 h4 w5 o3 k3x2 nobias"
    (said,) = {j.observed for j in judged(in_a_circle, case)} - {""}
    assert "freed by the garbage collector alone" in said
    assert not failures(in_a_circle, case)
