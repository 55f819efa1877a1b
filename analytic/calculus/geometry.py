"""The sizes of one two-dimensional convolution, validated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from analytic.calculus.axis import Axis, Pair

#: A number for both axes, or (rows, columns).
Size: TypeAlias = int | tuple[int, ...]


class GeometryError(ValueError):
    """A geometry that cannot be; the message is one line."""


@dataclass(frozen=True, init=False)
class Geometry:
    """All the sizes of one convolution.

    A size for both axes is a number or (rows, columns). Padding is a number, (rows, columns), or
    (top, bottom, left, right).

    Example:
        >>> Geometry((2, 3), (1, 2)).output
        (2, 2)
        >>> Geometry(5, 3, stride=2, padding=1).output
        (3, 3)
    """

    rows: Axis
    columns: Axis
    batch: int
    in_channels: int
    out_channels: int
    groups: int
    bias: bool

    def __init__(
        self,
        input: Size,
        kernel: Size,
        *,
        stride: Size = 1,
        padding: Size = 0,
        dilation: Size = 1,
        batch: int = 1,
        in_channels: int = 1,
        out_channels: int = 1,
        groups: int = 1,
        bias: bool = False,
    ) -> None:
        """Normalise and validate.

        Args:
            input: Height and width, 1 or more.
            kernel: Height and width, 1 or more.
            stride: 1 or more.
            padding: 0 or more.
            dilation: 1 or more.
            batch: Number of samples, 1 or more.
            in_channels: A multiple of groups.
            out_channels: A multiple of groups.
            groups: 1 or more.
            bias: Whether one number is added to each output channel.

        Raises:
            GeometryError: A size is out of its range, or the kernel does not fit.
        """
        height, width = _pair("input", input, least=1)
        kernel_height, kernel_width = _pair("kernel", kernel, least=1)
        strides = _pair("stride", stride, least=1)
        dilations = _pair("dilation", dilation, least=1)
        top, bottom, left, right = _sides(padding)
        for name, value in (
            ("batch", batch),
            ("in_channels", in_channels),
            ("out_channels", out_channels),
            ("groups", groups),
        ):
            _whole(name, value, least=1)
        for name, value in (("in_channels", in_channels), ("out_channels", out_channels)):
            if value % groups:
                raise GeometryError(
                    f"{name} must be a multiple of groups: {name} is {value} and groups is {groups}"
                )
        rows = Axis(height, kernel_height, strides[0], top, bottom, dilations[0])
        columns = Axis(width, kernel_width, strides[1], left, right, dilations[1])
        _fits("rows", rows)
        _fits("columns", columns)
        fields: dict[str, object] = {
            "rows": rows,
            "columns": columns,
            "batch": batch,
            "in_channels": in_channels,
            "out_channels": out_channels,
            "groups": groups,
            "bias": bool(bias),
        }
        for field, content in fields.items():
            object.__setattr__(self, field, content)

    @property
    def input(self) -> Pair:
        """Height and width of the input."""
        return self.rows.input, self.columns.input

    @property
    def kernel(self) -> Pair:
        """Height and width of the kernel."""
        return self.rows.kernel, self.columns.kernel

    @property
    def output(self) -> Pair:
        """Height and width of the output."""
        return self.rows.output, self.columns.output

    @property
    def stride(self) -> Pair:
        """Stride of the rows and of the columns."""
        return self.rows.stride, self.columns.stride

    @property
    def dilation(self) -> Pair:
        """Dilation of the rows and of the columns."""
        return self.rows.dilation, self.columns.dilation

    @property
    def padding(self) -> tuple[int, int, int, int]:
        """Zeros at the top, bottom, left and right."""
        return self.rows.before, self.rows.after, self.columns.before, self.columns.after

    @property
    def remainder(self) -> Pair:
        """Padded rows and columns at the end that the stride leaves to no output."""
        return self.rows.remainder, self.columns.remainder

    @property
    def group_inputs(self) -> int:
        """Input channels of one group: the channels of the kernel."""
        return self.in_channels // self.groups

    @property
    def group_outputs(self) -> int:
        """Output channels of one group."""
        return self.out_channels // self.groups

    def input_channel(self, out_channel: int, channel: int) -> int:
        """The input channel that an output channel reads through a channel of its kernel."""
        return out_channel // self.group_outputs * self.group_inputs + channel

    def participation(self, row: int, column: int) -> tuple[tuple[Pair, Pair], ...]:
        """The (output, tap) pairs in which a pixel of any one channel takes part.

        Example:
            >>> Geometry((2, 3), (1, 2)).participation(0, 1)
            (((0, 0), (0, 1)), ((0, 1), (0, 0)))
        """
        return tuple(
            ((i, j), (a, b))
            for i, a in self.rows.participation(row)
            for j, b in self.columns.participation(column)
        )


def _whole(name: str, value: object, *, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise GeometryError(f"{name} must be a whole number, {least} or more, not {value!r}")
    return value


def _pair(name: str, value: Size, *, least: int) -> Pair:
    if isinstance(value, tuple):
        if len(value) != 2:
            raise GeometryError(
                f"{name} must be one number or two (rows, columns), not {len(value)}: {value}"
            )
        rows, columns = value
        return _whole(name, rows, least=least), _whole(name, columns, least=least)
    both = _whole(name, value, least=least)
    return both, both


def _sides(value: Size) -> tuple[int, int, int, int]:
    if isinstance(value, tuple) and len(value) == 4:
        top, bottom, left, right = (_whole("padding", side, least=0) for side in value)
        return top, bottom, left, right
    if isinstance(value, tuple) and len(value) != 2:
        raise GeometryError(
            "padding must be one number, two (rows, columns) or four (top, bottom, left, right), "
            f"not {len(value)}: {value}"
        )
    vertical, horizontal = _pair("padding", value, least=0)
    return vertical, vertical, horizontal, horizontal


def _fits(name: str, axis: Axis) -> None:
    if axis.reach > axis.padded:
        raise GeometryError(
            f"the kernel must fit into the padded input, but its {name} reach over {axis.reach} "
            f"(kernel {axis.kernel}, dilation {axis.dilation}) and the padded input has "
            f"{axis.padded} (input {axis.input}, padding {axis.before} and {axis.after})"
        )
