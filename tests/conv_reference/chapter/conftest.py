"""A small data set in Fashion-MNIST's format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

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
