"""Which rows of the checks a file means: to be skipped, or expected to fail. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path


def identifier(row: str, dtype: str, device: str) -> str:
    """What a pattern is held against.

    Args:
        row: its name in the report.
        dtype: "float32", without "torch.".
        device: "cpu" or "cuda:0", whose colon is left out.

    >>> identifier("grad_input", "float32", "cuda:0")
    'grad_input-float32-cuda0'
    """
    return f"{row}-{dtype}-{device.replace(':', '')}"


@dataclass(frozen=True)
class Pattern:
    """One line of a skip or xfail file."""

    text: str
    reason: str

    def matches(self, identifier: str) -> bool:
        """Whether it means the item of this id; ``*`` and ``?`` stand for anything."""
        return fnmatchcase(identifier, self.text)


def read_patterns(path: Path) -> tuple[Pattern, ...]:
    """The patterns of a file: one a line, each with its reason behind a ``#``.

    Args:
        path: of the file; a whole id, ``...::test_check[forward-float32-cpu]``, is accepted, too.
    """
    patterns = []
    for line in path.read_text(encoding="utf-8").splitlines():
        text, _, comment = line.partition("#")
        text = text.strip()
        if "[" in text:
            text = text.partition("[")[2].removesuffix("]")
        if text:
            patterns.append(Pattern(text, comment.strip() or f"listed in {path.name}"))
    return tuple(patterns)
