"""Symbols with indices, and sums and products of them in the order in which we write them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache, cached_property, lru_cache, wraps
from itertools import product as cartesian
from operator import attrgetter
from typing import Any, ParamSpec, TypeAlias, TypeVar

from sympy import Add, Mul, S
from sympy import Expr as _SympyExpr
from sympy import Symbol as _SympySymbol

# sympy carries no types; its objects pass through ours under these two names.
Expr: TypeAlias = Any
Symbol: TypeAlias = Any

_P = ParamSpec("_P")
_R = TypeVar("_R")

Index: TypeAlias = tuple[int, ...]
Elements: TypeAlias = Mapping[Index, Expr]

#: The cost; what double backward differentiates; the letters that count in general formulas.
COST = "C"
PAIRING = "S"  # ⟨V, ∂C/∂X⟩ + ⟨W, ∂C/∂K⟩, which double backward differentiates
INDICES = ("n", "o", "c", "i", "j", "u", "v", "a", "b")


class NameClashError(ValueError):
    """Two things would be written with one letter; the message is one line."""


@dataclass(frozen=True)
class Names:
    """The letters of a derivation, which the user may choose.

    A letter is a letter, Latin or Greek, or a short word of letters.

    Raises:
        NameClashError: A name is used twice, or for something else already.
    """

    input: str = "X"
    kernel: str = "K"
    output: str = "Y"
    upstream: str = "G"  # ∂C/∂Y
    bias: str = "b"
    # What comes down from above in double backward, one for each first gradient.
    input_upstream: str = "V"
    kernel_upstream: str = "W"
    bias_upstream: str = "Z"
    all_indices: bool = False  # write the indices of a single sample and channel, too

    def __post_init__(self) -> None:
        used = {
            COST: "the cost",
            PAIRING: "the sum that double backward differentiates",
        } | dict.fromkeys(INDICES, "an index")
        # The bias always carries an index, so that b₀ cannot be taken for the tap index b.
        if self.bias == "b":
            del used["b"]
        for field in fields(self):
            name = getattr(self, field.name)
            if field.name == "all_indices":
                continue
            role = "the " + field.name.replace("_", "'s ")
            if not (isinstance(name, str) and name.isalpha()):
                raise NameClashError(f"the name of {role} must be letters only, not {name!r}")
            if name in used:
                raise NameClashError(
                    f"the names must differ: {name!r} is both {used[name]} and {role}"
                )
            used[name] = role


@dataclass(frozen=True)
class Tensor:
    """The symbols of one tensor, by full index: X by (n, c, u, v), b by (o,)."""

    name: str
    shape: Index
    written: tuple[bool, ...]  # which indices the symbols show
    symbols: Mapping[Index, Symbol]

    @classmethod
    @lru_cache(maxsize=16)  # the same symbols each time: sympy compares identical ones at once
    def make(cls, name: str, shape: Index, *, all_indices: bool = False) -> Tensor:
        """Name the elements; leading indices of size one are not written unless asked.

        Example:
            >>> Tensor.make("X", (1, 1, 2, 3))[0, 0, 1, 2]
            X_{1,2}
        """
        leading = len(shape) - 2
        written = tuple(
            all_indices or place >= leading or size > 1 for place, size in enumerate(shape)
        )
        symbols = {
            index: _SympySymbol(
                f"{name}_{{{','.join(str(i) for i, w in zip(index, written, strict=True) if w)}}}"
            )
            for index in cartesian(*map(range, shape))
        }
        return cls(name, shape, written, symbols)

    def __getitem__(self, index: Index) -> Symbol:
        return self.symbols[index]

    def __iter__(self) -> Iterator[Index]:
        return iter(self.symbols)

    def __len__(self) -> int:
        return len(self.symbols)

    def items(self) -> Iterable[tuple[Index, Symbol]]:
        """Index and symbol, in the order of the indices."""
        return self.symbols.items()

    @cached_property
    def indices(self) -> Mapping[Symbol, Index]:
        """The full index of each symbol."""
        return {symbol: index for index, symbol in self.symbols.items()}


def split(symbol: Symbol) -> tuple[str, Index]:
    """The letter and the written indices of a symbol.

    Example:
        >>> split(_SympySymbol("X_{0,12}"))
        ('X', (0, 12))
    """
    match = re.fullmatch(r"(.+)_\{([\d,]+)\}", symbol.name)
    if match is None:
        return symbol.name, ()
    return match[1], tuple(map(int, match[2].split(",")))


class Partial(_SympyExpr):  # type: ignore[misc]  # sympy is untyped
    """A partial derivative as it is written, not to be carried out: ∂C/∂K."""

    def _latex(self, printer: Any) -> str:
        of, by = map(printer.doprint, self.args)
        return rf"\frac{{\partial {of}}}{{\partial {by}}}"

    def _sympystr(self, printer: Any) -> str:
        of, by = map(printer.doprint, self.args)
        return f"∂{of}/∂{by}"


class SecondPartial(_SympyExpr):  # type: ignore[misc]  # sympy is untyped
    """A second partial derivative as it is written: ∂²Y/∂K∂X."""

    def _latex(self, printer: Any) -> str:
        of, by, at = map(printer.doprint, self.args)
        return rf"\frac{{\partial^{{2}} {of}}}{{\partial {by}\,\partial {at}}}"

    def _sympystr(self, printer: Any) -> str:
        of, by, at = map(printer.doprint, self.args)
        return f"∂²{of}/∂{by}∂{at}"

    _unicode = _sympystr


class Figure(_SympyExpr):  # type: ignore[misc]  # sympy is untyped
    """A number in the place of a symbol: not multiplied out, in parentheses where it needs them."""

    is_commutative = True

    def _write(self, printer: Any) -> str:
        (number,) = self.args
        text = str(printer.doprint(number))
        return text if number.is_Integer and number >= 0 else f"({text})"

    def _latex(self, printer: Any) -> str:
        text = self._write(printer)
        return rf"\left({text[1:-1]}\right)" if text.startswith("(") else text

    _sympystr = _unicode = _write


def product(*symbols: Symbol) -> Expr:
    """A product of distinct symbols, equal to sympy's own ``*`` but many times sooner.

    sympy orders symbols by name, and so does this.

    Example:
        >>> product(_SympySymbol("X"), _SympySymbol("K")).args
        (K, X)
    """
    if len(symbols) == 2:
        left, right = symbols
        return _pair(left, right) if left.name < right.name else _pair(right, left)
    return ordered_product(*sorted(symbols, key=attrgetter("name")))


def ordered_product(*symbols: Symbol) -> Expr:
    """The same of symbols that are in the order of their names already."""
    if len(symbols) == 2:
        return _pair(*symbols)
    if len(symbols) < 2:
        return symbols[0] if symbols else S.One
    return Mul._from_args(symbols, is_commutative=True)  # noqa: SLF001  # quicker than the checks of the public name


@cache  # see `sharing_products`, which empties it
def _pair(left: Symbol, right: Symbol) -> Expr:
    # What Mul(..., evaluate=False) comes to once it has looked at both arguments again.
    return Mul._from_args((left, right), is_commutative=True)  # noqa: SLF001  # quicker than the checks of the public name


def sharing_products(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Make equal products one object within a call, and forget them after it.

    The chain rule and the closed forms meet the same ones; this spares making and comparing them.
    """

    @wraps(function)
    def shared(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return function(*args, **kwargs)
        finally:
            _pair.cache_clear()

    return shared


def total(terms: Iterable[Expr]) -> Expr:
    """A sum in the order given, which is the order in which it is to be read."""
    listed = list(terms)
    if len(listed) < 2:
        return listed[0] if listed else S.Zero
    return Add._from_args(listed, is_commutative=True)  # noqa: SLF001  # quicker than the checks of the public name


def terms(expression: Expr) -> tuple[Expr, ...]:
    """The terms of a sum; none for zero."""
    return () if expression is S.Zero else tuple(Add.make_args(expression))
