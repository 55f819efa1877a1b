from __future__ import annotations

import os
import random
from typing import Any

import careless
import pytest
import torch
from judging import exact_everywhere, failures

from conv_reference import functional

SIZES = "float32 n2 c2 h4 w5 o3 k3x2"


@pytest.mark.parametrize(
    "implementation", [torch.nn.functional.conv2d, torch.nn.Conv2d, functional.conv2d]
)
@pytest.mark.parametrize("check", ["threads", "global_state"])
def test_no_false_alarm(implementation: Any, check: str) -> None:
    assert exact_everywhere(implementation, check, count=2) > 0


def test_threads_that_share_a_scratch_are_found() -> None:
    found = failures(careless.static_scratch, f"threads {SIZES}")

    assert found["threads", "Y"].startswith("two threads at once should agree with one: ")


def test_a_kernel_gradient_that_threads_share_is_found() -> None:
    """Of -X and -G it would be the same."""
    assert ("threads", "dK") in failures(careless.static_kernel_gradient, f"threads {SIZES}")


def test_pythons_random_state_is_the_callers() -> None:
    """Type checkers draw from it; the check's own seeds may not stay."""
    after = []
    for seed in (7, 8):
        random.seed(seed)
        failures(torch.nn.functional.conv2d, f"global_state {SIZES}")
        after.append(random.getstate())
    assert after[0] != after[1]


def test_a_lock_is_right() -> None:
    assert not failures(careless.locked, f"threads {SIZES}")


def test_an_error_in_a_thread_is_the_targets() -> None:
    class OnceOnly:
        calls = 0

        def __call__(self, *args: Any) -> torch.Tensor:
            self.calls += 1
            Y = torch.nn.functional.conv2d(*args)
            if self.calls > 2:
                raise RuntimeError("two calls, no more")
            return Y

    found = failures(OnceOnly(), f"threads {SIZES}")

    assert list(found) == [("threads", "Y")]
    said = (
        "in two threads at once: raised RuntimeError: two calls, no more (at test_surroundings.py:"
    )
    assert found["threads", "Y"].startswith(said)


@pytest.mark.parametrize(
    ("implementation", "state"),
    [
        (careless.reseeds_python, "Python's random state"),
        (careless.default_dtype, "default dtype"),
        (careless.without_gradients, "gradient mode"),
    ],
)
def test_a_changed_state_is_found_and_restored(implementation: Any, state: str) -> None:
    dtype, enabled = torch.get_default_dtype(), torch.is_grad_enabled()

    assert list(failures(implementation, f"global_state {SIZES}")) == [("global_state", state)]
    assert (torch.get_default_dtype(), torch.is_grad_enabled()) == (dtype, enabled)


def test_every_mode_that_a_call_sets_is_restored() -> None:
    found = failures(careless.deterministic_ever_after, f"global_state {SIZES}")

    names = {"deterministic algorithms", "float32 precision", "anomaly mode"}
    assert {quantity for _, quantity in found} == names
    assert not torch.are_deterministic_algorithms_enabled()
    assert not torch.is_anomaly_enabled()
    assert torch.get_float32_matmul_precision() == "highest"


def test_settings_of_the_process_are_restored() -> None:
    folder = os.getcwd()  # noqa: PTH109 (what the engine asks)
    found = failures(careless.rearranges_the_process, f"global_state {SIZES}")

    names = {"flushing of subnormals", "oneDNN", "working directory"}
    assert {quantity for _, quantity in found} == names
    assert os.getcwd() == folder  # noqa: PTH109 (as above)
    assert torch._C._get_mkldnn_enabled()
    assert torch.tensor(1e-45) * 1 > 0


@pytest.mark.parametrize("check", ["global_state", "certificate", "jvp"])
def test_a_default_device_is_told_of_the_call_that_set_it(check: str) -> None:
    found = failures(careless.default_device, f"{check} {SIZES}")

    said = "torch's default device was set to meta"
    assert set(found.values()) == {said}
    assert torch.get_default_device() == torch.device("cpu")


def test_drawing_random_numbers_is_harmless() -> None:
    assert not failures(careless.draws, f"global_state {SIZES}")


class OneWorkspace:
    """Unfolds into memory that all its calls share: right wherever no two are at work at once."""

    def __init__(self) -> None:
        self.space: dict[torch.dtype, torch.Tensor] = {}

    def __call__(self, input: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        patches = torch.nn.functional.unfold(input, weight.shape[2:])
        if not torch.is_grad_enabled() or not (input.requires_grad or weight.requires_grad):
            held = self.space.get(patches.dtype)
            if held is None or held.numel() < patches.numel():
                held = self.space[patches.dtype] = torch.empty_like(patches).flatten()
            patches = held[: patches.numel()].copy_(patches.flatten()).view(patches.shape)
        Y = weight.flatten(1) @ patches
        height = input.shape[2] - weight.shape[2] + 1
        return Y.reshape(len(input), len(weight), height, -1)


def test_a_workspace_is_found_on_images_that_two_threads_are_at_work_on_at_once() -> None:
    case = "threads float32 n2 c4 h6 w7 o4 k3 nobias grad="
    assert any(("threads", "Y") in failures(OneWorkspace(), case, seed) for seed in range(60))


def test_a_workspace_of_calls_without_gradients_is_found() -> None:
    class WithoutGradients(OneWorkspace):
        def __call__(self, input: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
            if torch.is_grad_enabled():
                return torch.nn.functional.conv2d(input, weight)
            return super().__call__(input, weight)

    case = "threads float32 n2 c4 h6 w7 o4 k3 nobias"
    # On a machine that has much else to do two threads seldom meet.
    said = (failures(WithoutGradients(), case, n).get(("threads", "Y"), "") for n in range(60))
    assert any(text.startswith("two threads at once under torch.no_grad should") for text in said)
