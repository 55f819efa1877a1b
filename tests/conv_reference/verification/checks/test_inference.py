from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from judging import exact_everywhere, failures, judged
from torch import Tensor, nn
from torch.nn.functional import conv2d

from conv_reference import functional
from conv_reference.layer import ConvLayer_1
from conv_reference.verification.checks import all_checks
from conv_reference.verification.faults.sound import right
from conv_reference.verification.target.conventions import as_target

SIZES = "float32 n2 c2 h5 w6 o3 k3x2"


@pytest.mark.parametrize(
    "implementation", [conv2d, nn.Conv2d, functional.conv2d, ConvLayer_1, right.Im2col]
)
def test_no_false_alarm_without_gradients(implementation: Any) -> None:
    assert exact_everywhere(implementation, "without_gradients", count=3) > 0


@pytest.mark.parametrize("layer", [nn.Conv2d, nn.Conv2d(2, 2, 3), ConvLayer_1, right.PlaneLayer])
def test_no_false_alarm_in_evaluation(layer: Any) -> None:
    assert exact_everywhere(layer, "evaluation", count=3) > 0


def test_what_is_no_layer_is_not_asked() -> None:
    reason = all_checks()["evaluation"].unsupported(as_target(conv2d))
    assert reason == "it is no layer, and so has no mode of evaluation"


def _last_tap_lost(X: Tensor, K: Tensor) -> Tensor:
    kept = torch.ones_like(K)
    kept[..., -1, -1] = 0
    return conv2d(X, K * kept)


def fast_without_grad(X: Tensor, K: Tensor) -> Tensor:
    return conv2d(X, K) if torch.is_grad_enabled() else _last_tap_lost(X, K)


def fast_in_inference(X: Tensor, K: Tensor) -> Tensor:
    return _last_tap_lost(X, K) if torch.is_inference_mode_enabled() else conv2d(X, K)


def fast_for_inference_tensors(X: Tensor, K: Tensor) -> Tensor:
    return _last_tap_lost(X, K) if X.is_inference() else conv2d(X, K)


@pytest.mark.parametrize(
    ("implementation", "said"),
    [
        (fast_without_grad, "under torch.no_grad: "),
        (fast_in_inference, "under torch.inference_mode: "),
        (fast_for_inference_tensors, "under torch.inference_mode, of tensors made there: "),
    ],
)
def test_a_wrong_fast_path_for_inference_is_found(implementation: Any, said: str) -> None:
    found = [j for j in _failing(implementation, "without_gradients") if j.startswith(said)]
    assert found
    assert not failures(implementation, f"certificate {SIZES}")


def _failing(implementation: Any, check: str) -> list[str]:
    return [j.explanation for j in judged(implementation, f"{check} {SIZES}") if not j.is_exact]


def test_a_refusal_of_inference_mode_is_no_answer() -> None:
    def refuses(X: Tensor, K: Tensor) -> Tensor:
        if torch.is_inference_mode_enabled():
            raise RuntimeError("not in inference mode")
        return conv2d(X, K)

    found = failures(refuses, f"without_gradients {SIZES}")
    line = refuses.__code__.co_firstlineno + 2
    where = f"(at test_inference.py:{line})"
    said = f"under torch.inference_mode: raised RuntimeError: not in inference mode {where}"
    assert found == {("without_gradients", "Y"): said}


def elsewhere(X: Tensor, K: Tensor) -> Tensor:
    """Large batches in a worker, which does not have the mode of the thread that calls."""
    if len(X) < 4:
        return conv2d(X, K)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(conv2d, X, K).result()


class Elsewhere(nn.Conv2d):
    def forward(self, input: Tensor) -> Tensor:
        with torch.enable_grad():
            return super().forward(input)


def test_a_graph_where_none_is_to_be_recorded_is_found() -> None:
    larger = SIZES.replace("n2", "n4")
    found = failures(elsewhere, f"without_gradients {larger} nobias")
    assert set(found) == {("without_gradients", "Y")}
    assert found["without_gradients", "Y"].startswith(
        "under torch.inference_mode: Y should have no"
    )
    assert not failures(elsewhere, f"without_gradients {SIZES} nobias")
    assert "under torch.no_grad" in failures(Elsewhere, f"evaluation {SIZES}")["evaluation", "Y"]


class WrongInEval(nn.Conv2d):
    def forward(self, input: Tensor) -> Tensor:
        Y = super().forward(input)
        return Y if self.training else 2 * Y


class StaysFolded(nn.Conv2d):
    """Folds for evaluation, and does not unfold."""

    folded = False

    def train(self, mode: bool = True) -> StaysFolded:
        self.folded = self.folded or not mode
        super().train(mode)
        return self

    def forward(self, input: Tensor) -> Tensor:
        Y = super().forward(input)
        return 2 * Y if self.folded and self.training else Y


@pytest.mark.parametrize(
    ("layer", "said"),
    [(WrongInEval, "in eval(): "), (StaysFolded, "back in train(): ")],
)
def test_a_layer_that_is_wrong_in_a_mode_is_found(layer: Any, said: str) -> None:
    found = _failing(layer, "evaluation")
    assert found
    assert any(text.startswith(said) for text in found)
    assert not failures(layer, f"certificate {SIZES}")


class ReturnsNothing(nn.Conv2d):
    def train(self, mode: bool = True) -> Any:
        super().train(mode)


def test_a_layer_that_is_not_returned_by_eval_is_found() -> None:
    assert set(_failing(ReturnsNothing, "evaluation")) == {
        "eval() should return the layer, returns None"
    }


class WithoutHooks(nn.Conv2d):
    """Goes straight to its forward pass in evaluation."""

    def __call__(self, *arguments: Any) -> Any:
        return super().__call__(*arguments) if self.training else self.forward(*arguments)


def test_hooks_that_do_not_run_in_evaluation_are_told() -> None:
    said = failures(WithoutHooks, f"evaluation {SIZES}")["evaluation", "Y"]
    hooks = "register_forward_pre_hook and register_forward_hook"
    assert said == f"in eval(): what {hooks} was given should run once, did not run"
