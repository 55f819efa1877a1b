"""Runs of the certificate alone, on small geometries: the shortest that judge anything."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from conv_reference.verification import Report, verify

FLIPPED = "certificate float32 n1 c1 h1 w2 o1 k1x2 s1 p0 d1 g1 values=counting grad= nobias"
CERTIFICATE: dict[str, Any] = {
    "checks": ["certificate"],
    "dtypes": [torch.float32],
    "sweep": "small",
    "budget": 0.1,
}


def certified(implementation: Any, **options: Any) -> Report:
    """The certificate of some 80 small geometries in one dtype.

    Without oneDNN, which in torch 2.13 crashes on some of them (`docs/found`).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of settings for other devices
        with torch.backends.mkldnn.flags(enabled=False):
            return run(implementation, **options)


def run(implementation: Any, **options: Any) -> Report:
    return verify(implementation, **{"seed": 0, **CERTIFICATE, **options})
