"""How a sum or a product is taken apart to be written, whatever the notation."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Integer

from analytic.calculus.notation import Expr

#: A longer sum is printed with its middle left out.
MOST_TERMS = 16
_FIRST, _LAST = 5, 2


def summands(expression: Expr, most: int | None = MOST_TERMS) -> list[Expr | None]:
    """The terms of a sum in the order given; None for those left out of a long one."""
    terms = list(expression.args)
    if most is None or len(terms) <= most:
        return terms
    return [*terms[:_FIRST], None, *terms[-_LAST:]]


@dataclass(frozen=True)
class Product:
    """A product as it is written: a sign, factors in the order given, and what divides them."""

    negative: bool
    factors: tuple[Expr, ...]
    divisors: tuple[Expr, ...] = ()

    @classmethod
    def of(cls, expression: Expr) -> Product:
        """Take a product apart; its coefficient gives it the sign.

        A product of numbers only stays as it is: (−1)·2 is not yet carried out.
        """
        if all(factor.is_Rational for factor in expression.args):
            return cls(False, tuple(expression.args))
        negative = False
        factors: list[Expr] = []
        divisors: list[Expr] = []
        for factor in expression.args:
            if factor.is_Pow and factor.exp == -1:
                divisors.append(factor.base)
            elif factor.is_Rational and not factors:
                negative = bool(factor < 0)
                factors += [Integer(abs(factor.p))] if abs(factor.p) != 1 else []
                divisors += [Integer(factor.q)] if factor.q != 1 else []
            else:
                factors.append(factor)
        return cls(negative, tuple(factors or [Integer(1)]), tuple(divisors))


def is_loose(factor: Expr) -> bool:
    """Whether a factor needs parentheses: a sum, a choice, a negative number or a fraction."""
    if factor.is_Rational:
        return bool(factor < 0 or factor.q > 1)
    return bool(factor.is_Add or factor.is_Piecewise)
