"""Plain text in Unicode, 80 columns wide, as it would be written on a board."""

from __future__ import annotations

from collections.abc import Iterable
from gettext import NullTranslations

from analytic.calculus.notation import Expr
from analytic.render._direction import isolated, word
from analytic.render._layout import (
    MARGIN,
    NO_BREAK,
    ROOM,
    WIDTH,
    bracketed,
    labelled,
    printed_width,
    shorten,
    shorten_cells,
    side_by_side,
    table,
    wrap,
)
from analytic.render._unicode import UnicodePrinter
from analytic.render._writer import (
    BlockWriter,
    more,
    pixels,
    relations,
    selected,
    sparse,
)
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

MOST_FORMULAS = 24
MOST_GRIDS = 6
MOST_PIXELS = 24
MOST_ENTRIES = 12
#: A Jacobian with more cells than this is listed by its entries.
MOST_CELLS = 300


def render(document: Document, translations: NullTranslations) -> str:
    """Write the document as plain text."""
    return _Text(document, translations).text()


def passage(document: Document, translations: NullTranslations) -> str:
    """Write the blocks alone, without title and headings: an answer of a few lines."""
    writer = _Text(document, translations)
    lines = [
        line for step in document.steps for block in step.blocks for line in writer.block(block)
    ]
    return "\n".join(lines).replace(NO_BREAK, " ") + "\n"


class _Text(BlockWriter[list[str]]):
    def __init__(self, document: Document, translations: NullTranslations) -> None:
        super().__init__(document, translations)
        self._printer = UnicodePrinter(self._word, compact=document.has_one_digit_indices)

    def _word(self, message: Message) -> str:
        """A word within a formula."""
        text = self.say(message)
        return word(text) if self.right_to_left else text

    def text(self) -> str:
        title = self.say(self.document.title)
        lines = [*wrap(title), "═" * min(printed_width(title), WIDTH)]
        if self.document.facts:
            lines += wrap(" · ".join(map(self.say, self.document.facts)))
        for number, step in enumerate(self.document.steps, start=1):
            lines += ["", *wrap(f"{number}. {self.say(step.title)}", 3), ""]
            lines += [(MARGIN + line).rstrip() for line in self._step(step)]
        return "\n".join(lines).replace(NO_BREAK, " ") + "\n"

    def _step(self, step: Step) -> list[str]:
        lines: list[str] = []
        for block in step.blocks:
            lines += [*self.block(block), ""]
        for condition in step.conditions:
            lines += [*wrap(self.say(condition)), ""]
        return lines[:-1]

    def paragraph(self, block: Paragraph) -> list[str]:
        return wrap(self.say(block.text))

    def formulas(self, block: Formulas) -> list[str]:
        shown = shorten(block.formulas, MOST_FORMULAS, None, first=6, last=2)
        heads = [self._write(f.sides[0]) for f in shown if f is not None]
        width = max(map(len, heads), default=0)
        lines: list[str] = []
        for formula in shown:
            if formula is None:
                left_out = len(block.formulas) - len(shown) + 1
                lines.append(f"{'⋮':^{width}} {self.say(more(left_out))}")
                continue
            lines += self._lines(formula, width)
        return lines

    def _lines(self, formula: Formula, width: int) -> list[str]:
        """A formula on one line; where it is too long, each side on its own."""
        whole = self._formula(formula, width)
        if len(whole) <= ROOM or len(formula.sides) == 2:
            return wrap(whole, width + 3)
        head, *_rest = whole.split(" ", 1)
        lines: list[str] = []
        for sign, side in zip(relations(formula), formula.sides[1:], strict=True):
            lines += wrap(f"{'' if lines else head:<{width}} {sign} {self._write(side)}", width + 3)
        return lines

    def grids(self, block: Grids) -> list[str]:
        shown = selected(block.grids, MOST_GRIDS)
        lines = side_by_side([self._grid(grid) for grid in shown])
        if len(shown) < len(block.grids):
            lines += ["", f"⋮ {self.say(more(len(block.grids) - len(shown)))}"]
        return lines

    def _grid(self, grid: Grid) -> list[str]:
        cells = [[self._write(cell) for cell in row] for row in grid.cells]
        if not isinstance(grid.label, Message):
            label = f"{self._write(grid.label)} = "
        elif self.right_to_left:
            # On one line with the numbers, such a label would turn them round.
            name = self.say(grid.label) + ":"
            body = bracketed(shorten_cells(cells, ROOM - 4))
            room = max(printed_width(name), len(body[0]))
            return [line.ljust(room) for line in (name, *body)]
        else:
            label = f"{self.say(grid.label)}: "
        return labelled(label, bracketed(shorten_cells(cells, ROOM - len(label) - 4)))

    def matrix(self, block: Matrix) -> list[str]:
        jacobian = block.jacobian
        rows, columns = jacobian.shape
        if rows * columns > MOST_CELLS:
            return self._entries(block)
        cells = [
            [self._write(entries[c]) if c in entries else "0" for c in jacobian.by]
            for entries in jacobian.rows.values()
        ]
        row_labels = [self._write(jacobian.of[index]) for index in jacobian.of]
        column_labels = [self._write(jacobian.by[index]) for index in jacobian.by]
        return [f"{self._write(block.label)}:", "", *table(row_labels, column_labels, cells)]

    def _entries(self, block: Matrix) -> list[str]:
        jacobian = block.jacobian
        lines = [*wrap(self.say(sparse(block))), ""]
        listed = list(jacobian.entries.items())
        for item in shorten(listed, MOST_ENTRIES, None, last=3):
            if item is None:
                lines.append(f"⋮ {self.say(more(len(listed) - MOST_ENTRIES + 1))}")
                continue
            (row, column), entry = item
            by = self._write(jacobian.by[column])
            lines.append(f"∂{self._write(jacobian.of[row])}/∂{by} = {self._write(entry)}")
        return lines

    def cases(self, block: CaseTable) -> list[str]:
        names = [f"{self.say(name)}:" for name, _pixels in block.cases]
        width = max(map(len, names))
        lines: list[str] = []
        for name, (_name, members) in zip(names, block.cases, strict=True):
            lines += wrap(f"{name:<{width}} {self._list(members)}", width + 1)
        return [*lines, "", *self._grid(block.counts)]

    def items(self, block: Items) -> list[str]:
        return [line for item in block.items for line in wrap(f"– {self.say(item)}", 2)]

    def check(self, block: Check) -> list[str]:
        return wrap(f"{'✓' if block.holds else '✗'} {self.say(block.verdict)}", 2)

    def _list(self, members: Iterable[Expr]) -> str:
        listed = list(members)
        shown = shorten(listed, MOST_PIXELS, None, last=2)
        text = ", ".join("…" if pixel is None else self._write(pixel) for pixel in shown)
        if self.right_to_left:
            text = isolated(text)
        return text if len(shown) == len(listed) else f"{text} ({self.say(pixels(len(listed)))})"

    def inline(self, value: Formula | Expr) -> str:
        text = self._formula(value) if isinstance(value, Formula) else self._write(value)
        if self.right_to_left:
            text = isolated(text)
        return text.replace(" ", NO_BREAK)

    def _formula(self, formula: Formula, width: int = 0) -> str:
        head, *rest = map(self._write, formula.sides)
        tail = (f"{sign} {side}" for sign, side in zip(relations(formula), rest, strict=True))
        return " ".join([f"{head:<{width}}", *tail])

    def _write(self, expression: Expr) -> str:
        return str(self._printer.doprint(expression))
