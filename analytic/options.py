"""What can be asked for on the command line, and how it is written."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

from analytic.calculus.answers.scanning import shortened
from analytic.calculus.generation import LIBRARIES
from analytic.calculus.spelling import parse_padding
from analytic.locale import ENGLISH, languages
from analytic.render import formats

#: The default letters, by which the user refers to what they stand for.
LETTERS = {
    "X": "input",
    "K": "kernel",
    "Y": "output",
    "G": "upstream",
    "b": "bias",
    "V": "input_upstream",
    "W": "kernel_upstream",
    "Z": "bias_upstream",
}

#: The options that describe one geometry.
SIZES = (
    "geometry",
    "input",
    "kernel",
    "stride",
    "padding",
    "dilation",
    "batch",
    "channels",
    "groups",
    "bias",
)

#: The format that a file's name asks for.
SUFFIXES = {
    ".txt": "text",
    ".tex": "latex",
    ".pdf": "pdf",
    ".md": "markdown",
    ".html": "html",
    ".json": "json",
    ".ipynb": "notebook",
    ".py": "numpy",
}

EXAMPLES = """\
examples:
  python -m analytic
      the chapter's case: a 2×3 input and a 1×2 kernel
  python -m analytic --input 5x4 --kernel 3x2 --stride 2 --padding 1
      sizes are ROWSxCOLUMNS, or one number for both
  python -m analytic --input 5 --kernel 1 --stride 2
      pixels that the stride skips are a case of their own
  python -m analytic --input 5 --kernel 2 --padding 1:0x0:1
      padding on each side, top:bottom and left:right; or same, or valid
  python -m analytic --geometry "n1 c1 h5 w4 o1 k3x2 s2 p1:0x1 d1 g1"
      a geometry as findings print it: samples, channels, height, width,
      output channels, kernel, stride, padding, dilation, groups
  python -m analytic --input 3 --kernel 2 --channels 4x6 --groups 2 --bias
      a grouped layer; one number of channels is for input and output
  python -m analytic --values "X=1,2,3;4,5,6 K=1,-1 G=1"
      formula and figures side by side: commas within a row, semicolons
      between rows; what is not given counts up from one
  python -m analytic --try "dX[0,1] = G[0,0]*K[0,1] + G[0,1]*K[0,0]"
      is this right? An element, a matrix (dX = [a, b; c, d]) or a general
      formula (dX[u,v] = sum(a,b) G[u-a,v-b]*K[a,b]); Y, dX, dK, dY/dX, dY/dK
  python -m analytic --theorem
      every convolution at once: the general formulas, proof and conditions
  python -m analytic --input 5 --kernel 3 --stride 2 --output page.html
      a page that explains by pointing; .txt, .md, .tex, .pdf, .html, .json,
      .ipynb and .py name the format
  python -m analytic --output derivation.tex
      for LaTeX; with derivation.pdf, the TeX of this machine sets it
  python -m analytic --input 28 --kernel 3 --channels 8x16 --format torch
      the gradients as a function of torch, or of numpy, that runs by itself
  python -m analytic --output derivation.ipynb
      a notebook: the derivation, that function, and its check
  python -m analytic --fragment --output derivation.tex
      to \\input into a document of one's own
  python -m analytic --language he --output page.html
      in Hebrew
  python -m analytic --symbols X=A,K=B
      other letters

exit status: 0; 1 where a formula that was tried is not right; 2 where
something could not be done, with one line on standard error
"""


class Parser(argparse.ArgumentParser):
    """Answers a mistake with one line, and takes -2x3 for a size, if a wrong one."""

    def parse_known_args(  # type: ignore[override]  # its overloads differ in the namespace alone
        self,
        args: Sequence[str] | None = None,
        namespace: argparse.Namespace | None = None,
    ) -> tuple[argparse.Namespace, list[str]]:
        """Tie a negative size to its option: argparse would take it for an option of its own."""
        joined: list[str] = []
        for argument in sys.argv[1:] if args is None else args:
            if joined and re.match(r"-[0-9]", argument) and re.fullmatch(r"--\w+", joined[-1]):
                joined[-1] += f"={argument}"
            else:
                joined.append(argument)
        return super().parse_known_args(joined, namespace or argparse.Namespace())

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """That nothing is called so, and which option may have been meant."""
        options = [option for each in self._actions for option in each.option_strings]
        hints = [_meant(text.partition("=")[0], options) for text in unknown if text[:2] == "--"]
        self.error(f"unrecognized arguments: {' '.join(unknown)}{next(filter(None, hints), '')}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """That a value is none of the choices, and which may have been meant."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += _meant(str(value), map(str, action.choices or ()))
            raise

    def error(self, message: str) -> NoReturn:
        """One line, without the usage."""
        self.exit(2, f"{self.prog}: {message}\n")


