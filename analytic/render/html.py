"""One self-contained HTML page: native MathML, light and dark, and a picture to point at."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from gettext import NullTranslations
from typing import Any

from latex2mathml.converter import convert
from markupsafe import Markup, escape

from analytic.calculus.notation import COST, Expr, Partial, split
from analytic.locale import language_of
from analytic.render import _html_picture
from analytic.render._answer_form import AnswerForm, answer_form, answer_style
from analytic.render._environment import environment, part
from analytic.render._latex import RELATIONS, LatexPrinter
from analytic.render._layout import shorten
from analytic.render._punctuation import kept_together
from analytic.render._writer import BlockWriter, more, pixels, relations, selected, sparse
from analytic.telling.document import (
    CaseTable,
    Check,
    Document,
    Formula,
    Formulas,
    Grid,
    Grids,
    Items,
    Matrix,
    Paragraph,
    Step,
)
from analytic.telling.message import Message
from analytic.telling.picture import picture

__all__ = ["AnswerForm", "answer_form", "answer_style", "kept_together", "mathml", "render"]

MOST_FORMULAS = 60
MOST_GRIDS = 8
MOST_SIDE = 16
MOST_PIXELS = 60
MOST_ENTRIES = 24
#: A Jacobian with more cells than this is listed by its entries.
MOST_CELLS = 1500

_STYLES = ("style.css", "try.css")
_SCRIPTS = ("terms.js", "picture.js", "formula.js", "sums.js", "try.js", "scroll.js")


def render(document: Document, translations: NullTranslations) -> str:
    """Write the document as a page that needs nothing from elsewhere."""
    return _Html(document, translations).page()


class _Html(BlockWriter[Markup]):
    def __init__(self, document: Document, translations: NullTranslations) -> None:
        super().__init__(document, translations)
        self._printer = LatexPrinter(self._plain)
        self._blocks: Any = environment().get_template("blocks.html.j2").module

    def page(self) -> str:
        template = environment().get_template("page.html.j2")
        written = template.render(
            language=language_of(self.translations),
            direction="rtl" if self.right_to_left else "ltr",
            title=Markup(self.say(self.document.title)),
            facts=[Markup(self.say(fact)) for fact in self.document.facts],
            steps=[self._step(step) for step in self.document.steps],
            picture=self._picture(),
            style=Markup("".join(map(part, _STYLES))),
            script=Markup("".join(map(part, _SCRIPTS))),
            blocks=self._blocks,
            words={name: self._plain(message) for name, message in _html_picture.WORDS.items()},
        )
        return kept_together(written, right_to_left=self.right_to_left)

    def _step(self, step: Step) -> dict[str, Any]:
        conditions = [self.paragraph(Paragraph(condition)) for condition in step.conditions]
        return {
            "title": Markup(self.say(step.title)),
            "blocks": [*map(self.block, step.blocks), *conditions],
        }

    def _picture(self) -> dict[str, Any] | None:
        derivation = self.document.derivation
        if derivation is None:
            return None
        return _html_picture.view(picture(derivation), self._plain, self.math)

    def paragraph(self, block: Paragraph) -> Markup:
        return Markup("<p>{}</p>").format(Markup(self.say(block.text)))

    def formulas(self, block: Formulas) -> Markup:
        shown = shorten(block.formulas, MOST_FORMULAS, None, first=20, last=4)
        rows = [
            {"more": Markup(self.say(more(len(block.formulas) - len(shown) + 1)))}
            if formula is None
            else {"of": _gradient_of(formula), **self._formula(formula)}
            for formula in shown
        ]
        return Markup(self._blocks.formulas(rows))

    def _formula(self, formula: Formula) -> dict[str, Any]:
        head, *sides = formula.sides
        return {
            "head": self.math(head),
            "tails": [
                list(self._pieces(RELATIONS.get(sign, sign), side))
                for sign, side in zip(relations(formula), sides, strict=True)
            ],
        }

    def _pieces(self, sign: str, side: Expr) -> Iterator[Markup]:
        """A side of a formula in pieces, between which a narrow page may break."""
        for number, term in enumerate(self._printer.terms(side)):
            if number == 0:
                # In braces a minus is a sign, not a difference.
                yield mathml(f"{{}} {sign} {{{term}}}" if term[0] == "-" else f"{{}} {sign} {term}")
            elif term.startswith("-"):
                yield mathml(f"{{}} - {term[1:]}")
            else:
                yield mathml(f"{{}} + {term}")

    def grids(self, block: Grids) -> Markup:
        shown = selected(block.grids, MOST_GRIDS)
        left_out = len(block.grids) - len(shown)
        return Markup(
            self._blocks.grids(
                [self._grid(grid) for grid in shown],
                Markup(self.say(more(left_out))) if left_out else None,
            )
        )

    def _grid(self, grid: Grid) -> dict[str, Any]:
        is_message = isinstance(grid.label, Message)
        label = Markup(self.say(grid.label)) if is_message else self.math(grid.label)
        dots = [r"\vdots"] * len(grid.cells[0])
        cells = [list(map(self._write, row)) for row in grid.cells]
        rows = [
            [mathml(cell) for cell in shorten(row, MOST_SIDE, r"\cdots")]
            for row in shorten(cells, MOST_SIDE, dots)
        ]
        return {"label": label, "sign": ":" if is_message else "=", "rows": rows}

    def matrix(self, block: Matrix) -> Markup:
        jacobian = block.jacobian
        rows, columns = jacobian.shape
        if rows * columns > MOST_CELLS:
            return self._entries(block)
        return Markup(
            self._blocks.matrix(
                mathml(self._printer.slanted(block.label)),
                [self._named(jacobian.by[index]) for index in jacobian.by],
                [
                    (
                        *self._named(jacobian.of[row]),
                        [self.math(entries[c]) if c in entries else None for c in jacobian.by],
                    )
                    for row, entries in jacobian.rows.items()
                ],
            )
        )

    def _named(self, element: Expr) -> tuple[Markup, str]:
        """An element, and its name as text: not every screen reader reads MathML."""
        letter, index = split(element)
        return self.math(element), f"{letter}[{','.join(map(str, index))}]"

    def _entries(self, block: Matrix) -> Markup:
        jacobian = block.jacobian
        listed = list(jacobian.entries.items())
        shown = shorten(listed, MOST_ENTRIES, None, last=4)
        rows = [
            {"more": Markup(self.say(more(len(listed) - len(shown) + 1)))}
            if item is None
            else {
                "of": "",
                **self._formula(
                    Formula((Partial(jacobian.of[item[0][0]], jacobian.by[item[0][1]]), item[1]))
                ),
            }
            for item in shown
        ]
        return self.paragraph(Paragraph(sparse(block))) + Markup(self._blocks.formulas(rows))

    def cases(self, block: CaseTable) -> Markup:
        rows = []
        for name, members in block.cases:
            shown = shorten(members, MOST_PIXELS, None, last=3)
            listed = [mathml(r"\dots") if m is None else self.math(m) for m in shown]
            cut = len(shown) < len(members)
            counted = Markup(self.say(pixels(len(members)))) if cut else None
            rows.append({"name": Markup(self.say(name)), "pixels": listed, "counted": counted})
        return Markup(self._blocks.cases(rows)) + Markup(
            self._blocks.grids([self._grid(block.counts)], None)
        )

    def items(self, block: Items) -> Markup:
        return Markup(self._blocks.items([Markup(self.say(item)) for item in block.items]))

    def check(self, block: Check) -> Markup:
        return Markup(self._blocks.check(Markup(self.say(block.verdict)), block.holds))

    def math(self, expression: Expr) -> Markup:
        """An expression in MathML."""
        return mathml(self._write(expression))

    def inline(self, value: Formula | Expr) -> str:
        if not isinstance(value, Formula):
            return mathml(self._printer.slanted(value))
        if isinstance(value.sides[0], Partial):
            return self._inline_sum(value)
        head, *sides = map(self._printer.slanted, value.sides)
        signs = (RELATIONS.get(sign, sign) for sign in relations(value))
        tail = (f"{sign} {side}" for sign, side in zip(signs, sides, strict=True))
        return mathml(" ".join([head, *tail]))

    def _inline_sum(self, value: Formula) -> str:
        """A sum within a sentence, which a narrow page may break before a term."""
        head, *sides = value.sides
        pieces = [mathml(self._printer.slanted(head))]
        for sign, side in zip(relations(value), sides, strict=True):
            pieces += self._pieces(RELATIONS.get(sign, sign), side)
        return Markup('<span dir="ltr">{}</span>').format(Markup("<wbr>").join(pieces))

    def escape(self, text: str) -> str:
        return str(escape(text))

    def _plain(self, message: Message) -> str:
        """A message without mathematics, not yet escaped."""
        return message.translate(self.translations, str)

    def _write(self, expression: Expr) -> str:
        return str(self._printer.doprint(expression))


@lru_cache(maxsize=1 << 14)
def mathml(latex: str) -> Markup:
    """LaTeX as MathML that flows with the text, its fractions and sums at full height."""
    written = convert(latex, display="block").replace('display="block"', 'displaystyle="true"', 1)
    for sign in ("&#x0002F;", "&#x02202;"):  # / and ∂ stand closer than MathML puts them
        written = written.replace(f"<mo>{sign}</mo>", f'<mo lspace="0" rspace="0">{sign}</mo>')
    return Markup(written)


def _gradient_of(formula: Formula) -> str:
    """The name of the symbol by which the cost is differentiated: where a pointer finds the row."""
    head = formula.sides[0]
    if isinstance(head, Partial) and str(head.args[0]) == COST and head.args[1].is_Symbol:
        return str(head.args[1].name)
    return ""
