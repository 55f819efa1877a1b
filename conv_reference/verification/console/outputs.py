"""Where a report goes: standard output, or files, each in the format that its name asks for."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from conv_reference.verification.console import screen
from conv_reference.verification.console.files import named_refusal, require_writable
from conv_reference.verification.model.result import Report
from conv_reference.verification.report import format_of, renderer, require_format
from conv_reference.verification.report.summary import closing
from conv_reference.verification.report.view import View

TEXT = "text"  # the one format for persons


def require(form: str | None, files: Sequence[Path]) -> None:
    """Refuse, before anything runs, files that the report could not be written to.

    Args:
        form: the format, where one is named; else each file's name has to ask for one, or for none.
        files: to write to.

    Raises:
        ValueError: when a file's name ends as no format does.
        OSError: when a file cannot be written; it names the option.
    """
    for file in files:
        require_writable("--output", file)
        if form is None:
            require_format("--output", file)


def deliver(
    report: Report,
    view: View,
    annotations: Sequence[str],
    *,
    form: str | None,
    files: Sequence[Path],
    quiet: bool,
) -> None:
    """Write the report, and show the verdict where one looks.

    Args:
        report: what is written.
        view: how it is shown.
        annotations: workflow commands, for GitHub to show beside the code.
        form: the format; None where that follows from a file's name, and is text elsewhere.
        files: to write to; standard output where there is none.
        quiet: whether a person is shown the verdict alone.

    Raises:
        OSError: when a file cannot be written; it names the option.
    """
    for file in files:
        rendered = renderer(form or format_of(file) or TEXT)(report, view)
        try:
            with named_refusal(f"--output: cannot write {str(file)!r}"):
                file.write_text(rendered, encoding="utf-8")
        except OSError:  # it took the run to find out: nothing of that is lost
            screen.show(renderer(TEXT)(report, view))
            raise
    if files and os.environ.get("GITHUB_ACTIONS") == "true":
        sys.stdout.writelines(f"{line}\n" for line in annotations)
    verdict = closing(report, view) + "\n"
    try:
        _show(report, view, verdict, form=form, to_files=bool(files), quiet=quiet)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read it has enough
        raise
    except OSError as error:  # it took the run to find out: the verdict is not lost
        screen.show(closing(report, replace(view, status=2)) + "\n", sys.stderr)
        raise OSError(f"cannot write to standard output: {error.strerror}") from error


def _show(
    report: Report, view: View, verdict: str, *, form: str | None, to_files: bool, quiet: bool
) -> None:
    """What is on the screen: the report, or of one that is in files the verdict alone."""
    if to_files:
        screen.show(verdict)
    elif form in {None, TEXT}:
        screen.show(verdict if quiet else renderer(TEXT)(report, view))
    else:
        screen.write_bytes(renderer(form or TEXT)(report, view))
        if not quiet:
            screen.show(verdict, sys.stderr)
