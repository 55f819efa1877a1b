"""The sizes of one convolution: their validation, what follows from them, their text form."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from operator import index
from types import MappingProxyType
from typing import Any, Literal, SupportsIndex

from conv_reference.padding_modes import MODES, Mode, most_padding

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]
PairLike = SupportsIndex | Sequence[SupportsIndex]
PaddingLike = PairLike | Literal["same", "valid"]
Role = Literal["input", "weight", "grad_output"]  # an operand's


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """All the sizes of one two-dimensional convolution.

    Pairs are (height, width). The text form, ``str(geometry)``, parses back:

    >>> geometry = Geometry.parse("n2 c4 h8 w9 o6 k3x2 s2x1 p1x0 d1 g2")
    >>> geometry.output_size, geometry.remainder
    ((4, 8), (1, 0))
    >>> str(geometry)
    'n2 c4 h8 w9 o6 k3x2 s2x1 p1x0 d1 g2'

    Raises:
        ValueError: when no convolution has these sizes.
        TypeError: when a size is not an integer.
    """

    input_size: Pair  # H, W; at least 1
    kernel_size: Pair  # kh, kw; at least 1
    batch: int = 1  # N; at least 0
    in_channels: int = 1  # C; a multiple of groups
    out_channels: int = 1  # O; a multiple of groups
    stride: Pair = (1, 1)  # at least 1
    padding: Padding = ((0, 0), (0, 0))  # (top, bottom), (left, right); at least 0
    dilation: Pair = (1, 1)  # at least 1
    groups: int = 1  # at least 1
    padding_mode: Mode = "zeros"  # how the input goes on past its border; without padding zeros

    def __post_init__(self) -> None:
        _require_integers(self)
        _require_in_range(self)
        _require_mode(self)
        for name in ("in_channels", "out_channels"):
            if getattr(self, name) % self.groups:
                raise ValueError(
                    f"{name} must be a multiple of groups, "
                    f"got {name}={getattr(self, name)} and groups={self.groups}"
                )
        for axis, span, padded in zip(
            ("height", "width"), self.span, self.padded_size, strict=True
        ):
            if span > padded:
                raise ValueError(
                    f"the kernel must fit into the padded input, "
                    f"got a dilated kernel of {axis} {span} and a padded input of {axis} {padded}"
                )

    @cached_property
    def padded_size(self) -> Pair:
        """Height and width of the input with its padding."""
        (top, bottom), (left, right) = self.padding
        return self.input_size[0] + top + bottom, self.input_size[1] + left + right

    @cached_property
    def span(self) -> Pair:
        """Height and width that the dilated kernel covers: d·(k - 1) + 1."""
        (kh, kw), (dh, dw) = self.kernel_size, self.dilation
        return dh * (kh - 1) + 1, dw * (kw - 1) + 1

    @cached_property
    def output_size(self) -> Pair:
        """Height and width of the output: ⌊(padded - span) / stride⌋ + 1, at least 1."""
        (ph, pw), (eh, ew), (sh, sw) = self.padded_size, self.span, self.stride
        return (ph - eh) // sh + 1, (pw - ew) // sw + 1

    def read_by(self, axis: int, tap: int) -> slice:
        """The rows of the padded input that a row of the kernel reads; of axis 1, the columns."""
        first, stride = self.dilation[axis] * tap, self.stride[axis]
        return slice(first, first + stride * (self.output_size[axis] - 1) + 1, stride)

    @property
    def remainder(self) -> Pair:
        """Rows and columns of the padded input that the last stride does not reach."""
        (ph, pw), (eh, ew), (sh, sw) = self.padded_size, self.span, self.stride
        return (ph - eh) % sh, (pw - ew) % sw

    @property
    def group_channels(self) -> Pair:
        """Channels of one group, of the input and of the output."""
        return self.in_channels // self.groups, self.out_channels // self.groups

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        """Shape of X: (N, C, H, W)."""
        return (self.batch, self.in_channels, *self.input_size)

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """Shape of K: (O, C/groups, kh, kw)."""
        return (self.out_channels, self.group_channels[0], *self.kernel_size)

    @property
    def output_shape(self) -> tuple[int, int, int, int]:
        """Shape of Y: (N, O, H', W')."""
        return (self.batch, self.out_channels, *self.output_size)

    def __str__(self) -> str:
        top_bottom, left_right = self.padding
        padding = _sides_text(top_bottom), _sides_text(left_right)
        return " ".join(
            (
                f"n{self.batch} c{self.in_channels}",
                f"h{self.input_size[0]} w{self.input_size[1]} o{self.out_channels}",
                f"k{self.kernel_size[0]}x{self.kernel_size[1]}",
                f"s{_pair_text(self.stride)}",
                "p" + (padding[0] if padding[0] == padding[1] else "x".join(padding)),
                f"d{_pair_text(self.dilation)} g{self.groups}",
                *(() if self.padding_mode == "zeros" else (self.padding_mode,)),
            )
        )

    @classmethod
    def parse(cls, text: str) -> Geometry:
        """Read the text form; the order is free, and only h, w and k must be there.

        A pair is ``2x1``, or ``2`` for ``2x2``; padding that differs between two
        opposite sides is ``1:2`` (top:bottom, left:right). A padding mode is a word.

        >>> Geometry.parse("h5 w5 k3 p1:0x2").padding
        ((1, 0), (2, 2))

        Raises:
            ValueError: when the text is no geometry; says which part.
        """
        values: dict[str, str] = {}
        modes: list[Any] = []
        for token in text.split():
            if token in MODES:
                modes.append(token)
                continue
            match = _TOKEN.fullmatch(token)
            if match is None or (":" in token and token[0] != "p"):
                raise ValueError(
                    f"not a part of a geometry: {token!r}; accepted is a form like {_EXAMPLE!r}"
                )
            if match["key"] in values:
                raise ValueError(f"{match['key']!r} occurs twice in the geometry {text!r}")
            values[match["key"]] = match["value"]
        missing = [key for key in "hwk" if key not in values]
        if missing:
            raise ValueError(
                f"the geometry {text!r} lacks {', '.join(missing)}; "
                f"accepted is a form like {_EXAMPLE!r}"
            )
        (top_bottom, left_right) = _split(values.get("p", "0"), "x", text)
        return cls(
            batch=_single(values.get("n", "1"), text),
            in_channels=_single(values.get("c", "1"), text),
            input_size=(_single(values["h"], text), _single(values["w"], text)),
            out_channels=_single(values.get("o", "1"), text),
            kernel_size=_parse_pair(values["k"], "x", text),
            stride=_parse_pair(values.get("s", "1"), "x", text),
            padding=(_parse_pair(top_bottom, ":", text), _parse_pair(left_right, ":", text)),
            dilation=_parse_pair(values.get("d", "1"), "x", text),
            groups=_single(values.get("g", "1"), text),
            padding_mode=modes[-1] if modes else "zeros",
        )


def geometry_of(
    input_shape: Sequence[int],
    weight_shape: Sequence[int],
    *,
    stride: PairLike = 1,
    padding: PaddingLike = 0,
    dilation: PairLike = 1,
    groups: int = 1,
) -> Geometry:
    """The geometry of ``torch.nn.functional.conv2d`` called with these arguments.

    Args:
        input_shape: (N, C, H, W).
        weight_shape: (O, C/groups, kh, kw).
        stride: an integer at least 1, or a pair (height, width).
        padding: an integer at least 0, a pair, ``"valid"``, or ``"same"``
            (stride 1 only; an odd element goes below and to the right, as in torch).
        dilation: an integer at least 1, or a pair.
        groups: at least 1.

    Raises:
        ValueError: when the shapes do not fit each other or no convolution has these sizes.
        TypeError: when an argument is of none of the types above.

    >>> str(geometry_of((1, 2, 5, 5), (3, 2, 2, 3), padding="same"))
    'n1 c2 h5 w5 o3 k2x3 s1 p0:1x1 d1 g1'
    """
    for name, shape, dims in (
        ("input", input_shape, "n c h w"),
        ("weight", weight_shape, "o c/groups kh kw"),
    ):
        if len(shape) != 4:
            raise ValueError(f"{name} must have four dimensions ({dims}), got shape {tuple(shape)}")
    batch, in_channels, height, width = input_shape
    out_channels, group_channels, kh, kw = weight_shape
    groups = _integer("groups", groups)
    _require_at_least("groups", groups, 1)
    if group_channels * groups != in_channels:
        raise ValueError(
            "the input's channels must be groups times the kernel's, "
            f"got {in_channels} and groups={groups} times {group_channels}"
        )
    stride, dilation = _pair("stride", stride), _pair("dilation", dilation)
    return Geometry(
        batch=batch,
        in_channels=in_channels,
        input_size=(height, width),
        out_channels=out_channels,
        kernel_size=(kh, kw),
        stride=stride,
        padding=resolve_padding(padding, (kh, kw), stride, dilation),
        dilation=dilation,
        groups=groups,
    )


def resolve_padding(
    padding: PaddingLike, kernel_size: Pair, stride: Pair, dilation: Pair
) -> Padding:
    """Padding as torch's ``conv2d`` takes it, side by side: (top, bottom), (left, right).

    Raises:
        ValueError: for another word, or ``"same"`` with a stride.
        TypeError: when it is neither a word, an integer nor a pair of integers.
    """
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same":
        if stride != (1, 1):
            raise ValueError(f"padding='same' needs stride 1, got stride={stride}")
        height, width = (d * (k - 1) for d, k in zip(dilation, kernel_size, strict=True))
        return (height // 2, height - height // 2), (width // 2, width - width // 2)
    if isinstance(padding, str):
        raise ValueError(f"padding must be integers, 'same' or 'valid', got {padding!r}")
    height, width = _pair("padding", padding)
    return (height, height), (width, width)


_EXAMPLE = "n2 c4 h8 w9 o6 k3x2 s2x1 p1x0 d1 g2"
_TOKEN = re.compile(r"(?P<key>[nchwokspdg])(?P<value>\d+(:\d+)?(x\d+(:\d+)?)?)", re.ASCII)


def _pair_text(pair: Pair) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}x{pair[1]}"


def _sides_text(pair: Pair) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}:{pair[1]}"


def _split(value: str, separator: str, text: str) -> tuple[str, str]:
    parts = value.split(separator)
    if len(parts) > 2:
        raise ValueError(f"not a pair: {value!r} in the geometry {text!r}")
    return parts[0], parts[-1]


def _single(value: str, text: str) -> int:
    if not value.isdecimal():
        raise ValueError(f"not a single size: {value!r} in the geometry {text!r}")
    return int(value)


def _parse_pair(value: str, separator: str, text: str) -> Pair:
    first, second = _split(value, separator, text)
    return _single(first, text), _single(second, text)


def _require_at_least(name: str, value: int, least: int, *, shown: object = None) -> None:
    if value < least:
        raise ValueError(
            f"{name} must be at least {least}, got {value if shown is None else shown}"
        )


def _require_in_range(geometry: Geometry) -> None:
    """Refuse a size that is too small: thousands are drawn for a run, so all are seen at once."""
    g = geometry
    sizes = (*g.input_size, *g.kernel_size, *g.stride, *g.dilation)
    least = min(g.in_channels, g.out_channels, g.groups, *sizes)
    if least >= 1 and min(g.batch, *g.padding[0], *g.padding[1]) >= 0:
        return
    _require_at_least("batch", g.batch, 0)
    for name in ("in_channels", "out_channels", "groups"):
        _require_at_least(name, getattr(g, name), 1)
    for name in ("input_size", "kernel_size", "stride", "dilation"):
        for size in getattr(g, name):
            _require_at_least(name, size, 1, shown=getattr(g, name))
    for side in (*g.padding[0], *g.padding[1]):
        _require_at_least("padding", side, 0, shown=g.padding)


def _require_mode(geometry: Geometry) -> None:
    """Refuse what is no mode, or more padding than it has; where there is none, it is zeros."""
    mode = geometry.padding_mode
    if mode == "zeros":
        return
    if mode not in MODES:
        raise ValueError(f"padding_mode must be one of {', '.join(MODES)}, got {mode!r}")
    if not any(map(any, geometry.padding)):
        object.__setattr__(geometry, "padding_mode", "zeros")
        return
    for size, sides in zip(geometry.input_size, geometry.padding, strict=True):
        most = most_padding(size, mode)
        if most is not None and max(sides) > most:
            raise ValueError(
                f"padding of mode {mode!r} must be at most {most} for an input of {size}, "
                f"got {max(sides)}"
            )


def _require_integers(geometry: Geometry) -> None:
    """Refuse 2.0, "2", True and pairs of another length; the fields are plain ints after it."""
    if _is_plain(geometry):
        return
    for name in ("batch", "in_channels", "out_channels", "groups"):
        object.__setattr__(geometry, name, _integer(name, getattr(geometry, name)))
    for name in ("input_size", "kernel_size", "stride", "dilation"):
        object.__setattr__(geometry, name, _pair_of_integers(name, getattr(geometry, name)))
    sides: Any = geometry.padding
    if not (isinstance(sides, Sequence) and len(sides) == 2):
        raise TypeError(f"padding must be ((top, bottom), (left, right)), got {sides!r}")
    pairs = tuple(_pair_of_integers("padding", side) for side in sides)
    object.__setattr__(geometry, "padding", pairs)


def _is_plain(g: Geometry) -> bool:
    """Whether all are ints and tuples already: nearly always, and seen sooner than by protocol."""
    sides: Any = g.padding
    if type(sides) is not tuple or len(sides) != 2:
        return False
    pairs = (g.input_size, g.kernel_size, g.stride, g.dilation, *sides)
    if set(map(type, pairs)) != {tuple} or set(map(len, pairs)) != {2}:
        return False
    numbers = chain((g.batch, g.in_channels, g.out_channels, g.groups), *pairs)
    return set(map(type, numbers)) == {int}


def _integer(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    return index(value)


def _pair_of_integers(name: str, value: Any) -> Pair:
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
        raise TypeError(f"{name} must be a pair of integers, got {value!r}")
    return _integer(name, value[0]), _integer(name, value[1])


def _pair(name: str, value: Any) -> Pair:
    """An integer for both axes, a pair, or (as torch has it) a sequence of one."""
    if type(value) is tuple and tuple(map(type, value)) == (int, int):
        return value[0], value[1]  # nearly always, and seen sooner than by protocol
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 1:
        value = value[0]
    if isinstance(value, SupportsIndex):
        return (_integer(name, value),) * 2
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
        raise TypeError(f"{name} must be an integer or a pair of integers, got {value!r}")
    return _pair_of_integers(name, value)


#: Of each operand, and of the derivative in it.
SHAPES: Mapping[Role, Callable[[Geometry], tuple[int, ...]]] = MappingProxyType(
    {
        "input": lambda geometry: geometry.input_shape,
        "weight": lambda geometry: geometry.weight_shape,
        "grad_output": lambda geometry: geometry.output_shape,
    }
)
