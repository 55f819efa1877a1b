"""What a device beside the processor needs, as far as it shows without one."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Iterator
from contextlib import closing
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
import torch

from conv_reference.verification import accelerator
from conv_reference.verification.model.judgement import Crash
from conv_reference.verification.work.children import Children
from conv_reference.verification.work.launching import Setup
from conv_reference.verification.work.processes import Spawning


def test_the_settings_of_cudnn_are_changed_within_the_block_alone() -> None:
    before = accelerator.cudnn()

    with accelerator.cudnn_set({"benchmark": True, "allow_tf32": False}):
        assert accelerator.cudnn() == (before[0], True, before[2], False)

    assert accelerator.cudnn() == before


@pytest.fixture
def products() -> Iterator[accelerator.Float32Products]:
    """The precision of products, which is put back."""
    begun = accelerator.float32_products()
    yield begun
    accelerator.set_float32_products(begun)
    assert accelerator.float32_products() == begun


@pytest.mark.parametrize("word", ["highest", "medium"])
@pytest.mark.parametrize(
    "apart",
    [{"": "tf32"}, {"cuda.matmul": "tf32", "mkldnn.matmul": "ieee"}, {"cudnn.conv": "ieee"}, {}],
    ids=["of all", "of matrices", "of convolutions", "of none"],
)
def test_precisions_of_products_are_put_back_whichever_way_they_were_set(
    products: accelerator.Float32Products, word: str, apart: dict[str, str]
) -> None:
    torch.set_float32_matmul_precision(word)
    before = accelerator.float32_products()
    assert str(before) == word
    for name, precision in apart.items():
        library: Any = attrgetter(name)(torch.backends) if name else torch.backends
        library.fp32_precision = precision
    after = accelerator.float32_products()
    assert (after == before) == (not apart)

    for each in (before, after, products, after):
        accelerator.set_float32_products(each)
        assert accelerator.float32_products() == each


def test_precisions_that_torch_has_no_word_for_are_told_by_library() -> None:
    apart = ("tf32", "tf32", "none", "ieee", *["none"] * 5)
    told = str(accelerator.Float32Products("", apart))
    assert told == "all tf32, cuda.matmul tf32, cudnn.conv ieee"


def test_without_a_device_nothing_is_waited_for_and_none_is_lost() -> None:
    accelerator.wait()

    assert accelerator.lost() == ""


@pytest.mark.parametrize(("times", "said"), [(1, ""), (9, "CUDA error: an illegal address")])
def test_an_error_that_stays_is_a_lost_device(
    monkeypatch: pytest.MonkeyPatch, times: int, said: str
) -> None:
    left = iter(range(times))

    def wait() -> None:
        if next(left, None) is not None:
            raise RuntimeError("CUDA error: an illegal address\nCompile with TORCH_USE_CUDA_DSA")

    monkeypatch.setattr(accelerator, "wait", wait)

    assert accelerator.lost() == said


def test_ten_bits_are_possible_on_a_gpu_in_float32_where_they_are_allowed() -> None:
    gpu = torch.device("cuda")

    with accelerator.cudnn_set({"allow_tf32": True}):
        assert accelerator.may_use_tf32(gpu, torch.float32)
        assert not accelerator.may_use_tf32(gpu, torch.float64)
        assert not accelerator.may_use_tf32(torch.device("cpu"), torch.float32)
    with accelerator.cudnn_set({"allow_tf32": False}):
        assert not accelerator.may_use_tf32(gpu, torch.float32)


def doubled(_: Any, item: int, __: Any) -> int:
    """Twice the item; with 3 the device is lost."""
    if item == 3:
        accelerator.lost = lambda: "CUDA error: an illegal address"
    return 2 * item


@pytest.mark.slow
def test_a_lost_device_ends_the_child_as_a_crash_and_the_others_stand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).parent)])

    with closing(Children("torch.nn.functional:conv2d", 1, setup=Setup(forks=False))) as children:
        found = dict(children.run(_here(), [1, 2, 3, 4], None))
        assert isinstance(children._launcher.processes(), Spawning)

    crash = found.pop(2)
    assert isinstance(crash, Crash)
    assert (crash.how, crash.said) == ("lost its device", "CUDA error: an illegal address")
    assert found == {0: 2, 1: 4, 3: 8}


def _here() -> Any:
    """The function under a name by which a child can import it."""
    return importlib.import_module("test_accelerator").doubled


def test_freed_blocks_are_full_of_nan() -> None:
    seen = []

    def full(shape: tuple[int, ...], value: float, **_: Any) -> str:
        seen.append((shape, math.isnan(value)))
        return ""

    accelerator_full, torch.full = torch.full, full  # type: ignore[assignment]  # told by this alone
    try:
        accelerator.soil([(2, 3)], torch.float32, torch.device("cpu"), blocks=2)
    finally:
        torch.full = accelerator_full

    assert seen == [((2, 3), True)] * 2
