"""The idx format of LeCun's MNIST page, in which Fashion-MNIST comes.

Two zero bytes, the element's type, the number of dimensions, each size as a big-endian
32-bit integer, then the elements, the last index running fastest. Often compressed by gzip.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

_GZIP = b"\x1f\x8b"
_UNSIGNED_BYTE = 0x08


def read_images(path: Path) -> UInt8[np.ndarray, "n h w"]:
    """Read a file of images; whether it is compressed is seen from its content.

    Returns:
        The pixels, 0..255, of shape (n, h, w), none of them 0. Writable.

    Raises:
        ValueError: when the file is truncated, damaged or no idx file of images; names it.
        OSError: when it cannot be read.
    """
    content = path.read_bytes()
    if path.suffix == ".gz" or content.startswith(_GZIP):
        try:
            content = gzip.decompress(content)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path} is truncated or damaged: {error}") from error
    if not content:
        raise ValueError(f"{path} is empty")
    magic, sizes = content[:4], content[4:16]
    if magic != bytes((0, 0, _UNSIGNED_BYTE, 3)) or len(sizes) < 12:
        raise ValueError(
            f"{path} is not an idx file of images: it begins with {content[:4].hex(' ')!r} "
            f"and has {len(content)} bytes, accepted are '00 00 08 03' and at least 16"
        )
    shape = tuple(int(size) for size in np.frombuffer(sizes, dtype=">u4"))
    if 0 in shape:
        raise ValueError(f"{path} holds no pixel: its shape is {shape}")
    if len(content) != 16 + math.prod(shape):
        raise ValueError(
            f"{path} should hold {shape[0]} images in {16 + math.prod(shape)} bytes, "
            f"but has {len(content)}"
        )
    # A copy: torch wants memory that it may write to.
    return np.frombuffer(content, dtype=np.uint8, offset=16).reshape(shape).copy()
