from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from conv_reference.chapter import data
from conv_reference.chapter.data import NAME, find, load
from conv_reference.chapter.idx import read_images


def test_images_are_read_and_scaled(folder: Path, pixels: Any) -> None:
    assert np.array_equal(read_images(folder / NAME), pixels)
    dataset = load(folder)
    assert dataset.path == folder / NAME
    assert dataset.images().dtype == torch.float32
    assert torch.equal(dataset.images(), torch.from_numpy(pixels).float() / 255)
    assert torch.equal(dataset.images(3), dataset.images()[:3])
    assert not dataset.is_fashion_mnist()


@pytest.mark.parametrize("count", [0, 257, -1])
def test_more_images_than_there_are_is_refused(folder: Path, count: int) -> None:
    with pytest.raises(ValueError, match=f"^--images must be from 1 to 256, got {count}$"):
        load(folder).images(count)


def test_debians_file_is_fashion_mnist_to_the_last_pixel() -> None:
    dataset = load(data.DEBIAN)
    assert len(dataset.pixels) == 60_000
    assert dataset.is_fashion_mnist()


@pytest.mark.parametrize("place", [".", "FashionMNIST/raw", "raw"])
@pytest.mark.parametrize("compressed", [True, False])
def test_a_folder_is_searched_as_debian_and_torchvision_leave_it(
    tmp_path: Path, pixels: Any, encode: Callable[[Any], bytes], place: str, compressed: bool
) -> None:
    path = tmp_path / place / (f"{NAME}.gz" if compressed else NAME)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(encode(pixels)) if compressed else encode(pixels))

    assert find(tmp_path) == path
    assert load(tmp_path).pixels.shape == pixels.shape


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=f"^no {NAME}.* in .*, nor in its FashionMNIST/raw or raw$"
    ):
        load(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content[:-1], "should hold 256 images in 200720 bytes, but has 200719"),
        (lambda content: content + b"\0", "should hold 256 images in 200720 bytes, but has 200721"),
        (lambda content: content[:10], "is not an idx file of images"),
        (lambda content: b"", "is empty"),
        (lambda content: b"\0\0\x08\x01" + content[4:], "begins with '00 00 08 01' and"),
        (
            lambda content: content[:8] + b"\0\0\0\x0e\0\0\0\x38" + content[16:],
            "256 images of 14×56, accepted is 28×28",
        ),
        (
            lambda content: content[:4] + b"\0" * 4 + content[8:],
            "holds no pixel: its shape is .0, 28, 28.",
        ),
    ],
    ids=["truncated", "longer", "header only", "empty", "labels", "another size", "no image"],
)
def test_a_foreign_or_truncated_file_is_refused(
    folder: Path, change: Callable[[bytes], bytes], message: str
) -> None:
    path = folder / NAME
    path.write_bytes(change(path.read_bytes()))

    with pytest.raises(ValueError, match=message) as caught:
        load(folder)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("keep", [0.5, 0.001])
def test_a_truncated_archive_is_refused(
    tmp_path: Path, pixels: Any, encode: Any, keep: float
) -> None:
    whole = gzip.compress(encode(pixels))
    (tmp_path / f"{NAME}.gz").write_bytes(whole[: int(len(whole) * keep)])

    with pytest.raises(ValueError, match="is truncated or damaged"):
        load(tmp_path)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.gz").write_bytes(b"<html>not found</html>")
    with pytest.raises(ValueError, match="is truncated or damaged"):
        load(tmp_path)


def test_the_file_is_fetched_with_its_checksum_when_nothing_is_found(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    asked: dict[str, Any] = {}

    def retrieve(url: str, known_hash: str, **options: Any) -> str:
        asked.update(url=url, known_hash=known_hash)
        return str(folder / NAME)

    monkeypatch.setattr(data, "USUAL", ())
    monkeypatch.setattr("pooch.retrieve", retrieve)

    assert load().pixels.shape == (256, 28, 28)
    assert asked["url"].endswith(f"/{NAME}.gz")
    assert asked["known_hash"].startswith("sha256:")


@pytest.mark.parametrize("error", [ConnectionError("no\nroute"), ValueError("wrong hash")])
def test_offline_says_in_one_line_what_to_do(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def retrieve(*arguments: Any, **options: Any) -> str:
        raise error

    monkeypatch.setattr(data, "USUAL", ())
    monkeypatch.setattr("pooch.retrieve", retrieve)
    with pytest.raises(
        FileNotFoundError, match="dataset-fashion-mnist.*--data.*cannot be fetched either"
    ) as caught:
        load()
    assert "\n" not in str(caught.value)


def test_without_pooch_the_message_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "USUAL", ())
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(FileNotFoundError, match="pip install .* to have it fetched"):
        load()
