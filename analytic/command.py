"""The command line: sizes in, a printed derivation out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from analytic.calculus.answers.scanning import AnswerError
from analytic.calculus.generation import LIBRARIES
from analytic.calculus.geometry import GeometryError
from analytic.calculus.notation import NameClashError
from analytic.calculus.values import ValuesError
from analytic.locale import is_right_to_left, translations
from analytic.options import SUFFIXES, Parser, parser
from analytic.render import FormatError, renderer
from analytic.render.text import passage
from analytic.request import RequestError, announcement, answer_of, code_of, document_of
from analytic.typesetting import TypesettingError, engine, pdf

_REFUSALS = (
    AnswerError,
    FormatError,
    GeometryError,
    NameClashError,
    RequestError,
    TypesettingError,
    ValuesError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the derivation that the arguments ask for.

    Args:
        arguments: Those of the process by default.

    Returns:
        The exit status: 0; 1 where a formula that was tried is not right; 2 where the output could
        not be written, or something failed that nobody foresaw; 130 where the user interrupted it.
    """
    options = parser()
    asked, unknown = options.parse_known_args(arguments)
    if unknown:
        options.refuse(unknown)
    try:
        right, content = _content(asked, options)
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
    return _write(content, asked.output, options.prog) or int(not right)


def _content(asked: argparse.Namespace, options: Parser) -> tuple[bool, str | bytes]:
    """What is written, and whether a formula that was tried is right; true where none was."""
    catalogue = translations(asked.language)
    if asked.answer is not None:
        _announce(asked, options)
        right, document = answer_of(asked)
        return right, passage(document, catalogue)
    form = _format(asked)
    if form in LIBRARIES:
        return True, code_of(asked)
    if form == "pdf":
        return True, _pdf(asked, options)
    render = renderer(form, fragment=asked.fragment)
    _announce(asked, options)
    return True, render(document_of(asked), catalogue)


def _pdf(asked: argparse.Namespace, options: Parser) -> bytes:
    if asked.output is None or asked.fragment:
        raise RequestError("a PDF is a whole document in a file: name it with --output")
    catalogue = translations(asked.language)
    program = engine(right_to_left=is_right_to_left(catalogue))  # before the work, not after it
    _announce(asked, options)
    return pdf(renderer("latex")(document_of(asked), catalogue), program)


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


def _write(content: str | bytes, output: Path | None, program: str) -> int:
    try:
        if output is not None:
            output.write_bytes(content.encode() if isinstance(content, str) else content)
        elif isinstance(content, str):
            sys.stdout.write(content)
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader, `head` say, has seen enough. Python flushes once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except UnicodeEncodeError as error:
        return _failed(
            program,
            f"standard output is {error.encoding}, which lacks {error.object[error.start]!a}; "
            "set PYTHONIOENCODING=utf-8, or name a file with --output",
        )
    except OSError as error:
        return _failed(program, f"cannot write {output or 'standard output'}: {error.strerror}")
    return 0


def _failed(program: str, message: str) -> int:
    sys.stderr.write(f"{program}: {message}\n")
    return 2
