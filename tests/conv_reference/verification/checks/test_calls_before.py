from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from judging import exact_everywhere, failures, judged
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad
from torch_as_framework import Right

from conv_reference import functional
from conv_reference.layer import ConvLayer_1
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.faults.collection import FAULTS
from conv_reference.verification.faults.sound import right
from conv_reference.verification.model.case import Case
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.target.loading import load_target

CASE = "calls_before float32 n2 c2 h4 w5 o3 k3x2 nobias"


@pytest.mark.parametrize(
    "implementation", [conv2d, nn.Conv2d, functional.conv2d, ConvLayer_1, right.Im2col]
)
def test_no_false_alarm(implementation: Any) -> None:
    assert exact_everywhere(implementation, "calls_before", count=2) > 0


@pytest.mark.parametrize(
    ("fault", "quantity", "said"),
    [
        ("answered_without_graph", "dX", "after a call in inference mode on the same tensors"),
        ("other_batch_before", "dK", "after a pass of more samples"),
    ],
)
def test_what_an_earlier_call_left_is_found(fault: str, quantity: str, said: str) -> None:
    found = failures(FAULTS[fault].function, CASE)
    assert said in found["calls_before", quantity]


def test_a_buffer_made_in_inference_mode_is_found() -> None:
    """Each way to call has sizes of its own: else the first would make the buffer for all."""
    raised = [j for j in judged(FAULTS["mask_of_inference"].function, CASE) if j.thrown is not None]
    (explanation,) = (judgement.explanation for judgement in raised)
    assert explanation.startswith(
        "after a call in inference mode on the same tensors: raised RuntimeError: Inference tensors"
    )


def test_a_kernel_that_is_known_again_by_its_sums_is_found() -> None:
    """A Sobel filter after its transpose."""
    kernels: dict[tuple[float, float], Tensor] = {}

    def by_sums(input: Tensor, weight: Tensor) -> Tensor:
        if weight.requires_grad:
            return conv2d(input, weight)
        key = float(weight.double().sum()), float(weight.double().pow(2).sum())
        return conv2d(input, kernels.setdefault(key, weight.clone()))

    said = "without gradients, after a call on the same numbers in another order"
    assert failures(by_sums, CASE)["calls_before", "Y"].startswith(said)
    kernels.clear()
    assert not failures(by_sums, CASE.replace("calls_before", "certificate"))


DTYPE_OF_THE_FIRST_CALL = """
from functools import cache
import torch
from torch.nn.functional import conv2d

@cache
def of_autocast(dtype):
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else dtype

def settled(input, weight):
    dtype = of_autocast(input.dtype)
    with torch.autocast("cpu", enabled=False):
        return conv2d(input.to(dtype), weight.to(dtype))
"""


def test_what_the_first_call_of_a_process_settles_is_found(tmp_path: Path) -> None:
    """An ordinary call was made of it before, as by the trial of how it is called."""
    file = tmp_path / "first.py"
    file.write_text(DTYPE_OF_THE_FIRST_CALL)
    target = load_target(f"{file}:settled")
    settings = Settings(seed=0, device="cpu")
    plain = judge_case(target, Case.parse(CASE.replace("calls_before", "certificate")), settings)
    assert {judgement.verdict.value for judgement in plain} == {"exact"}
    found = {j.before for j in judge_case(target, Case.parse(CASE), settings) if not j.is_exact}
    assert found == {"after a call under autocast on the same tensors"}


_LINES: dict[int, Tensor] = {}


def by_kept_lines(input: Tensor, weight: Tensor) -> Tensor:
    """Keeps the places of its columns for each number of them, as other checks have."""
    columns = input.shape[3]
    places = _LINES.setdefault(columns, torch.arange(columns)) if columns > 20 else None
    return conv2d(input if places is None else input.index_select(3, places), weight)


def test_what_is_kept_of_a_width_that_was_not_met_before_is_found() -> None:
    """In a run the first call of most widths is an ordinary one."""
    found: list[tuple[str, str]] = []
    for seed in range(6):  # by which the widths are drawn
        _LINES.clear()
        found += failures(by_kept_lines, f"{CASE} X=offset", seed)
    assert found


