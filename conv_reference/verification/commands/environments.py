"""Targets with the interpreters of their environments, as ``frameworks`` is given them."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from conv_reference.verification.console.files import named_refusal, require_writable
from conv_reference.verification.options import conformance
from conv_reference.verification.options.place import require_interpreter


@dataclass(frozen=True)
class Environment:
    """One run: a target, the interpreter that it runs by, and the report that it writes."""

    target: str
    python: str
    report: Path = Path()


def environments(arguments: argparse.Namespace) -> list[Environment]:
    """Those of the options, each with a report of its own in the folder of reports.

    Raises:
        ValueError: when one is written otherwise, stands there twice, or has no such interpreter.
        OSError: when a file cannot be read, or a report not be written.
    """
    found: list[Environment] = []
    for where, text in _written(arguments):
        with _beginning(where):
            one = _read(text)
            if one in found:
                raise ValueError(f"{text!r} is given twice")
        found.append(one)
    return [*_reported(found, arguments.reports or conformance.REPORTS.default)] if found else []


def _written(arguments: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Each TARGET=PYTHON, behind where it stands.

    Raises:
        ValueError: when a file has none.
    """
    yield from (("--environment", text) for text in arguments.environment or ())
    file: Path | None = arguments.environments
    if file is None:
        return
    with named_refusal(f"--environments: cannot read {str(file)!r}"), _beginning("--environments:"):
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            raise ValueError(f"{str(file)!r} is no text in UTF-8") from None
        bare = {n: line.partition("#")[0].strip() for n, line in enumerate(lines, start=1)}
        if not any(bare.values()):
            raise ValueError(f"{str(file)!r} must have a line TARGET=PYTHON, got none")
    for number, line in bare.items():
        if line:
            yield f"--environments: {str(file)!r}, line {number}:", line


def _read(text: str) -> Environment:
    target, _, python = (part.strip() for part in text.rpartition("="))
    if not (target and python):
        raise ValueError(f"must be TARGET=PYTHON, got {text!r}")
    require_interpreter(python)
    return Environment(target, python)


@contextmanager
def _beginning(where: str) -> Iterator[None]:
    """What is refused there says where."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{where} {error}") from None


def _reported(given: Sequence[Environment], folder: Path) -> Iterator[Environment]:
    """Each with a file that no other writes: one target may run in several environments."""
    with named_refusal(f"--reports: cannot make the folder {str(folder)!r}"):
        folder.mkdir(parents=True, exist_ok=True)
    names: list[str] = []
    for one in given:
        name = re.sub(r"[^A-Za-z0-9.-]+", "-", one.target).strip("-")
        names.append(name)
        count = names.count(name)
        report = folder / f"{name}{'' if count == 1 else f'-{count}'}.json"
        require_writable("--reports", report)
        yield replace(one, report=report)
