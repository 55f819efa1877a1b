"""One run of ``conv-reference verify``, whose target runs already: by a gate, or without.

What the command imports of torch is what this module imports, so that it can be had beforehand.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conv_reference.verification import given
from conv_reference.verification.gate import command as gate_command
from conv_reference.verification.gate.expected import expecting, unmatched
from conv_reference.verification.reading.patterns import read_patterns
from conv_reference.verification.report import markdown
from conv_reference.verification.report.plain import one_line
from conv_reference.verification.report.view import Shown, View, status_of
from conv_reference.verification.runner import verify


def carried_out(
    arguments: argparse.Namespace, how: dict[str, Any], begin: Callable[[str], None]
) -> Shown:
    """The report, as the command line would have it shown.

    Args:
        arguments: of the command line.
        how: further keywords of ``verify``: where it runs, what it remembers.
        begin: called with the name of each stage of a gate.
    """
    shown = _verified(arguments, how, begin)
    return replace(shown, view=replace(shown.view, verbose=arguments.verbose))


def _verified(
    arguments: argparse.Namespace, how: dict[str, Any], begin: Callable[[str], None]
) -> Shown:
    asked = given.keywords(arguments)
    asked |= {"known": gate_command.registry(asked["known"]), **how}
    if arguments.baseline is not None:
        return gate_command.run(arguments, asked, begin)
    report = verify(arguments.target, **asked)
    if arguments.xfail is not None:
        patterns = read_patterns(arguments.xfail)
        for text in unmatched(report, patterns):
            sys.stderr.write(f"--xfail: {one_line(text)!r} matches no row of this run\n")
        report = expecting(report, patterns)
    status = status_of(report, require_modes=arguments.require_modes)
    return Shown(report, View(status=status), markdown.annotations(report))
