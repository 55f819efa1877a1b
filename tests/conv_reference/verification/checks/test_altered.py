"""Arguments that change between calls, in each mode and in each way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from judging import failures, judged
from torch import Tensor
from torch.nn.functional import conv2d
from torch.utils.weak import WeakIdKeyDictionary

SIZES = "float32 n2 c2 h4 w5 o3 k3x2 p1 s2"
CASE = f"updated_arguments {SIZES}"


def cached(when: Callable[[], bool], key: Callable[[Tensor], Any]) -> Callable[..., Tensor]:
    """A convolution that keeps its kernel by a key, in one mode."""
    kept: WeakIdKeyDictionary = WeakIdKeyDictionary()
    by_key: dict[Any, Tensor] = {}

    def convolve(input: Tensor, weight: Tensor, bias: Tensor | None, **options: Any) -> Tensor:
        K = weight
        if when():
            if weight not in kept:
                kept[weight] = weight  # and so no address is given twice
            K = by_key.setdefault(key(weight), weight.detach().clone())
        return conv2d(input, K, bias, **options)

    def function(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
    ) -> Tensor:
        return convolve(input, weight, bias, stride=stride, padding=padding)

    return function


def by_identity(K: Tensor) -> Any:
    return id(K), K.data_ptr()


def by_version(K: Tensor) -> Any:
    return id(K), K._version


def by_address_and_version(K: Tensor) -> Any:
    return K.data_ptr(), K._version


def autocast_alone() -> bool:
    return torch.is_autocast_enabled("cpu") and not torch.is_grad_enabled()


@pytest.mark.parametrize(
    ("when", "mode"),
    [
        (autocast_alone, "under autocast and torch."),
        (torch.is_inference_mode_enabled, "torch.inference_mode"),
    ],
)
def test_a_kernel_that_is_kept_in_one_mode_is_found(when: Callable[[], bool], mode: str) -> None:
    found = failures(cached(when, by_identity), CASE)
    assert mode in found["updated_arguments", "Y"]


@pytest.mark.parametrize("key", [by_version, by_address_and_version])
def test_a_version_that_is_not_counted_is_found(key: Callable[[Tensor], Any]) -> None:
    found = [j for j in judged(cached(lambda: True, key), CASE) if not j.is_exact]
    assert any("through .data should be seen" in j.explanation for j in found)


def test_a_kernel_over_the_same_memory_is_found() -> None:
    """Of a tensor that it has seen it looks at the numbers, of another one at the address."""
    seen: dict[int, tuple[Any, Tensor]] = {}

    def convolve(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        owner, K = seen.get(weight.data_ptr(), (None, weight))
        if owner is None or owner is weight:
            K = weight.detach().clone()
            seen[weight.data_ptr()] = weight, K
        return conv2d(input, K, bias)

    found = judged(convolve, "updated_arguments float32 n2 c2 h4 w5 o3 k3x2")
    wrong = [j.explanation for j in found if not j.is_exact]
    assert wrong[0].startswith("K in place of another tensor over the same memory should be seen")


def test_what_raises_in_a_mode_is_asked_in_another() -> None:
    def refuses(input: Tensor, weight: Tensor) -> Tensor:
        if torch.is_inference_mode_enabled() or torch.is_autocast_enabled("cpu"):
            raise RuntimeError("not here")
        return conv2d(input, weight)

    for check in ("updated_arguments", "memory"):
        judgements = judged(refuses, f"{check} float32 n2 c2 h4 w5 o3 k3x2 nobias")
        assert judgements
        assert all(j.is_exact for j in judgements)


def test_under_autocast_the_values_are_exact_there() -> None:
    assert not failures(conv2d, "updated_arguments float16 n4 c3 h7 w9 o4 k3 p1")
    assert not failures(conv2d, "updated_arguments float32 n4 c60 h7 w9 o4 k3 p1")