def _meant(name: str, accepted: Iterable[str]) -> str:
    """A question to end a refusal with; empty where nothing is like the name."""
    near = get_close_matches(name, [*accepted], n=1)
    return f"; did you mean {near[0]}?" if near else ""


def parser() -> Parser:
    """The options; what describes a geometry is absent from the result unless given."""
    result = Parser(
        prog="python -m analytic",
        description="Derive the gradients of a two-dimensional convolution, and print how.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_sizes(result)
    _add_content(result)
    _add_form(result)
    return result


def _add_sizes(to: Parser) -> None:
    group = to.add_argument_group("the geometry", argument_default=argparse.SUPPRESS)
    add = group.add_argument
    add(
        "--geometry",
        metavar='"h2 w3 k1x2 ..."',
        help="all sizes at once, as findings print them",
    )
    add("--input", type=_size, metavar="HxW", help="default: 2x3")
    add("--kernel", type=_size, metavar="HxW", help="default: 1x2")
    add("--stride", type=_size, metavar="N", help="N or ROWSxCOLUMNS; default: 1")
    add(
        "--padding",
        type=_padding,
        metavar="N",
        help="N, ROWSxCOLUMNS, TOP:BOTTOMxLEFT:RIGHT, same or valid; default: 0",
    )
    add("--dilation", type=_size, metavar="N", help="N or ROWSxCOLUMNS; default: 1")
    add("--batch", type=_number, metavar="N", help="number of samples; default: 1")
    add("--channels", type=_channels, metavar="INxOUT", help="N or INxOUT; default: 1")
    add("--groups", type=_number, metavar="N", help="groups of channels; default: 1")
    add("--bias", action="store_true", help="add a bias to each output channel")


def _add_content(to: Parser) -> None:
    add = to.add_argument_group("what is shown").add_argument
    add("--theorem", action="store_true", help="for every geometry, in place of one")
    add("--values", metavar='"X=1,2;3,4 ..."', help="numbers beside the formulas")
    add(
        "--symbols",
        type=_symbols,
        metavar="X=A,...",
        help=f"other letters for any of {', '.join(LETTERS)}",
    )
    add(
        "--try",
        dest="answer",
        metavar='"dX[0,1] = ..."',
        help="hold a formula of yours against the derivation: right, or which term is not",
    )
    add("--all-indices", action="store_true", help="write the indices of sample and channel, too")


def _add_form(to: Parser) -> None:
    add = to.add_argument_group("how it is written").add_argument
    forms = sorted({*formats(), *LIBRARIES, "pdf"})
    add(
        "--format",
        choices=forms,
        metavar="FORMAT",
        help=f"{', '.join(forms)}; default: as FILE is named, or text",
    )
    add("--fragment", action="store_true", help="LaTeX to include, not a whole document")
    add("--language", choices=languages(), default=ENGLISH, help=f"default: {ENGLISH}")
    add("--output", type=Path, metavar="FILE", help="default: standard output")


def _size(text: str) -> int | tuple[int, ...]:
    size = r"-?[0-9]{1,12}"
    if not re.fullmatch(rf"{size}([x×]{size})*", text, re.ASCII | re.IGNORECASE):
        raise argparse.ArgumentTypeError(f"a size is written 2 or 2x3, not {shortened(text)!r}")
    numbers = tuple(map(int, re.split("[x×]", text.lower())))
    return numbers[0] if len(numbers) == 1 else numbers


def _padding(text: str) -> Any:
    if text in {"same", "valid"}:
        return text
    size = r"[0-9]{1,12}"
    if re.fullmatch(rf"{size}(:{size})?([x×]{size}(:{size})?)?", text, re.ASCII | re.IGNORECASE):
        return parse_padding(text.lower().replace("×", "x"), text)
    try:
        return _size(text)  # also top x bottom x left x right, as commands once were written
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"padding is written 1, 1x2, 1:0x0:2 (top:bottom x left:right), same or valid, "
            f"not {shortened(text)!r}"
        ) from None


def _number(text: str) -> int:
    size = _size(text)
    if not isinstance(size, int):
        raise argparse.ArgumentTypeError(f"this is one number, not {shortened(text)!r}")
    return size


def _channels(text: str) -> tuple[int, int]:
    size = _size(text)
    if isinstance(size, int):
        return size, size
    if len(size) != 2:
        raise argparse.ArgumentTypeError(
            f"channels are written 4 or 4x6 (in x out), not {shortened(text)!r}"
        )
    return size[0], size[1]


def _symbols(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.split(","):
        letter, equals, name = part.strip().partition("=")
        if not equals or letter not in LETTERS or LETTERS[letter] in found:
            raise argparse.ArgumentTypeError(
                f"symbols are written X=A,K=B, each of {', '.join(LETTERS)} at most once, "
                f"not {shortened(text)!r}"
            )
        found[LETTERS[letter]] = name
    return found
