"""One self-contained page: no network, light and dark, and nothing of the target's is markup.

Every text is escaped by the template; and a policy in the page's head lets no script run but the
page's own, were one to slip through.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from json import dumps
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from conv_reference.verification.model.grids import by_marks
from conv_reference.verification.model.result import Report, Verdict
from conv_reference.verification.report._bits import charts
from conv_reference.verification.report._derived import Derived, derived
from conv_reference.verification.report._map import maps
from conv_reference.verification.report._picture import HEIGHT, scene
from conv_reference.verification.report._refused import not_put, unsupported
from conv_reference.verification.report._rows import Shown, shown
from conv_reference.verification.report.calling import calling
from conv_reference.verification.report.derivation import derivation
from conv_reference.verification.report.groups import Group, groups
from conv_reference.verification.report.plain import one_line, printable
from conv_reference.verification.report.sizes_in_words import in_words
from conv_reference.verification.report.summary import (
    headline,
    numbers,
    provenance,
    remarks,
    versions,
)
from conv_reference.verification.report.view import PLAIN, Top, View

MOST_WRITTEN = 200  # findings; further ones wait as text until they are asked for
SUFFIXES = (".html", ".htm")


def render(report: Report, view: View = PLAIN) -> str:
    """The report as a page that needs nothing from elsewhere."""
    top = view.top or _alone(report)
    gathered = groups(top.findings)
    checks = shown(report, gathered)
    anchors = {
        row.name: row.number
        for row in (*checks.open, *checks.following, *checks.rounding, *checks.folded)
        if row.about
    }
    pages = derived(group.first for group in gathered)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            policy=_policy(pages),
            style=Markup(_part("style.css")),
            script=Markup(_part("script.js")),
            state=top.state,
            mark=top.mark,
            target=one_line(report.target),
            headline=top.headline,
            written=MOST_WRITTEN,
            sections=[(title, [*map(one_line, lines)]) for title, lines in top.sections if lines],
            checks=checks,
            charts=charts(report),
            cell_height=HEIGHT,
            filters=_filters(gathered, checks),
            numbers=numbers(gathered, strict=report.strict),
            groups=[_group(group, anchors, pages) for group in gathered],
            pages=[*pages.pages.values()],
            unsupported=unsupported(report),
            not_put=not_put(report),
            remarks=[
                *([one_line(top.footnote)] if top.footnote else ()),
                *map(_sentence, (*calling(report), *remarks(report))),
            ],
            versions=versions(report),
            provenance=provenance(report),
        )
    )


def _alone(report: Report) -> Top:
    state, mark = _badge(report)
    return Top(state, mark, headline(report), findings=report.findings)


def _badge(report: Report) -> tuple[str, str]:
    """The state, which is a colour, and one or two words for it."""
    if report.verdict == Verdict.UNSUPPORTED:
        return "unchecked", "not checked"
    if report.passed:
        return "right", "right"
    as_expected = not (report.unexpected or report.unjudged)
    if report.is_right and as_expected:  # the clock or an interrupt kept it from most cases
        return "unchecked", "barely tried"
    return "wrong", "not right"


def _filters(gathered: Sequence[Group], checks: Shown) -> dict[str, list[str]]:
    """What there is to choose among; empty where there is no choice."""
    dtypes = dict.fromkeys((*checks.dtypes, *(d for g in gathered for d in _dtypes(g))))
    quantities = dict.fromkeys(q for g in gathered for q in _quantities(g))
    return {
        "dtypes": [*dtypes] if len(dtypes) > 1 else [],
        "quantities": [*quantities] if len(quantities) > 1 else [],
    }


def _dtypes(group: Group) -> list[str]:
    return [*dict.fromkeys(one_line(f.dtype) for f in group.findings)]


def _quantities(group: Group) -> list[str]:
    return [*dict.fromkeys(one_line(f.quantity) for f in group.findings if f.quantity)]


def _group(group: Group, anchors: Mapping[str, int], pages: Derived) -> dict[str, Any]:
    first = group.first
    codes = (
        ("To see it again", "command", first.reproduce),
        ("What it should be, derived", "command", "" if first.known else derivation(first)),
        ("In Python", "python", first.snippet),
    )
    return {
        "first": first,
        "title": group.title,
        "sizes": in_words(first.geometry),
        "known": None if first.known is None else one_line(first.known),
        "explanation": printable(first.explanation).strip("\n"),
        "grids": [] if first.picture else [*by_marks(printable(first.grids).strip("\n"))],
        "scene": first.picture and scene(first.picture, first.index),
        "maps": maps(first),
        "page": pages.page_of(first),
        "cause": one_line(first.cause),
        "likewise": group.likewise,
        "seen": group.seen,
        "circumstances": one_line(first.circumstances),
        "dtypes": _dtypes(group),
        "quantities": _quantities(group),
        "rows": [(name, anchors.get(name, 0)) for name in group.rows],
        "following": ", ".join(group.following),
        "codes": [
            (label, kind, printable(code).strip("\n")) for label, kind, code in codes if code
        ],
    }


def _sentence(line: str) -> str:
    """A note as a sentence, from its capital to its full stop; a name keeps its letters."""
    first = line.partition(" ")[0]
    begun = line[:1].upper() + line[1:] if first.strip(":,").isalpha() else line
    return begun if begun.endswith((".", "?", "!")) else f"{begun}."


def _data(markup: Markup) -> Markup:
    """A string of JSON in an element that only its own end tag ends."""
    written = dumps(str(markup), ensure_ascii=False)
    return Markup(written.replace("</", "<\\/").replace("<!--", "\\u003c!--"))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("conv_reference.verification.report", "_html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data"] = _data
    return environment


def _policy(pages: Derived) -> str:
    """Only these styles and scripts, and nothing from anywhere: a frame within keeps to it, too."""
    styles = [_part("style.css"), *sorted(pages.styles)]
    scripts = [_part("script.js"), *sorted(pages.scripts)]
    return (
        f"default-src 'none'; style-src {_hashes(styles)}; script-src {_hashes(scripts)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hashes(contents: Iterable[str]) -> str:
    return " ".join(f"'{_hash(content)}'" for content in contents)


def _hash(content: str) -> str:
    return f"sha256-{b64encode(sha256(content.encode()).digest()).decode()}"


@cache
def _part(name: str) -> str:
    return files("conv_reference.verification.report").joinpath("_html", name).read_text("utf-8")
