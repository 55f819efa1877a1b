r"""LaTeX: a document that compiles as it is, and a fragment to \input into one's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from gettext import NullTranslations

from analytic.calculus.notation import Expr
from analytic.render._direction import LEFT_TO_RIGHT, POP
from analytic.render._latex_writer import LatexWriter
from analytic.render._writer import pixels
from analytic.telling.document import (
    CaseTable,
    Check,
    Document,
    Formula,
    Grids,
    Items,
    Paragraph,
    Step,
)
from analytic.telling.message import Message

_LEFT_TO_RIGHT_PREAMBLE = r"""\documentclass[11pt,a4paper]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\usepackage{amsmath,amssymb}
\usepackage[margin=2.5cm]{geometry}
"""

# Only LuaLaTeX sets Hebrew with nothing but what every distribution has. The fonts: the
# classic of Hebrew textbooks, then what is found on most machines.
_RIGHT_TO_LEFT_PREAMBLE = r"""% !TeX program = lualatex
\documentclass[11pt,a4paper]{article}
\usepackage{amsmath,amssymb}
\usepackage[margin=2.5cm]{geometry}
\usepackage[bidi=basic]{babel}
\babelprovide[import,main]{hebrew}
\usepackage{fontspec}
\renewcommand{\labelitemi}{$\bullet$}
\newif\iffontfound
\makeatletter
\@for\name:=Frank Ruehl CLM,David CLM,FreeSerif,Noto Serif Hebrew,Times New Roman,DejaVu Sans\do{%
  \iffontfound\else\IfFontExistsTF{\name}{\fontfoundtrue\babelfont{rm}{\name}}{}\fi}
\makeatother
"""

_COMMON_PREAMBLE = r"""\setlength{\arraycolsep}{4pt}
\setlength{\jot}{5pt}
\setlength{\parindent}{0pt}
\setlength{\parskip}{6pt plus 2pt}
\allowdisplaybreaks
"""

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "×": r"\ensuremath{\times}",
    "⋮": r"\ensuremath{\vdots}",
    "−": r"\ensuremath{-}",
    LEFT_TO_RIGHT: r"{\textdir TLT ",
    POP: "}",
} | {sign: f"\\{sign}" for sign in "&%$#_{}"}


def render(document: Document, translations: NullTranslations) -> str:
    """Write a whole document: for pdflatex, or for lualatex where it is written from the right."""
    writer = _Latex(document, translations)
    preamble = _RIGHT_TO_LEFT_PREAMBLE if writer.right_to_left else _LEFT_TO_RIGHT_PREAMBLE
    title = rf"\begin{{center}}\LARGE {writer.say(document.title)}\end{{center}}"
    # A wide display keeps its distance from a short last line of prose.
    skip = r"\setlength{\abovedisplayshortskip}{\abovedisplayskip}"
    lines = [r"\begin{document}", skip, title, "", writer.body(), r"\end{document}", ""]
    return preamble + _COMMON_PREAMBLE + "\n".join(lines)


def fragment(document: Document, translations: NullTranslations) -> str:
    """Write what stands between the title and the end of a document."""
    needs = "% \\input this into a document that loads amsmath and amssymb.\n"
    return needs + _Latex(document, translations).body() + "\n"


class _Latex(LatexWriter):
    def body(self) -> str:
        parts = []
        if self.document.facts:
            facts = r" \ensuremath{\cdot} ".join(map(self.say, self.document.facts))
            parts.append(rf"\begin{{center}}{facts}\end{{center}}")
        return "\n\n".join(parts + [self._step(step) for step in self.document.steps])

    def _step(self, step: Step) -> str:
        parts = [rf"\section{{{self.say(step.title)}}}", *map(self.block, step.blocks)]
        text = "\n\n".join(parts + [self.say(condition) for condition in step.conditions])
        # Displays belong to the paragraph before: an empty line would open one of its own.
        return re.sub(r"\n\n(?=\\\[|\\begin\{align\*)", "\n", text)

    def paragraph(self, block: Paragraph) -> str:
        return self.say(block.text)

    def cases(self, block: CaseTable) -> str:
        lines = []
        for name, members in block.cases:
            shown = self.pixels(members)
            listed = ", ".join(f"${pixel}$" for pixel in shown)
            if len(shown) < len(members):
                listed += f" ({self.say(pixels(len(members)))})"
            lines.append(rf"\item[{self.say(name)}:] {listed}")
        listing = "\n".join([r"\begin{description}", *lines, r"\end{description}"])
        return f"{listing}\n\n{self.grids(Grids((block.counts,)))}"

    def items(self, block: Items) -> str:
        lines = [rf"\item {self.say(item)}" for item in block.items]
        return "\n".join([r"\begin{itemize}", *lines, r"\end{itemize}"])

    def check(self, block: Check) -> str:
        mark = r"$\checkmark$" if block.holds else r"$\times$"
        return rf"{mark}~{self.say(block.verdict)}"

    def display(self, mathematics: str) -> str:
        return f"\\[\n{mathematics}\n\\]"

    def aligned(self, rows: Sequence[str]) -> str:
        return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"

    def words(self, message: Message) -> str:
        return rf"\text{{{self.say(message)}}}"

    def inline(self, value: Formula | Expr) -> str:
        return f"${self.inline_math(value)}$"

    def escape(self, text: str) -> str:
        return re.sub("|".join(map(re.escape, _SPECIAL)), lambda sign: _SPECIAL[sign[0]], text)