OPTIONS = "options_before float32 n2 c2 h4 w5 o3 k3x2 s2x1 p1x2 nobias"


@pytest.mark.parametrize("implementation", [conv2d, nn.Conv2d, functional.conv2d, right.Im2col])
def test_other_options_raise_no_false_alarm(implementation: Any) -> None:
    assert exact_everywhere(implementation, "options_before", count=2) > 0


class Padding:
    """Pads into a buffer that it keeps by the padded shape, and whose border it never clears."""

    def __init__(self, *, graph: bool) -> None:
        self.graph, self.kept = graph, dict[tuple[int, ...], Tensor]()

    def __call__(
        self, input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1,
        padding: Any = 0, dilation: Any = 1,
    ) -> Tensor:  # fmt: skip
        p, q = padding
        X = pad(input, (q, q, p, p))
        if torch.is_grad_enabled() == self.graph:
            if X.shape not in self.kept:
                self.kept[X.shape] = torch.zeros_like(X)
            kept = self.kept[X.shape]
            kept[:, :, p : X.shape[2] - p, q : X.shape[3] - q] = input.detach()
            X = X + (kept - X).detach()
        return conv2d(X, weight, bias, stride, 0, dilation)


@pytest.mark.parametrize(("graph", "when"), [(True, ""), (False, ", both without gradients")])
def test_a_border_left_by_a_larger_image_is_found(graph: bool, when: str) -> None:
    found = failures(Padding(graph=graph), OPTIONS)
    said = found["options_before", "Y"]
    assert said.startswith("after a pass of a larger image, which with less padding is as large")
    assert (", both without gradients" in said) == bool(when)


def looked_up(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, *, kept: dict[Any, Any],
) -> Tensor:  # fmt: skip
    shapes = input.shape, weight.shape, stride, padding
    return conv2d(input, weight, bias, stride, padding, kept.setdefault(shapes, dilation))


def test_a_key_without_the_dilation_is_found() -> None:
    kept: dict[Any, Any] = {}

    def convolve(
        input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1,
        padding: Any = 0, dilation: Any = 1,
    ) -> Tensor:  # fmt: skip
        return looked_up(input, weight, bias, stride, padding, dilation, kept=kept)

    cases = (OPTIONS.replace("w5", f"w{width}") for width in range(5, 15))
    assert any(("options_before", "Y") in failures(convolve, case) for case in cases)


def test_options_that_are_one_integer_for_both_axes_differ_on_both() -> None:
    """No option of one axis can be another there, and nothing was asked."""
    kept: dict[Any, Any] = {}

    def convolve(
        input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0
    ) -> Tensor:
        assert stride[0] == stride[1]
        shapes = input.shape, weight.shape, padding
        return conv2d(input, weight, bias, kept.setdefault(shapes, stride), padding)

    target = replace(as_target(convolve), integers=frozenset({"stride", "padding"}))
    settings, said = Settings(seed=1, device="cpu"), "after a pass with other options"
    cases = (Case.parse(f"options_before float32 h{h} w9 k3x2 s2 p1 nobias") for h in range(7, 12))
    judged = (each for case in cases for each in judge_case(target, case, settings))
    assert any(said in each.explanation for each in judged if not each.is_exact)


@pytest.mark.parametrize(("compiles", "kinds"), [(None, 4), ("shape", 1)])
def test_what_compiles_each_shape_is_asked_for_one_kind_of_other_options(
    compiles: str | None, kinds: int
) -> None:
    asked = set[str]()

    class Counted(Right):
        compiles_per = compiles

        def conv(self, x: Any, w: Any, b: Any, **options: Any) -> Any:
            asked.add(f"{x.shape} {options}")
            return super().conv(x, w, b, **options)

    target = as_target(Counted())
    asked.clear()  # the fixed case that precedes a run
    brief = Settings(seed=1, device="cpu", brief=True)
    judgements = judge_case(target, Case.parse(OPTIONS.replace("w5", "w9")), brief)
    assert judgements
    assert all(judgement.is_exact for judgement in judgements)
    assert len(asked) == 2 * kinds
