"""What Markdown and notebooks share: prose with mathematics between dollars."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from analytic.calculus.notation import Expr
from analytic.render._direction import isolated
from analytic.render._latex_writer import LatexWriter
from analytic.render._writer import pixels
from analytic.telling.document import (
    CaseTable,
    Check,
    Formula,
    Grids,
    Items,
    Paragraph,
)
from analytic.telling.message import Message


class MarkdownWriter(LatexWriter):
    """Headings, paragraphs and lists, with mathematics between dollars."""

    def text(self) -> str:
        """The whole document."""
        return "\n\n".join([self.heading(), *self.steps()]) + "\n"

    def heading(self) -> str:
        """The title, and the sizes."""
        title = f"# {self.say(self.document.title)}"
        facts = " · ".join(map(self.say, self.document.facts))
        return f"{title}\n\n{facts}" if facts else title

    def steps(self) -> Iterator[str]:
        """Each step with its heading."""
        for number, step in enumerate(self.document.steps, start=1):
            parts = [f"## {number}. {self.say(step.title)}", *map(self.block, step.blocks)]
            yield "\n\n".join([*parts, *map(self.say, step.conditions)])

    def paragraph(self, block: Paragraph) -> str:
        return self.say(block.text)

    def cases(self, block: CaseTable) -> str:
        lines = []
        for name, members in block.cases:
            shown = self.pixels(members)
            listed = ", ".join(map(self._dollars, shown))
            if self.right_to_left:
                listed = isolated(listed)
            if len(shown) < len(members):
                listed += f" ({self.say(pixels(len(members)))})"
            lines.append(f"- **{self.say(name)}:** {listed}")
        return "\n".join(lines) + "\n\n" + self.grids(Grids((block.counts,)))

    def items(self, block: Items) -> str:
        return "\n".join(f"- {self.say(item)}" for item in block.items)

    def check(self, block: Check) -> str:
        return f"{'✓' if block.holds else '✗'} {self.say(block.verdict)}"

    def display(self, mathematics: str) -> str:
        return f"$$\n{_safe(mathematics)}\n$$"

    def aligned(self, rows: Sequence[str]) -> str:
        body = " \\\\\n".join(rows)
        return self.display(f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}")

    def words(self, message: Message) -> str:
        return rf"\text{{{self.say(message)}}}"

    def inline(self, value: Formula | Expr) -> str:
        return self._dollars(self.inline_math(value))

    @staticmethod
    def _dollars(mathematics: str) -> str:
        return f"${_safe(mathematics)}$"

    def escape(self, text: str) -> str:
        return re.sub(r"([\\`*_{}\[\]<>#$|])", r"\\\1", text)


#: A word with its index, which may hold braces itself.
_INDEXED_WORD = re.compile(r"\\mathit\{(\w+)\}_\{((?:[^{}]|\{[^{}]*\})*)\}")


def _safe(mathematics: str) -> str:
    r"""The same without what some readers of Markdown take for theirs.

    That is a backslash before punctuation, which they eat, and an underscore that follows
    punctuation, with which emphasis may begin.

    Example:
        >>> print(_safe(r"a\, b \\ c\ d \mathit{Up}_{0}"))
        a\thinspace b \cr c~d \mathit{Up_{0}}
    """
    return (
        _INDEXED_WORD.sub(r"\\mathit{\1_{\2}}", mathematics)
        .replace(r"\\", r"\cr")
        .replace(r"\,", r"\thinspace ")
        .replace(r"\ ", "~")
        .replace(r"\thinspace  ", r"\thinspace ")
    )
