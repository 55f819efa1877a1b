"""The command line: sizes in, a printed derivation out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from analytic.calculus.answers.scanning import AnswerError
from analytic.calculus.geometry import GeometryError
from analytic.calculus.notation import NameClashError
from analytic.calculus.values import ValuesError
from analytic.locale import translations
from analytic.options import SUFFIXES, Parser, parser
from analytic.render import FormatError, renderer
from analytic.render.text import passage
from analytic.request import RequestError, announcement, answer_of, document_of

_REFUSALS = (AnswerError, GeometryError, NameClashError, ValuesError, FormatError, RequestError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the derivation that the arguments ask for.

    Args:
        arguments: Those of the process by default.

    Returns:
        The exit status: 0; 1 where a formula that was tried is not right; 2 where the output could
        not be written, or something failed that nobody foresaw; 130 where the user interrupted it.
    """
    options = parser()
    asked = options.parse_args(arguments)
    right = True
    try:
        _announce(asked, options)
        if asked.answer is not None:
            right, document = answer_of(asked)
            text = passage(document, translations(asked.language))
        else:
            render = renderer(_format(asked), fragment=asked.fragment)
            text = render(document_of(asked), translations(asked.language))
    except _REFUSALS as error:
        options.error(str(error))
    except MemoryError:
        options.error("the geometry is too large for this machine's memory")
    except KeyboardInterrupt:
        _failed(options.prog, "interrupted")
        return 130
    except Exception as error:  # one line for whatever else, and no traceback
        first = next(iter(str(error).splitlines()), "no message")
        return _failed(
            options.prog, f"failed by a mistake of its own ({type(error).__name__}: {first})"
        )
    return _write(text, asked.output, options.prog) or int(not right)


def _announce(asked: argparse.Namespace, options: Parser) -> None:
    announced = announcement(asked)
    if announced is not None:
        sys.stderr.write(f"{options.prog}: {announced}\n")


def _format(asked: argparse.Namespace) -> str:
    if asked.format is not None:
        return str(asked.format)
    if asked.output is None:
        return "latex" if asked.fragment else "text"
    suffix = asked.output.suffix.lower()
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    if not suffix:
        return "text"
    raise RequestError(
        f"no format is named {asked.output.suffix}: say --format, or name the file "
        f"{', '.join(SUFFIXES)}"
    )


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
