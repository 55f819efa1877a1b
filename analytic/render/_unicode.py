"""Expressions in Unicode, on one line, in reading order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sympy import Integer
from sympy.printing.str import StrPrinter as _StrPrinter

from analytic.calculus.notation import Expr, split
from analytic.render._expressions import MOST_TERMS, Product, is_loose, summands
from analytic.render._layout import NO_BREAK
from analytic.render._words import AND, IF, OTHERWISE
from analytic.telling.message import Message

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_NO_SPACES = str.maketrans("", "", f" {NO_BREAK}")
_RELATIONS = {"==": "=", "!=": "≠", "<=": "≤", ">=": "≥"}


class UnicodePrinter(_StrPrinter):  # type: ignore[misc]  # sympy is untyped
    """Writes X₀₁, or X[0,12] throughout where some index has two digits.

    Spaces within an element or a range do not break.
    """

    # Not sympy's own `_sympystr`, by which its objects would write themselves.
    printmethod = "_unicode"

    def __init__(
        self,
        word: Callable[[Message], str],
        *,
        compact: bool = True,
        most_terms: int | None = MOST_TERMS,
    ) -> None:
        super().__init__({"order": "none"})
        self._most_terms = most_terms
        self._word = word
        self._compact = compact

    def _print_Symbol(self, symbol: Expr) -> str:
        letter, index = split(symbol)
        if not index:
            return letter
        if self._compact:
            return letter + "".join(map(str, index)).translate(_SUBSCRIPTS)
        return f"{letter}[{','.join(map(str, index))}]"

    def _print_Add(self, expression: Expr, order: Any = None) -> str:
        result = ""  # a line breaks before a sign, not behind it
        for term in summands(expression, self._most_terms):
            text = "…" if term is None else self._print(term)
            if text.startswith("−"):
                result += f" −{NO_BREAK}{text[1:]}" if result else text
            else:
                result += f" +{NO_BREAK}{text}" if result else text
        return result

    def _print_Mul(self, expression: Expr) -> str:
        product = Product.of(expression)
        above, below = self._factors(product.factors), self._factors(product.divisors)
        if len(product.divisors) > 1:
            below = f"({below})"
        return f"{'−' if product.negative else ''}{above}{f'/{below}' if below else ''}"

    def _factors(self, factors: Iterable[Expr]) -> str:
        written = ""
        before: Expr = None
        for factor in factors:
            text = self._print(factor)
            if written and not (before.is_Number and not factor.is_Number):
                written += "·"
            written += f"({text})" if is_loose(factor) else text
            before = factor
        return written

    def _print_Integer(self, number: Expr) -> str:
        return f"−{-number.p}" if number.p < 0 else str(number.p)

    def _print_Rational(self, number: Expr) -> str:
        return f"{self._print_int(number.p)}/{number.q}"

    def _print_int(self, number: int) -> str:
        return self._print_Integer(Integer(number))

    def _print_Partial(self, expression: Expr) -> str:
        of, by = map(self._print, expression.args)
        return f"∂{of}/∂{by}"

    def _print_Indexed(self, expression: Expr) -> str:
        indices = ", ".join(map(self._print, expression.indices))
        return f"{expression.base.label}[{indices}]".replace(" ", NO_BREAK)

    def _print_Sum(self, expression: Expr) -> str:
        limits = f",{NO_BREAK}".join(
            f"{self._print(index)}={self._print(low)}…{self._print(high)}".translate(_NO_SPACES)
            for index, low, high in expression.limits
        )
        body = self._print(expression.function)
        return f"Σ({limits}) {f'({body})' if expression.function.is_Add else body}"

    def _print_KroneckerDelta(self, expression: Expr) -> str:
        return f"δ[{', '.join(map(self._print, expression.args))}]".replace(" ", NO_BREAK)

    def _print_Relational(self, expression: Expr) -> str:
        left, right = map(self._print, expression.args)
        sign = _RELATIONS.get(expression.rel_op, expression.rel_op)
        return f"{left} {sign} {right}".replace(" ", NO_BREAK)

    def _print_And(self, expression: Expr) -> str:
        return f" {self._word(AND)} ".join(map(self._print, expression.args))

    def _print_Piecewise(self, expression: Expr) -> str:
        return "; ".join(
            f"{self._print(value)} {self._word(OTHERWISE)}"
            if condition == True  # noqa: E712  # sympy's true, too
            else f"{self._print(value)} {self._word(IF)} {self._print(condition)}"
            for value, condition in expression.args
        )

    def _print_floor(self, expression: Expr) -> str:
        return f"⌊{self._print(expression.args[0])}⌋"

    def _print_Mod(self, expression: Expr) -> str:
        value, modulus = expression.args
        text = self._print(value)
        return f"{f'({text})' if value.is_Add else text} mod {self._print(modulus)}"
