"""A finding's picture, laid out: where each cell stands, how it is lit, and its text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from conv_reference.verification.model.picture import Part, Picture, Plane
from conv_reference.verification.report.plain import one_line

HEIGHT = 34  # of a cell, in pixels
_LEAST_WIDTH = 44
_CHARACTER = 8.5
_MOST_CHARACTERS = 10  # of a number that is no integer
_MOST_NUMBERED = 12  # products: more numbers help nobody
SCROLLS = 300  # pixels: what is wider may not fit on a phone

Place = tuple[int, int]


@dataclass(frozen=True)
class Cell:
    """One number, and where it stands."""

    x: int
    y: int
    text: str
    lit: str  # a class of the style; empty where the element has nothing to do with it
    products: str  # the numbers of the products in which it is a factor

    @property
    def whole(self) -> str:
        """The number with those of its products, as it is read out."""
        return f"{self.text} ({self.products})" if self.products else self.text


@dataclass(frozen=True)
class Drawn:
    """One plane."""

    caption: str
    kind: str  # operand, should or is
    cells: tuple[Cell, ...]
    cell_width: int
    width: int
    height: int
    spoken: str

    @property
    def scrolls(self) -> bool:
        """Whether it may be wider than a screen."""
        return self.width > SCROLLS


@dataclass(frozen=True)
class Scene:
    """Everything that is drawn of one finding."""

    operands: tuple[Drawn, ...]
    results: tuple[Drawn, ...]  # what should be, and what is
    legend: tuple[tuple[str, str], ...]  # a class, and what it means
    products: str  # how the numbers of the products are to be read; empty without


def scene(picture: Picture, index: tuple[int, ...]) -> Scene:
    """The picture of a finding.

    Args:
        picture: what diagnosis found.
        index: of the wrong element, in the shape of what comes out.
    """
    own = _place(index[len(picture.should.leading) :])
    name = one_line(picture.should.tensor) + str(list(index)).replace(" ", "")
    operands = tuple(_operand(plane, picture) for plane in picture.operands)
    sides = (picture.should, "should"), (picture.actual, "is")
    results = tuple(_result(plane, kind, picture, own) for plane, kind in sides)
    occurring = {cell.lit for drawn in (*operands, *results) for cell in drawn.cells}
    return Scene(operands, results, tuple(_legend(name, occurring)), _products(picture))


def _legend(name: str, occurring: set[str]) -> Iterator[tuple[str, str]]:
    words = {
        "read": f"belongs to {name}",
        "lacking": f"belongs to {name} and does not get there",
        "added": f"gets into {name} and does not belong there",
        "own": name,
        "off": "wrong, too",
    }
    return ((lit, said) for lit, said in words.items() if lit in occurring)


def _is_numbered(picture: Picture) -> bool:
    return 1 < len(picture.terms) <= _MOST_NUMBERED


def _products(picture: Picture) -> str:
    """How the numbers are to be read, and which of them are lacking or too much."""
    if not _is_numbered(picture):
        return ""
    said = ["Equal numbers are multiplied, and the products added"]
    for part, word in ((Part.LACKING, "Lacking"), (Part.ADDED, "Too much")):
        numbers = [str(n) for n, term in enumerate(picture.terms, start=1) if term.part == part]
        if numbers and len(numbers) < len(picture.terms):
            said.append(f"{word}: {', '.join(numbers)}")
    return "".join(f"{sentence}. " for sentence in said).strip()


def _operand(plane: Plane, picture: Picture) -> Drawn:
    lit: dict[Place, str] = {}
    products: dict[Place, list[str]] = {}
    classes = {Part.SHOULD: "read", Part.LACKING: "lacking", Part.ADDED: "added"}
    for number, term in enumerate(picture.terms, start=1):
        for letter, index in term.factors:
            if (letter, index[: len(plane.leading)]) != (plane.tensor, plane.leading):
                continue
            place = _place(index[len(plane.leading) :])
            lit.setdefault(place, classes[term.part])  # what is added comes last
            products.setdefault(place, []).append(str(number))
    if not _is_numbered(picture):
        products = {}
    return _drawn(plane, "operand", plane.label, lit, products)


def _result(plane: Plane, kind: str, picture: Picture, own: Place) -> Drawn:
    lit = {
        (row, column): "off"
        for row, (should, actual) in enumerate(
            zip(picture.should.numbers, picture.actual.numbers, strict=False)
        )
        for column, (one, other) in enumerate(zip(should, actual, strict=False))
        if one != other
    }
    verb = "should be" if kind == "should" else "is"
    return _drawn(plane, kind, f"{plane.label} {verb}", lit | {own: "own"}, {})


def _place(index: tuple[int, ...]) -> Place:
    """Row and column; what has one dimension is one row."""
    row, column = (0, 0, *index)[-2:]
    return row, column


def _drawn(
    plane: Plane,
    kind: str,
    caption: str,
    lit: Mapping[Place, str],
    products: Mapping[Place, Iterable[str]],
) -> Drawn:
    texts = [[_short(number) for number in row] for row in plane.numbers]
    longest = max((len(text) for row in texts for text in row), default=0)
    width = max(_LEAST_WIDTH, round(longest * _CHARACTER) + 14)
    cells = tuple(
        Cell(
            1 + column * width,
            1 + row * HEIGHT,
            text,
            lit.get((row, column), ""),
            ",".join(products.get((row, column), ())),
        )
        for row, line in enumerate(texts)
        for column, text in enumerate(line)
    )
    columns = max(map(len, texts), default=0)
    return Drawn(
        one_line(caption),
        kind,
        cells,
        width,
        columns * width + 2,
        len(texts) * HEIGHT + 2,
        _spoken(one_line(caption), cells, columns),
    )


def _short(number: str) -> str:
    text = one_line(number)
    is_whole = text.lstrip("-").isdecimal()
    if is_whole or len(text) <= _MOST_CHARACTERS:
        return text
    return text[: _MOST_CHARACTERS - 1] + "…"


_SPOKEN = {
    "read": "belongs",
    "lacking": "belongs and lacks",
    "added": "does not belong",
    "own": "the element",
    "off": "wrong, too",
}


def _spoken(caption: str, cells: tuple[Cell, ...], columns: int) -> str:
    """The plane in words: its rows, and in each what is lit."""
    said = [f"{cell.whole}{f' {_SPOKEN[cell.lit]}' if cell.lit else ''}" for cell in cells]
    rows = [", ".join(said[start : start + columns]) for start in range(0, len(said), columns or 1)]
    return f"{caption}: {'; '.join(rows)}"
