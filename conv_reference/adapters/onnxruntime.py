"""ONNX Runtime on the CPU: a model of one Conv node for each choice of options; no gradients."""

from __future__ import annotations

from functools import cache
from typing import Any

import onnxruntime
from onnx import helper

from conv_reference.verification import Framework


class OnnxRuntime(Framework):
    """The session is made for the options, and takes any sizes."""

    name, version = "ONNX Runtime", onnxruntime.__version__
    dtypes = ("float32", "float16")

    def conv(
        self, x: Any, w: Any, b: Any, *, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Any:
        """Y of one run."""
        (top, bottom), (left, right) = padding
        pads = (top, left, bottom, right)
        names = ("x", "w") if b is None else ("x", "w", "b")
        kernel = tuple(w.shape[2:])
        made = session(x.dtype, names, kernel, tuple(stride), pads, tuple(dilation), groups)
        return made.run(None, dict(zip(names, (x, w, b), strict=False)))[0]


@cache
def session(
    dtype: Any, names: Any, kernel: Any, stride: Any, pads: Any, dilation: Any, groups: int
) -> onnxruntime.InferenceSession:
    """A session of one convolution; float16 the runtime computes in float32, and rounds."""
    kind = helper.np_dtype_to_tensor_dtype(dtype)
    node = helper.make_node(
        "Conv",
        list(names),
        ["y"],
        kernel_shape=kernel,
        strides=stride,
        pads=pads,
        dilations=dilation,
        group=groups,
    )
    given = [helper.make_tensor_value_info(n, kind, [None] * (1 if n == "b" else 4)) for n in names]
    y = helper.make_tensor_value_info("y", kind, [None] * 4)
    graph = helper.make_graph([node], "conv", given, [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
    )
