"""Plain text in Unicode, 80 columns wide, as it would be written on a board."""

from __future__ import annotations

from collections.abc import Iterable
from gettext import NullTranslations

from analytic.document import (
    Block,
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
from analytic.differentiation import Jacobian
from analytic.message import Message, _n
from analytic.notation import Expr
from analytic.render._layout import (
    MARGIN,
    ROOM,
    WIDTH,
    bracketed,
    labelled,
    shorten,
    shorten_cells,
    side_by_side,
    table,
    wrap,
)
from analytic.render._unicode import NO_BREAK, UnicodePrinter

MOST_FORMULAS = 24
MOST_GRIDS = 6
MOST_PIXELS = 24
MOST_ENTRIES = 12
#: A Jacobian with more cells than this is listed by its entries.
MOST_CELLS = 300


def render(document: Document, translations: NullTranslations) -> str:
    """Write the document as plain text."""
    return _Text(document, translations).document()


class _Text:
    def __init__(self, document: Document, translations: NullTranslations) -> None:
        derivation = document.derivation
        tensors = () if derivation is None else (derivation.X, derivation.K, derivation.Y)
        # One digit for each index, or the subscripts could be read in two ways.
        self._printer = UnicodePrinter(
            compact=all(size <= 10 for tensor in tensors for size in tensor.shape)
        )
        self._document = document
        self._translations = translations

    def document(self) -> str:
        title = self._say(self._document.title)
        lines = [*wrap(title), "═" * min(len(title), WIDTH)]
        if self._document.facts:
            lines += wrap(" · ".join(map(self._say, self._document.facts)))
        for number, step in enumerate(self._document.steps, start=1):
            lines += ["", f"{number}. {self._say(step.title)}", ""]
            lines += [(MARGIN + line).rstrip() for line in self._step(step)]
        return "\n".join(lines).replace(NO_BREAK, " ") + "\n"

    def _step(self, step: Step) -> list[str]:
        lines: list[str] = []
        for block in step.blocks:
            lines += [*self._block(block), ""]
        for condition in step.conditions:
            lines += [*wrap(self._say(condition)), ""]
        return lines[:-1]

    def _block(self, block: Block) -> list[str]:
        match block:
            case Paragraph(text):
                return wrap(self._say(text))
            case Formulas(formulas):
                return self._formulas(formulas)
            case Grids(grids):
                return self._grids(grids)
            case Matrix(label, jacobian):
                return self._matrix(label, jacobian)
            case CaseTable():
                return self._cases(block)
            case Items(items):
                return [line for item in items for line in wrap(f"– {self._say(item)}", 2)]
            case Check(verdict, holds):
                return wrap(f"{'✓' if holds else '✗'} {self._say(verdict)}", 2)

    def _formulas(self, formulas: tuple[Formula, ...]) -> list[str]:
        shown: list[Formula | None] = list(formulas)
        if len(formulas) > MOST_FORMULAS:
            shown = [*formulas[:6], None, *formulas[-2:]]
        heads = [self._write(f.sides[0]) for f in shown if f is not None]
        width = max(map(len, heads), default=0)
        lines: list[str] = []
        for formula in shown:
            if formula is None:
                left_out = len(formulas) - len(shown) + 1
                lines.append(f"{'⋮':^{width}} {self._say(_more(left_out))}")
                continue
            lines += wrap(self._formula(formula, width), width + 3)
        return lines

    def _grids(self, grids: tuple[Grid, ...]) -> list[str]:
        lines = side_by_side([self._grid(grid) for grid in grids[:MOST_GRIDS]])
        if len(grids) > MOST_GRIDS:
            lines += ["", f"⋮ {self._say(_more(len(grids) - MOST_GRIDS))}"]
        return lines

    def _grid(self, grid: Grid) -> list[str]:
        is_message = isinstance(grid.label, Message)
        name = self._say(grid.label) if is_message else self._write(grid.label)
        label = f"{name}: " if is_message else f"{name} = "
        cells = [[self._write(cell) for cell in row] for row in grid.cells]
        return labelled(label, bracketed(shorten_cells(cells, ROOM - len(label) - 4)))

    def _matrix(self, label: Expr, jacobian: Jacobian) -> list[str]:
        rows, columns = jacobian.shape
        if rows * columns > MOST_CELLS:
            return self._entries(label, jacobian)
        cells = [
            [self._write(entries[c]) if c in entries else "0" for c in jacobian.by]
            for entries in jacobian.rows.values()
        ]
        row_labels = [self._write(jacobian.of[index]) for index in jacobian.of]
        column_labels = [self._write(jacobian.by[index]) for index in jacobian.by]
        return [f"{self._write(label)}:", "", *table(row_labels, column_labels, cells)]

    def _entries(self, label: Expr, jacobian: Jacobian) -> list[str]:
        rows, columns = jacobian.shape
        text = _n(
            "{label} has {rows} × {columns} elements. All but {number} are 0:",
            "{label} has {rows} × {columns} elements. All but {number} are 0:",
            len(jacobian.entries),
            label=label,
            rows=rows,
            columns=columns,
        )
        lines = [*wrap(self._say(text)), ""]
        listed = list(jacobian.entries.items())
        for place in shorten(range(len(listed)), MOST_ENTRIES, -1, 3):
            if place < 0:
                lines.append(f"⋮ {self._say(_more(len(listed) - MOST_ENTRIES + 1))}")
                continue
            (row, column), entry = listed[place]
            by = self._write(jacobian.by[column])
            lines.append(f"∂{self._write(jacobian.of[row])}/∂{by} = {self._write(entry)}")
        return lines

    def _cases(self, block: CaseTable) -> list[str]:
        names = [f"{self._say(name)}:" for name, _pixels in block.cases]
        width = max(map(len, names))
        lines: list[str] = []
        for name, (_name, pixels) in zip(names, block.cases, strict=True):
            lines += wrap(f"{name:<{width}} {self._list(pixels)}", width + 1)
        return [*lines, "", *self._grid(block.counts)]

    def _list(self, pixels: Iterable[Expr]) -> str:
        listed = list(pixels)
        shown = shorten(listed, MOST_PIXELS, None, 2)
        text = ", ".join("…" if pixel is None else self._write(pixel) for pixel in shown)
        if len(shown) == len(listed):
            return text
        counted = _n("{number} pixel", "{number} pixels", len(listed))
        return f"{text} ({self._say(counted)})"

    def _say(self, message: Message) -> str:
        return message.translate(self._translations, self._inline)

    def _inline(self, value: Formula | Expr) -> str:
        text = self._formula(value) if isinstance(value, Formula) else self._write(value)
        return text.replace(" ", NO_BREAK)

    def _formula(self, formula: Formula, width: int = 0) -> str:
        head, *rest = map(self._write, formula.sides)
        relations = formula.relations or ("=",) * len(rest)
        tail = (f"{r} {side}" for r, side in zip(relations, rest, strict=True))
        return " ".join([f"{head:<{width}}", *tail])

    def _write(self, expression: Expr) -> str:
        return str(self._printer.doprint(expression))


def _more(number: int) -> Message:
    return _n("({number} more)", "({number} more)", number)
