"""The command line: sizes in, a printed derivation out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from analytic.calculus.geometry import Geometry, GeometryError
from analytic.calculus.notation import NameClashError, Names
from analytic.calculus.values import ValuesError, parse_values
from analytic.derivation import derive
from analytic.locale import translations
from analytic.options import SIZES, SUFFIXES, parser
from analytic.render import FormatError, renderer
from analytic.telling.document import Document


class _AskedError(ValueError):
    """Options that do not go together; the message is one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the derivation that the arguments ask for.

    Args:
        arguments: Those of the process by default.

    Returns:
        The exit status: 0, or 2 where the output could not be written.
    """
    options = parser()
    asked = options.parse_args(arguments)
    try:
        render = renderer(_format(asked), fragment=asked.fragment)
        document = _theorem(asked) if asked.theorem else _derivation(asked)
    except (GeometryError, NameClashError, ValuesError, FormatError, _AskedError) as error:
        options.error(str(error))
    except MemoryError:
        options.error("the geometry is too large for this machine's memory")
    return _write(render(document, translations(asked.language)), asked.output, options.prog)


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
    raise _AskedError(
        f"no format is named {asked.output.suffix}: say --format, or name the file "
        f"{', '.join(SUFFIXES)}"
    )


def _theorem(asked: argparse.Namespace) -> Document:
    given = [size for size in SIZES if hasattr(asked, size)]
    given += [name for name in ("values", "all_indices") if getattr(asked, name)]
    if given:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise _AskedError(f"--theorem is of every geometry and takes no {options}")
    from analytic.theorem import theorem  # noqa: PLC0415  # other derivations need none of it

    return theorem(Names(**asked.symbols) if asked.symbols else None)


def _derivation(asked: argparse.Namespace) -> Document:
    sizes = {size: getattr(asked, size) for size in SIZES if hasattr(asked, size)}
    if "channels" in sizes:
        sizes["in_channels"], sizes["out_channels"] = sizes.pop("channels")
    geometry = Geometry(**{"input": (2, 3), "kernel": (1, 2), **sizes})
    names = Names(**(asked.symbols or {}), all_indices=asked.all_indices)
    derivation = derive(geometry, names=names)
    if asked.values is None:
        return derivation.document
    return derivation.with_values(parse_values(asked.values, geometry))


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
