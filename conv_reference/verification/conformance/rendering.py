"""The table as text, Markdown or a page; what comes from a report is hostile until escaped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from conv_reference.verification.conformance import table
from conv_reference.verification.conformance.read_report import Run
from conv_reference.verification.report.markdown import code, fenced
from conv_reference.verification.report.plain import one_line, printable


def rendered(runs: Sequence[Run], form: str) -> str:
    """The whole.

    Args:
        runs: of the frameworks, in the order of the columns.
        form: text, markdown or html.
    """
    forms: dict[str, Callable[[Sequence[Run]], str]] = {
        "text": _text,
        "markdown": _markdown,
        "html": _html,
    }
    return forms[form](runs)


def _text(runs: Sequence[Run]) -> str:
    lines = [table.head(runs), *((r.title, *(c.text for c in r.cells)) for r in table.rows(runs))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = ["  ".join(map(str.ljust, cells, widths)).rstrip() for cells in lines]
    failed = [line for said in table.failures(runs) for line in ("", said)]
    return "\n".join([*aligned, "", table.LEGEND, *failed, *_listed(runs)]) + "\n"


def _listed(runs: Sequence[Run]) -> Iterator[str]:
    for run in runs:
        for found in run.findings:
            known = "known, " if found.known else ""
            yield ""
            yield one_line(f"{run.name}: {known}{found.rows[0]}, {found.title}")
            yield one_line(f"  {found.reproduce}")


def _markdown(runs: Sequence[Run]) -> str:
    lines = [_cells([_word(name) for name in table.head(runs)]), _cells(["---"] * (len(runs) + 1))]
    for row in table.rows(runs):
        cells = (f"**{_word(c.text)}**" if c.bad else _word(c.text) for c in row.cells)
        lines.append(_cells([_word(row.title), *cells]))
    failed = (f"not run: {code(said)}" for said in table.failures(runs))
    blocks = ["\n".join(lines), table.LEGEND, *failed, *_folded(runs)]
    return "\n\n".join(blocks) + "\n"


def _folded(runs: Sequence[Run]) -> Iterator[str]:
    for run in runs:
        for found in run.findings:
            known = "known, " if found.known else ""
            yield f"{code(run.name)}: {known}{code(f'{found.rows[0]}, {found.title}')}"
            yield fenced(found.explanation)
            yield fenced(found.reproduce, "console")


def _word(text: str) -> str:
    """Words of our own as they are, all else as code; no cell ends before it should."""
    plain = text.replace("_", "").replace("/", "").replace(".", "").replace(" ", "")
    safe = plain.isascii() and plain.replace("-", "").replace(",", "").isalnum()
    return text if safe or text in {"", table.NOT_ASKED} else code(text).replace("|", "&#124;")


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _html(runs: Sequence[Run]) -> str:
    package = "conv_reference.verification.conformance"
    environment = Environment(
        loader=PackageLoader(package, ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"line": one_line, "printable": printable}
    return environment.get_template("page.html.j2").render(
        head=table.head(runs),
        rows=[*table.rows(runs)],
        runs=runs,
        legend=table.LEGEND,
        failures=[*table.failures(runs)],
    )
