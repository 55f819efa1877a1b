"""Fashion-MNIST's 60,000 training images, found on this machine or fetched.

Xiao, Rasul and Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
Learning Algorithms", 2017. The files are in the idx format of LeCun's MNIST page: two zero
bytes, the element's type, the number of dimensions, each size as a big-endian 32-bit
integer, then the elements.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

NAME = "train-images-idx3-ubyte"
_SIDE = 28
_UNSIGNED_BYTE = 0x08
_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
_CHECKSUM = "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d"  # as the data set's own page gives it

# Where the Debian package and torchvision's downloader leave the files.
_DEBIAN = Path("/usr/share/datasets/fashion-mnist")
_USUAL = (_DEBIAN, Path("data"), Path("~/data"), Path("~/datasets"))


def load_images(folder: Path | None = None) -> Float[Tensor, "n 28 28"]:
    """The training images in float32, scaled to 0..1.

    Args:
        folder: where the file lies, itself or as torchvision leaves it
            (``FashionMNIST/raw``); by default the usual places, then the data set's own
            address if pooch is installed and the machine is online.

    Raises:
        FileNotFoundError: when there is no such file, and none can be fetched.
        ValueError: when the file is truncated, damaged or another one.
    """
    path = _fetched() if folder is None else find(folder)
    if path is None:
        raise FileNotFoundError(f"no {NAME}[.gz] in {folder} or its FashionMNIST/raw")
    images = read_images(path)
    return torch.from_numpy(images).to(torch.float32) / 255


def find(folder: Path) -> Path | None:
    """The file with the training images in a folder, or None."""
    return next((path for path in _candidates(folder) if path.is_file()), None)


def read_images(path: Path) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    """Read an idx file of 28×28 images, compressed when its name ends in ``.gz``.

    Returns:
        The pixels, 0..255, of shape (n, 28, 28).

    Raises:
        ValueError: when the file is truncated, damaged or holds something else.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is truncated or damaged: {error}") from error
    magic, header = content[:4], content[4:16]
    if len(header) < 12 or magic != bytes((0, 0, _UNSIGNED_BYTE, 3)):
        raise ValueError(
            f"{path} is not an idx file of images: it begins with {magic.hex(' ')!r}, "
            "accepted is '00 00 08 03'"
        )
    count, height, width = (int(size) for size in np.frombuffer(header, dtype=">u4"))
    if (height, width) != (_SIDE, _SIDE) or count < 1:
        raise ValueError(f"{path} holds {count} images of {height}×{width}, accepted is 28×28")
    if len(content) != 16 + count * height * width:
        raise ValueError(
            f"{path} should hold {count} images in {16 + count * height * width} bytes, "
            f"but has {len(content)}"
        )
    # A copy: torch wants memory that it may write to.
    return np.frombuffer(content, dtype=np.uint8, offset=16).reshape(count, height, width).copy()


def _candidates(folder: Path) -> Iterator[Path]:
    for place in (folder, folder / "FashionMNIST" / "raw", folder / "raw"):
        for suffix in ("", ".gz"):
            yield place / f"{NAME}{suffix}"


def _fetched() -> Path:
    found = (find(folder.expanduser()) for folder in _USUAL)
    return next((path for path in found if path is not None), None) or _download()


def _download() -> Path:
    try:
        import pooch
    except ImportError:
        raise FileNotFoundError(f"{_not_found()}, and pooch is not installed to fetch it") from None
    try:
        path: str = pooch.retrieve(
            _URL + f"{NAME}.gz",
            known_hash=_CHECKSUM,
            fname=f"{NAME}.gz",
            path=pooch.os_cache("conv-reference"),
            progressbar=False,
        )
    except (OSError, ValueError) as error:  # offline, or not the file with this checksum
        cause = " ".join(str(error).split())[:100]
        raise FileNotFoundError(f"{_not_found()}, and it cannot be fetched: {cause}") from error
    return Path(path)


def _not_found() -> str:
    places = ", ".join(str(folder) for folder in _USUAL)
    return (
        f"no {NAME}[.gz] in {places} (name its folder with --data, "
        "or install Debian's package dataset-fashion-mnist)"
    )
