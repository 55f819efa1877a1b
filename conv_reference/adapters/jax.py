"""JAX: ``lax.conv_general_dilated`` with its vjp, jvp, vmap and jit."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import jax
import jaxlib
import numpy as np
from jax import lax
from jax.experimental import serialize_executable

from conv_reference.verification import Framework
from conv_reference.verification.frameworks import lifting
from conv_reference.verification.frameworks.programs import Kept, Programs, processor, state_of

jax.config.update("jax_enable_x64", True)  # float64 is float32 otherwise, silently


class Compiler:
    """Ahead of time, and pickled: only what this user wrote is unpickled, see ``Programs``."""

    def compiled(self, function: Any, arrays: Any) -> Any:
        """See ``jax.stages``."""
        return jax.jit(function).lower(*arrays).compile()

    def packed(self, program: Any) -> bytes:
        """See ``jax.experimental.serialize_executable``."""
        return pickle.dumps(serialize_executable.serialize(program))

    def unpacked(self, data: bytes) -> Any:
        """And back."""
        return serialize_executable.deserialize_and_load(*pickle.loads(data))


class Jax(Framework):
    """Compiled by XLA, for each shape anew."""

    name, version = "JAX", jax.__version__
    compiles_per = "shape"
    numbers = ("NCHW", "OIHW", "NCHW")  # the order of dimensions of X, K and Y

    def __init__(self) -> None:
        self._programs = self._kept()
        if self.cache is not None and self._programs is None:
            jax.config.update("jax_compilation_cache_dir", str(self.cache))
            jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
            jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)

    def _kept(self) -> Programs | None:
        """The programs of earlier runs, which JAX need not trace again to find.

        Of what else a class defined elsewhere calls nothing is known here: it has JAX's own cache.
        """
        if self.cache is None or type(self).__module__ != __name__:
            return None
        engine = Path(lifting.__file__).parent
        files = map(Path, (jax.__path__[0], jaxlib.__path__[0], engine, __file__))
        settings = {k: v for k, v in os.environ.items() if k.startswith(("XLA_", "JAX_", "TF_"))}
        told = (type(self).__name__, processor(), state_of(files), settings, jax.config.values)
        return Programs(self.cache / "programs", repr(told))

    def conv(
        self, x: Any, w: Any, b: Any, *, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Any:
        """Y in the class's order of dimensions, and back."""
        of_x, of_w, of_y = self.numbers
        x = x.transpose(["NCHW".index(letter) for letter in of_x])
        w = w.transpose(["OIHW".index(letter) for letter in of_w])
        y = lax.conv_general_dilated(
            x,
            w,
            stride,
            padding,
            rhs_dilation=dilation,
            dimension_numbers=self.numbers,
            feature_group_count=groups,
        )
        y = y.transpose([of_y.index(letter) for letter in "NCHW"])
        return y if b is None else y + b[:, None, None]

    def from_dlpack(self, tensor: Any) -> Any:
        """A copy, which XLA may keep: what is compiled takes numpy's array as it is."""
        return super().from_dlpack(tensor.clone())

    def back(self, array: Any) -> Any:
        """By numpy, which reads JAX's memory as it is: DLPack takes four times as long."""
        return super().back(np.asarray(array))

    def vjp(self, f: Any, primals: Any, cotangents: Any) -> Any:
        """See ``jax.vjp``."""
        return jax.vjp(f, *primals)[1](tuple(cotangents))

    def jvp(self, f: Any, primals: Any, tangents: Any) -> Any:
        """See ``jax.jvp``."""
        return jax.jvp(f, tuple(primals), tuple(tangents))[1]

    def vmap(self, f: Any, in_dims: Any) -> Any:
        """See ``jax.vmap``."""
        return jax.vmap(f, in_dims)

    def jit(self, f: Any) -> Any:
        """See ``jax.jit``."""
        return jax.jit(f) if self._programs is None else Kept(f, Compiler(), self._programs)


class Nhwc(Jax):
    """The same with the channels last."""

    version = f"{jax.__version__}, channels last"
    numbers = ("NHWC", "HWIO", "NHWC")


class Eager(Jax):
    """The same without jit: each operation is a program, in JAX's own cache."""

    version = f"{jax.__version__}, not compiled"

    def _kept(self) -> None:
        """None: there are no whole programs."""

    def from_dlpack(self, tensor: Any) -> Any:
        """JAX's array."""
        return jax.device_put(super().from_dlpack(tensor))

    def jit(self, f: Any) -> Any:
        """As it is."""
        return f
