"""The grammar of a formula, by recursive descent: nothing of it is ever executed.

formula   target = matrix | sum
target    Y, dX or dC/dX, dY/dK; each with indices or without
matrix    [a, b; c, d] or [[a, b], [c, d]]
sum       terms joined by + and -
term      factors side by side or joined by *, divided by / ; "mod" in an index
factor    number, letter, letter[index, ...], (sum), ⌊sum⌋, Σ(a=0..1, b) term
"""

from __future__ import annotations

from fractions import Fraction

from analytic.calculus.answers.nodes import (
    Answer,
    Floor,
    Letter,
    Limit,
    Node,
    Number,
    Over,
    Plus,
    Rows,
    Sigma,
    Times,
)
from analytic.calculus.answers.scanning import AnswerError, Sign, scan, shortened

_DEEPEST = 50  # parentheses within parentheses
_SUMS = {"sum", "Σ"}


def parse(formula: str) -> Answer:
    """Read a formula.

    Raises:
        AnswerError: It cannot be read; the message says at which sign.

    Example:
        >>> parse("dX[0,1] = 2*G[0,0]").value
        Times(factors=(Number(value=Fraction(2, 1)), Letter(name='G', indices=(...))))
    """
    return _Parser(formula).answer()


class _Parser:
    def __init__(self, formula: str) -> None:
        self._formula = formula
        self._signs = scan(formula)
        self._place = 0
        self._depth = 0

    def answer(self) -> Answer:
        of, by = self._target()
        self._expect("=")
        value = self._matrix() if self._sees("[") else self._sum()
        if self._next.kind != "end":
            raise self._lost()
        return Answer(of, by, value)

    def _target(self) -> tuple[Letter, Letter | None]:
        """Y, dX (short for dC/dX), or dY/dX."""
        first = self._letter()
        if not self._take("/"):
            return first, None
        return first, self._letter()

    def _matrix(self) -> Rows:
        self._expect("[")
        rows = [self._row()]
        while self._take(";") or self._take(","):
            rows.append(self._row())
        self._expect("]")
        if len({len(row) for row in rows}) > 1:
            raise AnswerError(
                f"the rows of a matrix must be of one length, got {[*map(len, rows)]}"
            )
        return tuple(rows)

    def _row(self) -> tuple[Node, ...]:
        bracketed = self._take("[")
        cells = [self._sum()]
        while self._take(","):
            cells.append(self._sum())
        if bracketed:
            self._expect("]")
        return tuple(cells)

    def _sum(self) -> Node:
        terms = [self._signed()]
        while self._sees("+") or self._sees("-"):
            terms.append(self._signed())
        return terms[0] if len(terms) == 1 else Plus(tuple(terms))

    def _signed(self) -> Node:
        negative = False
        while self._sees("+") or self._sees("-"):
            negative ^= self._advance().text == "-"
        term = self._term()
        return Times((Number(Fraction(-1)), term)) if negative else term

    def _term(self) -> Node:
        term = self._factor()
        while True:
            if self._take("*") or self._begins_factor():
                factors = term.factors if isinstance(term, Times) else (term,)
                term = Times((*factors, self._factor()))
            elif self._take("/"):
                term = Over("/", term, self._factor())
            elif self._next.text == "mod":
                self._advance()
                term = Over("mod", term, self._factor())
            else:
                return term

    def _begins_factor(self) -> bool:
        return self._next.text in {"(", "⌊"} or (
            self._next.kind in {"name", "number"} and self._next.text != "mod"
        )

    def _factor(self) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise AnswerError(f"parentheses must be at most {_DEEPEST} deep")
        factor = self._alone()
        self._depth -= 1
        return factor

    def _alone(self) -> Node:
        if self._next.kind == "number":
            return Number(Fraction(self._advance().text))
        if self._next.text in _SUMS:
            return self._sigma()
        if self._next.kind == "name":
            return self._letter()
        if self._take("("):
            inner = self._sum()
            self._expect(")")
            return inner
        if self._take("⌊"):
            inner = self._sum()
            self._expect("⌋")
            return Floor(inner)
        raise self._lost()

    def _sigma(self) -> Sigma:
        self._advance()
        closing = "]" if self._take("[") else ")"
        if closing == ")":
            self._expect("(")
        limits = [self._limit()]
        while self._take(","):
            limits.append(self._limit())
        self._expect(closing)
        return Sigma(tuple(limits), self._term())

    def _limit(self) -> Limit:
        if self._next.kind != "name":
            raise self._lost()
        name = self._advance().text
        if not self._take("="):
            return Limit(name)
        low = self._sum()
        self._expect("..")
        return Limit(name, low, self._sum())

    def _letter(self) -> Letter:
        if self._next.kind != "name":
            raise self._lost()
        name = self._advance().text
        if not self._take("["):
            return self._upstream(Letter(name))
        indices = [self._sum()]
        while self._take(","):
            indices.append(self._sum())
        self._expect("]")
        return Letter(name, tuple(indices))

    def _upstream(self, letter: Letter) -> Letter:
        """The derivative of the cost as one letter: dC/dY[0,0] is dY[0,0]."""
        following = self._signs[self._place : self._place + 2]
        if letter.name == "dC" and [sign.text for sign in following[:1]] == ["/"]:
            self._advance()
            return self._letter()
        return letter

    @property
    def _next(self) -> Sign:
        return self._signs[self._place]

    def _advance(self) -> Sign:
        sign = self._next
        self._place += sign.kind != "end"
        return sign

    def _sees(self, text: str) -> bool:
        return self._next.kind == "mark" and self._next.text == text

    def _take(self, text: str) -> bool:
        if not self._sees(text):
            return False
        self._advance()
        return True

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise AnswerError(f"{self._where()}, where {text!r} should be")

    def _lost(self) -> AnswerError:
        return AnswerError(f"{self._where()}, where an element or a number should be")

    def _where(self) -> str:
        sign = self._next
        found = "the formula ends" if sign.kind == "end" else f"{sign.text!r} stands"
        return f"cannot read {shortened(self._formula)!r}: {found}"
