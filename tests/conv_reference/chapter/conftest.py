"""A small data set in Fashion-MNIST's format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from conv_reference.chapter.data import DEBIAN, Dataset, load
from conv_reference.chapter.language import LANGUAGES
from conv_reference.chapter.page import Page, render
from conv_reference.chapter.parts import PARTS
from conv_reference.chapter.parts.material import Material, Part, Plan
from conv_reference.chapter.training import Settings
from conv_reference.verification import verify

Pixels = np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]


def idx(pixels: Pixels) -> bytes:
    header = b"\0\0\x08\x03" + b"".join(size.to_bytes(4, "big") for size in pixels.shape)
    return header + pixels.tobytes()


@pytest.fixture
def pixels() -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (256, 28, 28), dtype=np.uint8)


@pytest.fixture
def encode() -> Callable[[Pixels], bytes]:
    return idx


@pytest.fixture
def folder(tmp_path: Path, pixels: Pixels) -> Path:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(pixels))
    return tmp_path


# As little as shows everything; too little for numbers that mean something.
TINY = Plan(
    quick=True,
    filter_images=320,
    patient_epochs=5,
    literal_images=64,
    full_batch=8,
    full_batch_steps=40,
    minibatches={8: 320},
    spread_sizes=(3, 5),
    spread_draws=4,
    spread_images=8,
    run_sizes=(3,),
    run_images=128,
    sides=(8, 12),
)


@pytest.fixture(scope="session")
def fashion() -> Dataset:
    """The real images, of Debian's package dataset-fashion-mnist, which CI installs."""
    return load(DEBIAN)


@pytest.fixture(scope="session")
def tiny() -> Plan:
    """As little as shows everything."""
    return TINY


def put_few_cases(patch: pytest.MonkeyPatch) -> None:
    """Have a layer's own check put few cases, of small images: a layer of loops is slow."""
    few = partial(verify, where="h <= 4 and w <= 4")
    patch.setattr("conv_reference.chapter.own.check.verify", few)
    patch.setattr("conv_reference.chapter.own.check.BUDGET", 0.05)


@pytest.fixture(autouse=True)
def _few_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    put_few_cases(monkeypatch)


@pytest.fixture(scope="session")
def parts(fashion: Dataset) -> Mapping[str, Part]:
    """The parts of a page, of real images; the layer's own check is put few cases."""
    material = Material(torch.from_numpy(fashion.pixels[:640]), Settings(), TINY)
    with pytest.MonkeyPatch.context() as patch:
        put_few_cases(patch)
        return {name: part.compute(material) for name, part in PARTS.items()}


@pytest.fixture(scope="session")
def pages(parts: Mapping[str, Part]) -> dict[str, str]:
    """The whole page in each language, with a path too long for a line."""
    return {
        language: render(
            Page(
                language=language,
                options=("--data", "a-folder-with-a-rather-long-name/" * 4),
                images=640,
                quick=True,
                source="a-folder-with-a-rather-long-name/" * 4,
                genuine=False,
                minutes=0.1,
                versions="of the test",
                sections=parts,
            )
        )
        for language in LANGUAGES
    }
