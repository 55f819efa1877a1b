"""Expressions in LaTeX, in reading order, such as amsmath, MathJax and latex2mathml all take."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

from sympy.printing.latex import LatexPrinter as _LatexPrinter

from analytic.calculus.notation import Expr, Figure, Partial, split
from analytic.render._expressions import MOST_TERMS, Product, is_loose, summands
from analytic.render._words import AND, IF, OTHERWISE
from analytic.telling.message import Message

RELATIONS = {"≤": r"\le", "≥": r"\ge", "≠": r"\ne", "∣": r"\mid", "≡": r"\equiv"}


class LatexPrinter(_LatexPrinter):  # type: ignore[misc]  # sympy is untyped
    """Writes X_{0,1}; a choice in the reader's words.

    Args:
        word: Gives a word in the reader's language.
        most_terms: A longer sum is printed with its middle left out; None for never.
    """

    # Symbols write themselves here, not by what sympy takes their names for.
    printmethod = "_analytic_latex"

    def __init__(
        self, word: Callable[[Message], str], *, most_terms: int | None = MOST_TERMS
    ) -> None:
        super().__init__({"order": "none"})
        self._most_terms = most_terms
        self._word = word
        self._is_low = False  # no higher than a line: in an index, in a sentence

    def _print_Symbol(self, symbol: Expr, style: str = "plain") -> str:
        name, index = split(symbol)
        return subscripted(name, ",".join(map(str, index)))

    def _print_Indexed(self, expression: Expr) -> str:
        comma = "," if all(index.is_Atom for index in expression.indices) else r",\,"
        indices = comma.join(map(self._lowered, expression.indices))
        return subscripted(str(expression.base.label), indices)

    def _print_Add(self, expression: Expr, order: Any = None) -> str:
        return joined(self.terms(expression))

    def terms(self, expression: Expr) -> list[str]:
        """The terms of a sum, or the expression itself, each with its minus if it has one."""
        listed = summands(expression, self._most_terms) if expression.is_Add else [expression]
        return [r"\cdots" if term is None else self._print(term) for term in listed]

    def _print_Mul(self, expression: Expr) -> str:
        product = Product.of(expression)
        written = self._factors(product.factors, alone=bool(product.divisors))
        if self._is_low and product.divisors:
            written = f"{self._factors(product.factors)}/{self._factors(product.divisors)}"
        elif product.divisors:
            written = rf"\frac{{{written}}}{{{self._factors(product.divisors, alone=True)}}}"
        return f"-{written}" if product.negative else written

    def _factors(self, factors: Sequence[Expr], *, alone: bool = False) -> str:
        """Factors side by side; one that stands alone in a fraction needs no parentheses."""
        written = ""
        before: Expr = None
        for factor in factors:
            text = self._print(factor)
            if is_loose(factor) and not (alone and len(factors) == 1):
                text = self._parenthesized(text)
            written += _between(before, factor) + text if written else text
            before = factor
        return written

    def _parenthesized(self, text: str) -> str:
        if text.startswith("-"):
            text = f"{{{text}}}"  # a sign, which MathML would else take for a difference
        # \left( spaces more widely, which only something tall is worth.
        is_tall = re.search(r"\\(frac|sum|begin|left)", text) is not None
        return rf"\left({text}\right)" if is_tall else f"({text})"

    def _print_Partial(self, expression: Expr) -> str:
        of, by = map(self._print, expression.args)
        return rf"\frac{{\partial {of}}}{{\partial {by}}}"

    def _print_Figure(self, expression: Expr) -> str:
        (number,) = expression.args
        text = self._print(number)
        return text if number.is_Integer and number >= 0 else self._parenthesized(text)

    def _print_SecondPartial(self, expression: Expr) -> str:
        of, by, at = map(self._print, expression.args)
        return rf"\frac{{\partial^{{2}} {of}}}{{\partial {by}\, \partial {at}}}"

    def _print_Rational(self, number: Expr) -> str:
        written = (
            f"{abs(number.p)}/{number.q}"
            if self._is_low
            else rf"\frac{{{abs(number.p)}}}{{{number.q}}}"
        )
        return f"-{written}" if number.p < 0 else written

    def _print_Integer(self, number: Expr) -> str:
        return str(number.p)

    def slanted(self, expression: Expr) -> str:
        """As it is written within a sentence, no higher than the line: ∂Y/∂K."""
        if isinstance(expression, Partial):
            of, by = map(self._lowered, expression.args)
            return rf"\partial {of}/\partial {by}"
        return self._lowered(expression)

    def _lowered(self, expression: Expr) -> str:
        before, self._is_low = self._is_low, True
        written = str(self._print(expression))
        self._is_low = before
        return written

    def _print_Sum(self, expression: Expr) -> str:
        sums = "".join(
            rf"\sum_{{{index}={self._lowered(low)}}}^{{{self._lowered(high)}}} "
            for index, low, high in expression.limits
        )
        body = self._print(expression.function)
        return sums + (self._parenthesized(body) if is_loose(expression.function) else body)

    def _print_floor(self, expression: Expr, exp: Any = None) -> str:
        return rf"\left\lfloor {self._print(expression.args[0])} \right\rfloor"

    def _print_Mod(self, expression: Expr, exp: Any = None) -> str:
        value, modulus = expression.args
        text = self._print(value)
        if value.is_Add:
            text = self._parenthesized(text)
        return rf"{text} \bmod {self._print(modulus)}"

    def _print_KroneckerDelta(self, expression: Expr, exp: Any = None) -> str:
        return subscripted("δ", ",".join(map(self._lowered, expression.args)))

    def _print_And(self, expression: Expr) -> str:
        # Spaces within \text would come to stand on the other side of a Hebrew word.
        return rf"\ \text{{{self._word(AND)}}}\ ".join(map(self._print, expression.args))

    def _print_Piecewise(self, expression: Expr) -> str:
        rows = [
            rf"{self._print(value)} & \text{{{self._word(OTHERWISE)}}}"
            if condition == True  # noqa: E712  # sympy's true, too
            else rf"{self._print(value)} & \text{{{self._word(IF)}}}\ {self._print(condition)}"
            for value, condition in expression.args
        ]
        return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"

    def _print_int(self, number: int) -> str:
        return str(number)


def _between(left: Expr, right: Expr) -> str:
    """What stands between two factors: a dot before a number, nothing in 2i, else a thin space."""
    if right.is_Number or isinstance(right, Figure):
        return r" \cdot "
    return " " if left.is_Number else r"\, "


def subscripted(name: str, indices: str) -> str:
    r"""A letter, Latin or Greek, or a word, with its indices.

    Example:
        >>> print(subscripted("α", "0,1"))
        \alpha_{0,1}
    """
    written = name if len(name) == 1 and name.isascii() else _named(name)
    return f"{written}_{{{indices}}}" if indices else written


def _named(name: str) -> str:
    if name == ":":
        return name
    if len(name) > 1:
        return rf"\mathit{{{name}}}"
    kind, _space, letter = unicodedata.name(name).rpartition(" ")
    if kind not in {"GREEK SMALL LETTER", "GREEK CAPITAL LETTER"} or letter in _LATIN_LOOKALIKES:
        return rf"\text{{{name}}}"
    letter = letter.lower().replace("lamda", "lambda")
    return "\\" + (letter.capitalize() if "CAPITAL" in kind else letter)


#: Greek letters for which TeX has no command, since a Latin letter looks the same.
_LATIN_LOOKALIKES = frozenset({"OMICRON"})


def joined(terms: list[str]) -> str:
    """Terms as a sum; a term that begins with a minus is subtracted.

    Example:
        >>> joined(["a", "-b", "c"])
        'a - b + c'
    """
    written = terms[0]
    for term in terms[1:]:
        written += f" - {term[1:]}" if term.startswith("-") else f" + {term}"
    return written


def measure(latex: str) -> float:
    """About how wide it is printed, in letters: indices are small, commands are one sign."""
    plain = re.sub(r"\\(left|right|frac|partial|,|text|mathit|begin|end)", "", latex)
    plain = re.sub(r"_\{(\w)\}", r"\1", plain)
    plain = re.sub(r"\\sum_\{[^{}]*\}\^\{[^{}]*\}", "xx", plain)
    indices = "".join(re.findall(r"_\{([^{}]*)\}", plain))
    body = re.sub(r"_\{[^{}]*\}", "", plain)
    body = re.sub(r"\\[A-Za-z]+", "x", body)
    signs = len(re.findall(r"[+=-]|\bx\b", body))
    return len(re.sub(r"[{}\s^&]", "", body)) + 0.5 * len(indices) + signs
