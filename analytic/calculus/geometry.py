"""The sizes of one two-dimensional convolution, validated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from analytic.calculus.axis import Axis, Pair

#: A number for both axes, or (rows, columns).
Size: TypeAlias = int | tuple[int, ...]
#: A number, (rows, columns), or either of these two as (top, bottom) and (left, right).
#: Or a word, as torch has it: "same" (the output has the input's size), "valid" (none).
PaddingLike: TypeAlias = int | tuple[int | Pair, ...] | Literal["same", "valid"]


class GeometryError(ValueError):
    """A geometry that cannot be; the message is one line."""


@dataclass(frozen=True, init=False)
class Geometry:
    """All the sizes of one convolution.

    A size for both axes is a number or (rows, columns). Padding is a number, (rows, columns), or
    ((top, bottom), (left, right)).

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
        padding: PaddingLike = 0,
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
            padding: 0 or more; or "valid"; or "same" (stride 1 only; an odd zero goes to the
                bottom and to the right, as in torch). (top, bottom, left, right) is taken, too.
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
        kernel_size = _pair("kernel", kernel, least=1)
        strides = _pair("stride", stride, least=1)
        dilations = _pair("dilation", dilation, least=1)
        given = _padding_of_word(padding, kernel_size, strides, dilations)
        top, bottom, left, right = _sides(given)
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
                    f"{name} must be a multiple of groups, got {name}={value} and groups={groups}"
                )
        rows = Axis(height, kernel_size[0], strides[0], top, bottom, dilations[0])
        columns = Axis(width, kernel_size[1], strides[1], left, right, dilations[1])
        _fits("height", rows)
        _fits("width", columns)
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
    def padding(self) -> tuple[Pair, Pair]:
        """Zeros at the (top, bottom) and on the (left, right)."""
        return (self.rows.before, self.rows.after), (self.columns.before, self.columns.after)

    @property
    def sides(self) -> tuple[int, int, int, int]:
        """Zeros at the top, bottom, left and right, one after the other."""
        return (*self.padding[0], *self.padding[1])

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


def _whole(name: str, value: object, *, least: int, shown: object = None) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise GeometryError(f"{name} must be an integer, got {value!r}")
    if value < least:
        raise GeometryError(
            f"{name} must be at least {least}, got {value if shown is None else shown}"
        )
    return value


def _pair(name: str, value: object, *, least: int, shown: object = None) -> Pair:
    if isinstance(value, tuple):
        if len(value) != 2:
            raise GeometryError(f"{name} must be an integer or a pair of integers, got {value!r}")
        shown = value if shown is None else shown
        rows, columns = (_whole(name, size, least=least, shown=shown) for size in value)
        return rows, columns
    both = _whole(name, value, least=least, shown=shown)
    return both, both


def _padding_of_word(given: object, kernel: Pair, stride: Pair, dilation: Pair) -> object:
    """The numbers that a word stands for; what is no word stays as it is."""
    if not isinstance(given, str):
        return given
    if given == "valid":
        return 0
    if given != "same":
        raise GeometryError(f"padding must be integers, 'same' or 'valid', got {given!r}")
    if stride != (1, 1):
        raise GeometryError(f"padding='same' needs stride 1, got stride={stride}")
    spans = (d * (k - 1) for d, k in zip(dilation, kernel, strict=True))
    return tuple((span // 2, span - span // 2) for span in spans)


def _sides(value: object) -> tuple[int, int, int, int]:
    """Zeros at the top, bottom, left and right; each of two numbers is for both its sides."""
    given: object = value
    if isinstance(value, tuple) and len(value) == 4:
        given = value[:2], value[2:]
    if isinstance(given, tuple) and len(given) == 2:
        vertical, horizontal = given
    elif isinstance(given, tuple):
        raise GeometryError(
            "padding must be an integer, a pair of integers or ((top, bottom), (left, right)), "
            f"got {value!r}"
        )
    else:
        vertical = horizontal = given
    top, bottom = _pair("padding", vertical, least=0, shown=value)
    left, right = _pair("padding", horizontal, least=0, shown=value)
    return top, bottom, left, right


def _fits(name: str, axis: Axis) -> None:
    if axis.reach > axis.padded:
        raise GeometryError(
            f"the kernel must fit into the padded input, got a dilated kernel of {name} "
            f"{axis.reach} and a padded input of {name} {axis.padded} (kernel {axis.kernel}, "
            f"dilation {axis.dilation}; input {axis.input}, padding {axis.before}:{axis.after})"
        )
