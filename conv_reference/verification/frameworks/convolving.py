"""A framework's convolution as a function of torch tensors, under torch's own signature."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from torch import Tensor

from conv_reference.verification.frameworks.contract import Framework
from conv_reference.verification.frameworks.lifting import Node, lift

_MOST_HELD = 64  # functions of one choice of options: each holds what was compiled of it
Sides = tuple[tuple[int, int], tuple[int, int]]


class Convolution:
    """The framework's ``conv`` under settled options, as a function of its arrays.

    Args:
        framework: whose.
        has_bias: whether a third array is given.
        options: stride, padding, dilation and groups.
    """

    def __init__(self, framework: Framework, has_bias: bool, options: dict[str, Any]) -> None:
        self.framework, self.has_bias, self.options = framework, has_bias, options
        self.__name__ = "conv"  # compilers ask for it
        self.words = f"conv {has_bias} {sorted(options.items())}"  # as `Made` has them

    def __call__(self, x: Any, w: Any, b: Any = None) -> tuple[Any]:
        """Y, as the only answer."""
        return (self.framework.conv(x, w, b, **self.options),)


def function_of(framework: Framework) -> Callable[..., Any]:
    """The framework's convolution under the signature of ``torch.nn.functional.conv2d``.

    Its padding may be ((top, bottom), (left, right)), too.
    """
    held: OrderedDict[Any, Node] = OrderedDict()

    def node(has_bias: bool, stride: Any, padding: Sides, dilation: Any, groups: int) -> Node:
        key = has_bias, stride, padding, dilation, groups
        if key in held:
            held.move_to_end(key)
            return held[key]
        options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        held[key] = Node(framework, Convolution(framework, has_bias, options))
        if len(held) > _MOST_HELD:
            held.popitem(last=False)
        return held[key]

    def conv2d(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = (1, 1),
        padding: Any = (0, 0),
        dilation: Any = (1, 1),
        groups: int = 1,
    ) -> Any:
        dtype = str(input.dtype).removeprefix("torch.")
        if dtype not in framework.dtypes:
            raise NotImplementedError(f"{dtype} is not offered")
        sides = _sides(padding)
        function = node(bias is not None, _pair(stride), sides, _pair(dilation), groups)
        return lift(function, *((input, weight) if bias is None else (input, weight, bias)))

    return conv2d


def _pair(value: Any) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    first, second = value
    return int(first), int(second)


def _sides(padding: Any) -> Sides:
    height, width = (padding, padding) if isinstance(padding, int) else padding
    return _pair(height), _pair(width)
