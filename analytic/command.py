"""The command line: sizes in, a printed derivation out."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from gettext import NullTranslations
from pathlib import Path
from typing import NoReturn

from analytic.derivation import derive
from analytic.geometry import Geometry, GeometryError
from analytic.notation import NameClashError, Names
from analytic.render import formats, renderer

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

EXAMPLES = """\
examples:
  python -m analytic
      the chapter's case: a 2×3 input and a 1×2 kernel
  python -m analytic --input 5 --kernel 3
      sizes are ROWSxCOLUMNS, or one number for both
  python -m analytic --input 7x6 --kernel 3x2 --stride 2x1 --padding 1
      pixels that the stride skips, or that only padding surrounds, get a case of their own
  python -m analytic --input 5 --kernel 2 --padding 1x0x0x1
      padding on each side: top, bottom, left, right
  python -m analytic --input 3 --kernel 2 --channels 4x6 --groups 2 --batch 2 --bias
      a grouped layer; one number of channels is for input and output
  python -m analytic --symbols X=A,K=B
      other letters
  python -m analytic --output derivation.txt
      into a file
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, without the usage."""
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the derivation that the arguments ask for.

    Args:
        arguments: Those of the process by default.

    Returns:
        The exit status: 0, or 2 where the output could not be written.
    """
    parser = _parser()
    asked = parser.parse_args(arguments)
    try:
        geometry = Geometry(
            asked.input,
            asked.kernel,
            stride=asked.stride,
            padding=asked.padding,
            dilation=asked.dilation,
            batch=asked.batch,
            in_channels=asked.channels[0],
            out_channels=asked.channels[1],
            groups=asked.groups,
            bias=asked.bias,
        )
        names = Names(**asked.symbols, all_indices=asked.all_indices)
    except (GeometryError, NameClashError) as error:
        parser.error(str(error))
    document = derive(geometry, names=names).document
    return _write(renderer(asked.format)(document, NullTranslations()), asked.output, parser.prog)


def _write(text: str, output: Path | None, program: str) -> int:
    try:
        if output is None:
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            output.write_text(text, encoding="utf-8")
    except BrokenPipeError:
        # The reader, `head` say, has seen enough. Python flushes once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except UnicodeEncodeError as error:
        return _failed(
            program,
            f"standard output is {error.encoding}, which lacks {text[error.start]!a}; "
            "set PYTHONIOENCODING=utf-8, or name a file with --output",
        )
    except OSError as error:
        return _failed(program, f"cannot write {output or 'standard output'}: {error.strerror}")
    return 0


def _failed(program: str, message: str) -> int:
    sys.stderr.write(f"{program}: {message}\n")
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m analytic",
        description="Derive the gradients of a two-dimensional convolution, and print how.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--input", type=_size, default=(2, 3), metavar="HxW", help="default: 2x3")
    add("--kernel", type=_size, default=(1, 2), metavar="HxW", help="default: 1x2")
    add("--stride", type=_size, default=1, metavar="N", help="N or ROWSxCOLUMNS; default: 1")
    add(
        "--padding",
        type=_size,
        default=0,
        metavar="N",
        help="N, ROWSxCOLUMNS or TOPxBOTTOMxLEFTxRIGHT; default: 0",
    )
    add("--dilation", type=_size, default=1, metavar="N", help="N or ROWSxCOLUMNS; default: 1")
    add("--batch", type=int, default=1, metavar="N", help="number of samples; default: 1")
    add(
        "--channels",
        type=_channels,
        default=(1, 1),
        metavar="INxOUT",
        help="N or INxOUT; default: 1",
    )
    add("--groups", type=int, default=1, metavar="N", help="groups of channels; default: 1")
    add("--bias", action="store_true", help="add a bias to each output channel")
    add(
        "--symbols",
        type=_symbols,
        default={},
        metavar="X=A,...",
        help=f"other letters for any of {', '.join(LETTERS)}",
    )
    add("--all-indices", action="store_true", help="write the indices of sample and channel, too")
    add("--format", choices=formats(), default="text", help="default: text")
    add("--output", type=Path, metavar="FILE", help="default: standard output")
    return parser


def _size(text: str) -> int | tuple[int, ...]:
    if not re.fullmatch(r"-?[0-9]+([x×]-?[0-9]+)*", text, re.ASCII | re.IGNORECASE):
        raise argparse.ArgumentTypeError(f"a size is written 2 or 2x3, not {text!r}")
    numbers = tuple(map(int, re.split("[x×]", text.lower())))
    return numbers[0] if len(numbers) == 1 else numbers


def _channels(text: str) -> tuple[int, int]:
    size = _size(text)
    if isinstance(size, int):
        return size, size
    if len(size) != 2:
        raise argparse.ArgumentTypeError(f"channels are written 4 or 4x6 (in x out), not {text!r}")
    return size[0], size[1]


def _symbols(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.split(","):
        letter, equals, name = part.strip().partition("=")
        if not equals or letter not in LETTERS or LETTERS[letter] in found:
            raise argparse.ArgumentTypeError(
                f"symbols are written X=A,K=B, each of {', '.join(LETTERS)} at most once, "
                f"not {text!r}"
            )
        found[LETTERS[letter]] = name
    return found
