"""``conv-reference checks``: what is checked, why, and which real fault each check stands for."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import groupby

from conv_reference.verification.reading import catalogue
from conv_reference.verification.reading.catalogue import Entry

FORMATS = ("text", "json")
_WIDTH = 92
HELP = "what is checked, and why"
DESCRIPTION = "What is checked, why, and which real fault each check stands for."
EPILOG: tuple[str, ...] = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``checks``."""
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="of a check, a row or a group; all by default"
    )
    parser.add_argument("--format", choices=FORMATS, default="text", help="(text)")


def run(arguments: argparse.Namespace) -> int:
    """Print the checks; torch is not imported.

    Returns:
        0.

    Raises:
        ValueError: when a name is none; says what is near it.
    """
    print(listed(arguments.names, arguments.format), end="")  # noqa: T201 (it is what it is for)
    return 0


def listed(names: Sequence[str], form: str = "text") -> str:
    """The rows of these names, by groups, as text or as JSON."""
    catalogue.require_known(names)
    wanted = {*names}
    found = [
        entry
        for entry in catalogue.entries()
        if not wanted or wanted & {entry.name, entry.check, entry.group}
    ]
    if form == "json":
        return json.dumps([asdict(entry) for entry in found], indent=2, ensure_ascii=False) + "\n"
    return "\n".join(_lines(found))


def _lines(entries: Iterable[Entry]) -> Iterator[str]:
    for (group, title), rows in groupby(entries, lambda entry: (entry.group, entry.title)):
        yield from textwrap.wrap(f"{group}: {title}", 100, subsequent_indent="    ")
        yield ""
        for row in rows:
            request = ", on request" if row.on_request else ""
            check = "" if row.name == row.check else f" ({row.check})"
            yield f"  {row.name}{check}{request}"
            for label, words in (("", row.asserts), ("why: ", row.why), ("fault: ", row.fault)):
                yield textwrap.indent(textwrap.fill(label + words, _WIDTH), "      ")
            yield ""
