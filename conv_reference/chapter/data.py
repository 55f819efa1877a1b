"""Fashion-MNIST's 60,000 training images, found on this machine or fetched.

Xiao, Rasul and Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
Learning Algorithms", 2017.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from conv_reference.chapter.idx import read_images

NAME = "train-images-idx3-ubyte"
SIDE = 28
URL = f"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/{NAME}.gz"
# Of the archive at that address, whose MD5 the data set's own page gives as
# 8d4fb7e6c68d591d4c3dfef9ec88bf0d. Debian's archive differs in its gzip header alone.
ARCHIVE = "sha256:3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
# Of the 60,000·28·28 pixels themselves, however they were compressed.
_PIXELS = "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012"

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
# Where Debian's package and torchvision's downloader leave the files.
USUAL = (DEBIAN, Path("data"), Path("~/data"), Path("~/datasets"))


@dataclass(frozen=True)
class Dataset:
    """Images, and where they come from."""

    path: Path  # the file that they were read from
    pixels: UInt8[np.ndarray, "n 28 28"]  # 0..255

    def images(self, count: int | None = None) -> Float[Tensor, "m 28 28"]:
        """The first images in float32, scaled to 0..1.

        Args:
            count: how many, 1..n; all by default.

        Raises:
            ValueError: when there are not so many.
        """
        available = len(self.pixels)
        if count is not None and not 1 <= count <= available:
            raise ValueError(f"--images must be from 1 to {available}, got {count}")
        return torch.from_numpy(self.pixels[:count]).to(torch.float32) / 255

    def is_fashion_mnist(self) -> bool:
        """Whether these are the 60,000 training images, to the last pixel."""
        return hashlib.sha256(self.pixels.tobytes()).hexdigest() == _PIXELS


def load(folder: Path | None = None) -> Dataset:
    """Read the training images.

    Args:
        folder: where the file lies, itself or as torchvision leaves it
            (``FashionMNIST/raw``); by default the usual places, then the data set's own
            address if pooch is installed and the machine is online.

    Raises:
        FileNotFoundError: when there is no such file, and none can be fetched.
        ValueError: when the file is truncated, damaged or another one.
        OSError: when it cannot be read.
    """
    path = _found_or_fetched() if folder is None else find(folder)
    if path is None:
        raise FileNotFoundError(
            f"no {NAME}[.gz] in {folder}, nor in its FashionMNIST/raw or raw"
            + ("" if folder is not None and folder.is_dir() else ": it is not a folder")
        )
    pixels = read_images(path)
    if pixels.shape[1:] != (SIDE, SIDE):
        height, width = pixels.shape[1:]
        raise ValueError(
            f"{path} holds {len(pixels)} images of {height}×{width}, accepted is {SIDE}×{SIDE}"
        )
    return Dataset(path, pixels)


def find(folder: Path) -> Path | None:
    """The file with the training images in a folder, or None."""
    return next((path for path in _candidates(folder) if path.is_file()), None)


def _candidates(folder: Path) -> Iterator[Path]:
    for place in (folder, folder / "FashionMNIST" / "raw", folder / "raw"):
        for suffix in ("", ".gz"):
            yield place / f"{NAME}{suffix}"


def _found_or_fetched() -> Path:
    # Not Path.expanduser, which raises where there is no home.
    found = (find(Path(os.path.expanduser(folder))) for folder in USUAL)  # noqa: PTH111 (as said above)
    return next((path for path in found if path is not None), None) or _fetch()


def _fetch() -> Path:
    """The file in pooch's cache, put there first if it is not."""
    try:
        import pooch
    except ImportError:
        raise FileNotFoundError(f"{_not_found()} or pip install pooch to have it fetched") from None
    try:
        path: str = pooch.retrieve(
            URL, known_hash=ARCHIVE, fname=f"{NAME}.gz", path=pooch.os_cache("conv-reference")
        )
    except (OSError, ValueError) as error:  # offline, or not the file with this checksum
        raise FileNotFoundError(
            f"{_not_found()}; {URL} cannot be fetched either: {_cause(error)}"
        ) from error
    return Path(path)


def _not_found() -> str:
    places = ", ".join(str(folder) for folder in USUAL)
    return (
        f"no {NAME}[.gz] in {places}: "
        "apt-get install dataset-fashion-mnist, or name its folder with --data DIR"
    )


def _cause(error: Exception) -> str:
    """One short line; a network library's message is long, and its cause stands last."""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words[:80]}{'...' if len(words) > 80 else ''}"
