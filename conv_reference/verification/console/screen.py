"""Text for a person, on whatever standard output is: coloured on a terminal, lost nowhere."""

from __future__ import annotations

import codecs
import os
import select
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO, cast

from rich.console import Console
from rich.highlighter import RegexHighlighter
from rich.text import Text
from rich.theme import Theme

#: What stands in for a character where the encoding lacks it; any other is a question mark.
TWINS = {
    "≤": "<=", "≥": ">=", "·": "*", "×": "x", "…": "...", "∂": "d", "⟨": "<", "⟩": ">", "→": "->",
    "−": "-", "±": "+-", "Σ": "sum", "γ": "gamma", "∞": "inf", "²": "^2", "≈": "~", "³": "^3",
}  # fmt: skip
_ERRORS = "conv-reference"
_THEME = Theme(
    {"word.bad": "bold red", "word.known": "yellow", "word.right": "green", "word.close": "cyan"}
)


class _Verdicts(RegexHighlighter):
    """The words of the verdict; a finding's own lines stay as they are."""

    base_style = "word."
    highlights = (
        r"(?P<bad>^(\d+\. )?(WRONG|RAISED|CRASHED|TIMED OUT|BROKEN)\b)",
        r"(?P<bad>(?<=  )(WRONG|RAISED|CRASHED|TIMED OUT)\b)",
        r"(?P<bad>(?<=: )(wrong|raised|crashed|BROKEN|FOUND|nothing was checked)\b)",
        r"(?P<known>^(\d+\. )?(KNOWN|PERMISSIVE)\b|(?<=  )permissive\b|permissive(?=: it answers))",
        r"(?P<right>(?<=  )exact\b|(?<=: )(right|green)\b)",
        r"(?P<close>(?<=  )rounded\b)",
    )


def lose_nothing() -> None:
    """Have no stream keep a run from its report.

    Both replace what their encoding lacks, where they would raise; one that was closed before
    Python began is there; and standard error takes whatever it is given, read or not.
    """
    codecs.register_error(_ERRORS, _replaced)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (open to the end)
            setattr(sys, name, nowhere)
        reconfigure = getattr(getattr(sys, name), "reconfigure", None)  # not of what a test puts
        if reconfigure is not None:
            reconfigure(errors=_ERRORS)
    if not isinstance(sys.stderr, _Unread):
        sys.stderr = cast("TextIO", _Unread(sys.stderr))


class _Unread:
    """A stream of which nobody need read what is written: its reader may have gone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


def has_no_reader() -> bool:
    """Whether whoever read standard output has gone, as far as the system says it."""
    try:
        watched = select.poll()
        watched.register(sys.stdout.fileno(), 0)
        seen = watched.poll(0)
    except (AttributeError, OSError, ValueError):  # no such system, or no such stream
        return True
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in seen)


def show(text: str, stream: TextIO | None = None) -> None:
    """Write text for a person: in colours on a terminal, unless ``NO_COLOR`` is set.

    Args:
        text: whose lines end as they are to end.
        stream: where; by default standard output.
    """
    out = sys.stdout if stream is None else stream
    console = Console(file=out, theme=_THEME, highlight=False, soft_wrap=True)
    if not console.is_terminal or console.color_system is None or console.no_color:
        out.write(text)
        return
    for line in text.splitlines():
        console.print(_Verdicts()(Text(line)))


def write_bytes(text: str) -> None:
    """Write what machines read to standard output: in UTF-8, whatever its encoding is."""
    raw = getattr(sys.stdout, "buffer", None)
    if raw is None:
        sys.stdout.write(text)
        return
    sys.stdout.flush()
    raw.write(text.encode("utf-8"))
    raw.flush()


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(TWINS.get(character, "?") for character in lacking), error.end
