"""ONNX Runtime on the CPU: a model of one Conv node for each choice of options; no gradients."""

from __future__ import annotations

from functools import cache
from typing import Any

import onnxruntime
from onnx import TensorProto, helper

from conv_reference.verification import Framework


class OnnxRuntime(Framework):
    """The session is made for the options, and takes any sizes."""

    name, version = "ONNX Runtime", onnxruntime.__version__
    dtypes = ("float32",)

    def conv(
        self, x: Any, w: Any, b: Any, *, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Any:
        """Y of one run."""
        (top, bottom), (left, right) = padding
        pads = (top, left, bottom, right)
        names = ("x", "w") if b is None else ("x", "w", "b")
        made = session(names, tuple(w.shape[2:]), tuple(stride), pads, tuple(dilation), groups)
        return made.run(None, dict(zip(names, (x, w, b), strict=False)))[0]


@cache
def session(
    names: Any, kernel: Any, stride: Any, pads: Any, dilation: Any, groups: int
) -> onnxruntime.InferenceSession:
    """A session of one convolution."""
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
    given = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, [None] * (1 if n == "b" else 4))
        for n in names
    ]
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * 4)
    graph = helper.make_graph([node], "conv", given, [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
    )
