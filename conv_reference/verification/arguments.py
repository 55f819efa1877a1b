"""What is refused of a command line before torch is imported and processes are started."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conv_reference.verification import given, options
from conv_reference.verification.target import names


def refuse(arguments: argparse.Namespace) -> None:
    """Refuse what cannot be carried out, or would be taken and mean nothing.

    Raises:
        ValueError: one line with the option, the value and what is accepted.
        OSError: when a file cannot be read or written.
    """
    names.split(arguments.target)
    given.require(arguments)
    _refuse_contradictions(arguments)
    _refuse_beside_baseline(arguments)
    _refuse_files(arguments)


# What says nothing beside an option that settles it already.
_SETTLED = {
    "case": ("geometry", "dtype", "sweep"),
    "geometry": ("sweep",),
    "in_process": ("workers",),
}


def _refuse_contradictions(arguments: argparse.Namespace) -> None:
    for settling, others in _SETTLED.items():
        for other in others:
            if getattr(arguments, settling) and getattr(arguments, other) is not None:
                first, second = (f"--{name.replace('_', '-')}" for name in (settling, other))
                raise ValueError(f"{second} says nothing beside {first}; accepted is one of them")


def _refuse_beside_baseline(arguments: argparse.Namespace) -> None:
    """The gate's options go with a baseline; others do not."""
    if arguments.baseline is None:
        for option in options.OPTIONS:
            asked = getattr(arguments, option.attribute)
            if option.group == options.GATE and asked is not None and asked is not False:
                raise ValueError(f"--{option.flag} goes with --baseline FILE")
        return
    if arguments.geometry is not None or arguments.case is not None:
        raise ValueError("--baseline goes with a whole run, not with --geometry or --case")
    if arguments.require_modes:
        raise ValueError(
            "--require-modes goes without --baseline: there a mode that is newly unsupported fails"
        )


def _refuse_files(arguments: argparse.Namespace) -> None:
    """Find out now, not after the run, that a file cannot be read or written."""
    if arguments.output is not None:
        _require_writable("--output", arguments.output)
        _require_own("--output", arguments.output, arguments)
    if arguments.baseline is not None and arguments.update_baseline:
        _require_writable("--baseline", arguments.baseline)
    elif arguments.baseline is not None and arguments.baseline.is_dir():
        _refuse_folder("--baseline", arguments.baseline)
    named = arguments.known not in {None, options.NONE, options.SHIPPED}
    # A baseline says itself which registry it was made with.
    if named and (arguments.baseline is None or not arguments.baseline.exists()):
        with named_refusal(f"--known: cannot read {arguments.known!r}"):
            Path(arguments.known).open("rb").close()


def _require_own(option: str, path: Path, arguments: argparse.Namespace) -> None:
    """Refuse to write a report over a file that the run reads."""
    read = {
        "the target's source": names.source_of(arguments.target),
        "the baseline": arguments.baseline,
        "the registry of known defects": None if arguments.known is None else Path(arguments.known),
    }
    for what, file in read.items():
        if file is not None and file.exists() and path.exists() and path.samefile(file):
            raise ValueError(f"{option}: {str(path)!r} is {what}; accepted is another file")


def _refuse_folder(option: str, path: Path) -> None:
    raise IsADirectoryError(f"{option}: {str(path)!r} is a folder; accepted is a file")


def _require_writable(option: str, path: Path) -> None:
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{option}: no folder {str(path.parent)!r}")
    if path.is_dir():
        _refuse_folder(option, path)
    if path.is_symlink() or (path.exists() and not path.is_file()):
        return  # a pipe would take opening it for its whole content
    there = path.exists()
    with named_refusal(f"{option}: cannot write {str(path)!r}"):
        path.open("ab").close()
        if not there:
            path.unlink()


@contextmanager
def named_refusal(what: str) -> Iterator[None]:
    """The system's refusal, with the option and the file in front."""
    try:
        yield
    except BrokenPipeError:
        raise  # no fault: the reader of the output has enough
    except OSError as error:
        raise OSError(f"{what}: {error.strerror or error}") from error
