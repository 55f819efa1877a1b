"""Keras 3: ``keras.ops.conv`` on the backend that KERAS_BACKEND names, with its transforms."""

from __future__ import annotations

import importlib
from typing import Any

import keras
import torch

from conv_reference.verification import Framework

BACKEND = keras.config.backend()


class OnTorch(Framework):
    """What torch has of transforms, for Keras on torch."""

    name, version = "torch", torch.__version__
    refusals = (
        (RuntimeError, "NYI: "),  # what torch's vmap does not know of channels_last
        # Where the judge, too, is in torch's forward mode.
        (RuntimeError, "Nested forward mode AD is not supported"),
    )

    def from_dlpack(self, tensor: Any) -> Any:
        """A copy."""
        return tensor.clone()

    def vjp(self, f: Any, primals: Any, cotangents: Any) -> Any:
        """See ``torch.func.vjp``."""
        return torch.func.vjp(f, *primals)[1](tuple(cotangents))

    def jvp(self, f: Any, primals: Any, tangents: Any) -> Any:
        """See ``torch.func.jvp``."""
        return torch.func.jvp(f, tuple(primals), tuple(tangents))[1]

    def vmap(self, f: Any, in_dims: Any) -> Any:
        """See ``torch.vmap``."""
        return torch.vmap(f, in_dims)


def _backend() -> Any:
    """The adapter that has the backend's arrays and transforms; Keras itself has none."""
    named = {"jax": "Jax", "tensorflow": "TensorFlowXla"}
    if BACKEND in named:
        return getattr(
            importlib.import_module(f"conv_reference.adapters.{BACKEND}"), named[BACKEND]
        )
    return OnTorch if BACKEND == "torch" else Framework


_Backend: Any = _backend()


class Keras(_Backend):  # type: ignore[misc]  # it is chosen when Keras is
    """Channels last, as Keras has them; the padding, of which it has but two kinds, by itself."""

    name, version = f"Keras {keras.__version__} on", f"{BACKEND} {_Backend.version}".strip()
    options = ("bias", "stride", "padding", "dilation", "groups")
    refusals = (*_Backend.refusals, (ValueError, "not supported in conjunction with"))
    data_format = "channels_last"

    def conv(
        self, x: Any, w: Any, b: Any, *, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Any:
        """Y; of the groups Keras learns from the kernel."""
        del groups
        last = self.data_format == "channels_last"
        x = keras.ops.pad(x, [[0, 0], [0, 0], *map(list, padding)])
        x = keras.ops.transpose(x, (0, 2, 3, 1)) if last else x
        w = keras.ops.transpose(w, (2, 3, 1, 0))
        y = keras.ops.conv(x, w, stride, "valid", self.data_format, dilation)
        y = keras.ops.transpose(y, (0, 3, 1, 2)) if last else y
        return y if b is None else y + keras.ops.reshape(b, (-1, 1, 1))


class ChannelsFirst(Keras):
    """The same with the channels first."""

    version = f"{Keras.version}, channels first"
    data_format = "channels_first"
