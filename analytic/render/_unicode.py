"""Expressions in Unicode, on one line, in reading order."""

from __future__ import annotations

from typing import Any

from sympy import Integer
from sympy.printing.str import StrPrinter as _StrPrinter

from analytic.notation import Expr, split

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
#: Printed as a space, but no place to break a line.
NO_BREAK = "\N{NO-BREAK SPACE}"
#: A longer sum is printed with its middle left out.
MOST_TERMS = 16


class UnicodePrinter(_StrPrinter):  # type: ignore[misc]  # sympy is untyped
    """Writes X₀₁, or X[0,12] throughout where some index has two digits.

    Spaces within an element or a range do not break.
    """

    # Not sympy's own `_sympystr`, by which its objects would write themselves.
    printmethod = "_unicode"

    def __init__(self, *, compact: bool = True) -> None:
        super().__init__({"order": "none"})
        self._compact = compact

    def _print_Symbol(self, symbol: Expr) -> str:  # noqa: N802  # sympy's protocol
        letter, index = split(symbol)
        if not index:
            return letter
        if self._compact:
            return letter + "".join(map(str, index)).translate(_SUBSCRIPTS)
        return f"{letter}[{','.join(map(str, index))}]"

    def _print_Add(self, expression: Expr, order: Any = None) -> str:  # noqa: ARG002, N802
        terms: list[Any] = list(expression.args)
        if len(terms) > MOST_TERMS:
            terms[5:-2] = [None]
        result = ""
        for term in terms:
            text = "…" if term is None else self._print(term)
            if text.startswith("−"):
                result += f" − {text[1:]}" if result else text
            else:
                result += f" + {text}" if result else text
        return result

    def _print_Mul(self, expression: Expr) -> str:  # noqa: N802
        number, rest = expression.as_coeff_Mul()
        # as_coeff_Mul leaves the order as it is where there is no number.
        factors = expression.args if number == 1 else rest.args if rest.is_Mul else (rest,)
        body = "·".join(
            f"({self._print(factor)})" if factor.is_Add else self._print(factor)
            for factor in factors
        )
        sign = "−" if number < 0 else ""
        above = abs(number.p)
        if above != 1:
            body = f"{above}{body}"
        return f"{sign}{body}" if number.q == 1 else f"{sign}{body}/{number.q}"

    def _print_Integer(self, number: Expr) -> str:  # noqa: N802
        return f"−{-number.p}" if number.p < 0 else str(number.p)

    def _print_int(self, number: int) -> str:
        return self._print_Integer(Integer(number))

    def _print_Partial(self, expression: Expr) -> str:  # noqa: N802
        of, by = map(self._print, expression.args)
        return f"∂{of}/∂{by}"

    def _print_Indexed(self, expression: Expr) -> str:  # noqa: N802
        indices = ", ".join(map(self._print, expression.indices))
        return f"{expression.base.label}[{indices}]".replace(" ", NO_BREAK)

    def _print_Sum(self, expression: Expr) -> str:  # noqa: N802
        limits = f",{NO_BREAK}".join(
            f"{self._print(index)}={self._print(low)}…{self._print(high)}".replace(" ", "")
            for index, low, high in expression.limits
        )
        body = self._print(expression.function)
        return f"Σ({limits}) {f'({body})' if expression.function.is_Add else body}"

    def _print_floor(self, expression: Expr) -> str:
        return f"⌊{self._print(expression.args[0])}⌋"

    def _print_Mod(self, expression: Expr) -> str:  # noqa: N802
        value, modulus = map(self._print, expression.args)
        return f"{value} mod {modulus}"
