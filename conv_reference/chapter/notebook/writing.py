"""``conv-reference chapter --notebook``: the cells, from the parts of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from conv_reference.chapter.language import LANGUAGES, translations
from conv_reference.chapter.notebook.cells import Cell, notebook, prose
from conv_reference.chapter.own import book
from conv_reference.chapter.page import titles
from conv_reference.chapter.parts import PARTS
from conv_reference.chapter.parts.material import QUICK_IMAGES
from conv_reference.chapter.statements import OWN_GRADIENTS, STATEMENTS, Statement, claims

Gettext = Callable[[str], str]


def write(
    *,
    language: str = "en",
    only: Sequence[str] = (),
    data: Path | None = None,
    images: int | None = None,
    quick: bool = False,
    seed: int = 0,
) -> str:
    """The notebook's file, its cells not yet run.

    Args:
        language: of its text, en or he.
        only: names of parts; none means all.
        data: the folder of the images; where they are usually found if not given.
        images: how many; all, or the quick version's, where not given.
        quick: whether less is computed.
        seed: of the runs.

    Raises:
        ValueError: when the language is unknown.
    """
    _ = translations(language).gettext
    images = QUICK_IMAGES if images is None and quick else images
    cells = [_opening(_), Cell("code", _setup(data, images, seed, quick=quick))]
    for name in PARTS:
        if not only or name in only:
            cells += [Cell("markdown", f"## {titles(_)[name]}"), *_CELLS[name](name, language, _)]
    direction = LANGUAGES[language]
    return notebook(
        [prose(cell.source, direction) if cell.kind == "markdown" else cell for cell in cells]
    )


def _opening(_: Gettext) -> Cell:
    title = _("A convolution learns: the chapter, run")
    text = _(
        "The chapter, to be run and changed. A section in a frame is that of the page, computed "
        "by its cell: `section(...).part` holds the numbers."
    )
    return Cell("markdown", f"# {title}\n\n{text}")


def _setup(data: Path | None, images: int | None, seed: int, *, quick: bool) -> str:
    folder = "" if data is None else f"Path({str(data)!r})"
    plan = "QUICK" if quick else "FULL"
    lines = [
        *(["from pathlib import Path", ""] if folder else []),
        "import torch",
        "from conv_reference.chapter.data import load",
        "from conv_reference.chapter.notebook import own, section",
        f"from conv_reference.chapter.parts.material import {plan}, Material",
        "from conv_reference.chapter.training import Settings",
        "",
        "torch.set_num_threads(1)  # such small tensors gain nothing by a second thread",
        f"pixels = load({folder}).pixels[:{'' if images is None else images}]",
        f"material = Material(torch.from_numpy(pixels), Settings(seed={seed}), {plan})",
        "material.pixels.shape",
    ]
    return "\n".join(lines)


def _section(name: str, language: str, _: Gettext) -> Iterator[Cell]:
    yield Cell("code", f'section("{name}", material, "{language}")')


def _code(_name: str, _language: str, _: Gettext) -> Iterator[Cell]:
    yield Cell("markdown", f"```python\n{book.LAYER}```")
    for statement in STATEMENTS:
        yield from _ran(statement, _)


def _experiment(name: str, language: str, _: Gettext) -> Iterator[Cell]:
    yield Cell(
        "code",
        "from conv_reference.chapter.training import Run\n\n"
        "run = Run(material.images(), material.settings).finish()\n"
        "print(run.losses[0], run.final_loss)\nrun.kernel",
    )
    yield from _section(name, language, _)


def _exercise_3(name: str, language: str, _: Gettext) -> Iterator[Cell]:
    yield from _section(name, language, _)
    yield from _ran(OWN_GRADIENTS, _)
    yield Cell("markdown", _("The derivation itself; any other size may stand here:"))
    yield Cell(
        "code",
        "from analytic import Geometry, derive\n\nderive(Geometry(input=(2, 3), kernel=(1, 2)))",
    )


def _own(_name: str, language: str, _: Gettext) -> Iterator[Cell]:
    yield Cell("markdown", _("Put your own layer in the place of this one, and run both cells:"))
    yield Cell("code", book.LAYER)
    yield Cell("code", f'own({book.NAME}, "{language}")')


def _ran(statement: Statement, _: Gettext) -> Iterator[Cell]:
    title, text = claims(_)[statement.name]
    yield Cell("markdown", f"### {title}\n\n{text}")
    yield Cell("code", statement.code)


_CELLS: dict[str, Callable[[str, str, Gettext], Iterator[Cell]]] = {
    **dict.fromkeys(PARTS, _section),
    "code": _code,
    "experiment": _experiment,
    "exercise-3": _exercise_3,
    "check-your-own": _own,
}
