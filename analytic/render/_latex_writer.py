"""The mathematics of a document in LaTeX, for those formats that embed it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from gettext import NullTranslations
from math import ceil

from analytic.calculus.notation import Expr, Partial
from analytic.render._latex import RELATIONS, LatexPrinter, joined, measure
from analytic.render._layout import shorten
from analytic.render._writer import BlockWriter, more, relations, selected, sparse
from analytic.telling.document import Document, Formula, Formulas, Grid, Grids, Matrix
from analytic.telling.message import Message

MOST_FORMULAS = 24
MOST_GRIDS = 6
MOST_ROWS = 10
MOST_PIXELS = 40
MOST_ENTRIES = 12
#: A Jacobian with more cells than this is listed by its entries.
MOST_CELLS = 300
#: The width of a line, in letters.
ROOM = 50.0
#: What lies between two columns of a matrix, in letters.
_GAP = 1.2


class LatexWriter(BlockWriter[str]):
    """Formulas, grids and matrices; the subclass says how displayed mathematics is set off."""

    def __init__(self, document: Document, translations: NullTranslations) -> None:
        super().__init__(document, translations)
        self._printer = LatexPrinter(self.say)

    @abstractmethod
    def display(self, mathematics: str) -> str:
        """Mathematics on lines of its own."""

    @abstractmethod
    def aligned(self, rows: Sequence[str]) -> str:
        """Rows of mathematics, each with an & where they are aligned."""

    @abstractmethod
    def words(self, message: Message) -> str:
        """Prose within displayed mathematics."""

    def formulas(self, block: Formulas) -> str:
        rows: list[str] = []
        shown = shorten(block.formulas, MOST_FORMULAS, None, first=6, last=2)
        for formula in shown:
            if formula is None:
                left_out = self.words(more(len(block.formulas) - len(shown) + 1))
                rows.append(rf"\vdots\ & \quad {left_out}")
            else:
                rows += self._rows(formula)
        if len(rows) == 1:
            return self.display(rows[0].replace(" &", " ", 1))
        return self.aligned(rows)

    def _rows(self, formula: Formula) -> Iterator[str]:
        """One formula; a further side that does not fit, or the rest of a sum, goes below."""
        head, *sides = formula.sides
        row = self.write(head) + " &"
        taken = measure(self.write(head))
        for place, (sign, side) in enumerate(zip(_signs(formula), sides, strict=True)):
            if place and taken + measure(self.write(side)) > ROOM:
                yield row.rstrip()
                row, taken = "&", 4.0
            row += f"{sign} "
            for number, part in enumerate(self._parts(side, ROOM - taken)):
                if number:
                    yield row
                    row = r"&\quad "
                row += part
            row += " "
            taken = measure(row) + 4.0
        yield row.rstrip()

    def _parts(self, expression: Expr, room: float) -> Iterator[str]:
        terms = self._printer.terms(expression)
        part: list[str] = []
        for term in terms:
            if part and measure(joined([*part, term])) > room:
                yield self._continued(part, terms)
                part = []
            part.append(term)
        yield self._continued(part, terms)

    @staticmethod
    def _continued(part: list[str], terms: list[str]) -> str:
        """A part of a sum; one that goes on begins with its sign."""
        if part[0] is terms[0] or part[0].startswith("-"):
            return joined(part)
        return "{} + " + joined(part)

    def grids(self, block: Grids) -> str:
        shown = selected(block.grids, MOST_GRIDS)
        lines: list[list[str]] = []
        taken = ROOM
        for grid in shown:
            if self.right_to_left and isinstance(grid.label, Message):
                return self._captioned(shown)
            written, width = self.grid(grid)
            if taken + width > ROOM:
                lines.append([])
                taken = 0
            lines[-1].append(written)
            taken += width + 3
        displays = [self.display(r" \qquad ".join(line)) for line in lines]
        if len(shown) < len(block.grids):
            left_out = self.words(more(len(block.grids) - len(shown)))
            displays.append(self.display(rf"\vdots \quad {left_out}"))
        return "\n\n".join(displays)

    def _captioned(self, grids: Sequence[Grid]) -> str:
        """Each label in a line of its own: prose from the right has no place in a formula."""
        return "\n\n".join(
            f"{self.say(grid.label)}:\n\n{self.display(self.grid(grid, label='')[0])}"
            for grid in grids
        )

    def grid(self, grid: Grid, *, label: str | None = None) -> tuple[str, float]:
        """A grid with its label, and its width."""
        if label is None:
            label = (
                rf"{self.words(grid.label)}\colon\ "
                if isinstance(grid.label, Message)
                else f"{self.write(grid.label)} = "
            )
        cells = [list(map(self.write, row)) for row in grid.cells]
        widest = max(measure(cell) for row in cells for cell in row) + _GAP
        kept = max(3, int((ROOM - measure(label) - 2) / widest))
        dots = [r"\vdots"] * len(cells[0])
        rows = [shorten(row, kept, r"\cdots") for row in shorten(cells, MOST_ROWS, dots, first=3)]
        return f"{label}{_bracketed(rows)}", measure(label) + 2 + widest * len(rows[0])

    def matrix(self, block: Matrix) -> str:
        jacobian = block.jacobian
        rows, columns = jacobian.shape
        if rows * columns > MOST_CELLS:
            return self._entries(block)
        heads = [self.write(jacobian.by[index]) for index in jacobian.by]
        labels = [self.write(jacobian.of[index]) for index in jacobian.of]
        body = [
            [self.write(entries[c]) if c in entries else "0" for c in jacobian.by]
            for entries in jacobian.rows.values()
        ]
        widest = max(measure(cell) for row in (heads, *body) for cell in row) + _GAP
        label = self.inline_math(block.label)
        most = max(1, int((ROOM - measure(label) - max(map(measure, labels)) - 3) / widest))
        kept = ceil(columns / ceil(columns / most))  # blocks of about one width
        return "\n\n".join(
            self.display(
                (rf"{label}\colon\quad " if start == 0 else r"\cdots\quad ")
                + _table(
                    labels, heads[start : start + kept], [r[start : start + kept] for r in body]
                )
            )
            for start in range(0, len(heads), kept)
        )

    def _entries(self, block: Matrix) -> str:
        jacobian = block.jacobian
        listed = list(jacobian.entries.items())
        rows = []
        for item in shorten(listed, MOST_ENTRIES, None, last=3):
            if item is None:
                left_out = self.words(more(len(listed) - MOST_ENTRIES + 1))
                rows.append(rf"\vdots\ & \quad {left_out}")
            else:
                (row, column), entry = item
                head = Partial(jacobian.of[row], jacobian.by[column])
                rows.append(f"{self.write(head)} &= {self.write(entry)}")
        return f"{self.say(sparse(block))}\n\n{self.aligned(rows)}"

    def pixels(self, members: Sequence[Expr]) -> list[str]:
        """Some pixels, the middle of a long list left out."""
        shown = shorten(list(members), MOST_PIXELS, None, last=2)
        return [r"\dots" if pixel is None else self.write(pixel) for pixel in shown]

    def inline_math(self, value: Formula | Expr) -> str:
        """Mathematics that is no higher than a line of prose."""
        if not isinstance(value, Formula):
            return self._printer.slanted(value)
        head, *sides = map(self._printer.slanted, value.sides)
        tail = (f"{s} {side}" for s, side in zip(_signs(value), sides, strict=True))
        return " ".join([head, *tail])

    def write(self, expression: Expr) -> str:
        """An expression as it is displayed."""
        return str(self._printer.doprint(expression))


def _signs(formula: Formula) -> list[str]:
    return [RELATIONS.get(sign, sign) for sign in relations(formula)]


def _bracketed(rows: Sequence[Sequence[str]]) -> str:
    body = r" \\ ".join(" & ".join(row) for row in rows)
    return rf"\left[\begin{{array}}{{{'c' * len(rows[0])}}} {body} \end{{array}}\right]"


def _table(labels: Sequence[str], heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"{label} & {' & '.join(row)}" for label, row in zip(labels, rows, strict=True)]
    body = r" \\ ".join(lines)
    columns = f"c|{'c' * len(heads)}"
    # The strut keeps the first row off the line above it.
    head = rf"& {' & '.join(heads)} \\ \hline \rule{{0pt}}{{2.4ex}}"
    return rf"\begin{{array}}{{{columns}}} {head}{body} \end{{array}}"
