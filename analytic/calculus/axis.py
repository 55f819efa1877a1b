"""One axis of a convolution: which output meets which input pixel through which tap.

Rows and columns never mix, so everything about indices is written once, for one axis: output i,
tap a and input u meet where ``u = stride*i + dilation*a - before``.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import TypeAlias

Pair: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Axis:
    """One axis, rows or columns, of a convolution."""

    input: int  # number of input pixels, 1 or more
    kernel: int  # number of taps, 1 or more
    stride: int = 1  # input pixels between neighbouring outputs, 1 or more
    before: int = 0  # zeros ahead of the input, 0 or more
    after: int = 0  # zeros behind the input, 0 or more
    dilation: int = 1  # input pixels between neighbouring taps, 1 or more

    @property
    def padded(self) -> int:
        """The input with its padding."""
        return self.before + self.input + self.after

    @property
    def reach(self) -> int:
        """From the first tap to the last, both included."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def output(self) -> int:
        """Number of outputs."""
        return (self.padded - self.reach) // self.stride + 1

    @property
    def remainder(self) -> int:
        """Padded pixels at the end that the stride leaves to no output."""
        return (self.padded - self.reach) % self.stride

    def pixel(self, output: int, tap: int) -> int:
        """The pixel that an output reads through a tap; outside the input it is padding."""
        return self.stride * output + self.dilation * tap - self.before

    def taps(self, output: int) -> range:
        """The taps through which an output sees a pixel of the input, not padding."""
        start = self.before - self.stride * output
        first = -(-start // self.dilation)
        last = (start + self.input - 1) // self.dilation
        return range(max(first, 0), min(last, self.kernel - 1) + 1)

    def outputs(self, tap: int) -> range:
        """The outputs that see a pixel of the input, not padding, through a tap."""
        start = self.before - self.dilation * tap
        first = -(-start // self.stride)
        last = (start + self.input - 1) // self.stride
        return range(max(first, 0), min(last, self.output - 1) + 1)

    def participation(self, pixel: int) -> tuple[Pair, ...]:
        """The (output, tap) pairs in which a pixel takes part, by rising output.

        Solves ``stride*i + dilation*a = pixel + before`` for a modulo the stride, so the work is
        that of writing the answer down.

        Example:
            >>> Axis(input=3, kernel=2).participation(1)
            ((0, 1), (1, 0))
        """
        place = pixel + self.before
        common = gcd(self.stride, self.dilation)
        if place % common:
            return ()
        period = self.stride // common
        residue = place // common * pow(self.dilation // common, -1, period) % period
        # Output i is below the output size exactly when the tap is at least this.
        lowest = max(0, -(-(place - self.stride * (self.output - 1)) // self.dilation))
        first = lowest + (residue - lowest) % period
        last = min(self.kernel - 1, place // self.dilation)
        return tuple(
            ((place - self.dilation * tap) // self.stride, tap)
            for tap in reversed(range(first, last + 1, period))
        )
