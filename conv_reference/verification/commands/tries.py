"""``conv-reference try``: what in a file could be a convolution, and what one tiny case says."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conv_reference.verification.commands import STATUSES
from conv_reference.verification.report.plain import one_line
from conv_reference.verification.work.starting import of_libraries

if TYPE_CHECKING:
    from types import ModuleType

    from conv_reference.verification.model.judgement import Judgement
    from conv_reference.verification.target.piecewise import LeftOut
    from conv_reference.verification.target.target import Target

_MOST_LEFT = 3  # statements of a file that are named
EXAMPLES = """\
examples:
  conv-reference try my_conv.py
      what could be verified in it, how each would be called, and what one tiny case says
  conv-reference verify my_conv.py:conv2d
      and then one of them, in every mode
"""
HELP = "what in a file could be a convolution, and what does one tiny case say of it?"
DESCRIPTION = (
    "List what in a file could be a convolution, how each would be called, and "
    "what one tiny case, whose sizes all differ, says of it. It is called in this process, and "
    "what it prints is not shown. Of a file that cannot be imported, what it defines all the same."
)
EPILOG: tuple[str, ...] = (STATUSES, EXAMPLES)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``try``."""
    parser.add_argument("file", metavar="FILE", help="path/file.py or package.module")


def run(arguments: argparse.Namespace) -> int:
    """Print what is found.

    Returns:
        0 where something is right on its tiny case and nothing that could be called is wrong,
        and the file can be imported whole; else 1.

    Raises:
        ValueError: when the file is not there or is no Python, or holds nothing that could be a
            convolution.
    """
    os.environ.update(of_libraries())  # threads that wait for another tiny case take no processor
    from conv_reference.verification.console import screen
    from conv_reference.verification.target.candidates import candidates
    from conv_reference.verification.target.names import likely

    module, left_out = _loaded(arguments.file)
    found = candidates(module)
    if not found:
        raise ValueError(
            f"nothing in {arguments.file!r} could be a convolution; accepted is a function of an "
            "input and a kernel, a layer, an autograd.Function or an adapter"
            + "".join(f"; {line}" for line in _left_out(left_out))
        )
    if left_out:
        said = "\n  ".join(["cannot be imported whole", *_left_out(left_out)])
        screen.show(f"{one_line(arguments.file)} {said}\n\n")
    verdicts: dict[str, str] = {}
    left = []
    expected = likely(name for name, _, _ in found)
    for name, kind, value in found:
        if name not in expected:  # to search for how it might be called takes seconds
            left.append(name)
            continue
        with _undisturbed(arguments.file):
            verdicts[name], lines = reported(f"{arguments.file}:{name}", value)
        screen.show("".join(f"{line}\n" for line in (f"{name} ({kind})", *lines)))
    if left:
        screen.show(f"left out, as their names say: {', '.join(left)}\n")
    right = [name for name, verdict in verdicts.items() if verdict == "right"]
    screen.show(_further(arguments.file, right, is_whole=not left_out))
    return 0 if right and "wrong" not in verdicts.values() and not left_out else 1


def _further(file: str, right: Sequence[str], *, is_whole: bool) -> str:
    """What is to be typed next: of one that is right its name."""
    command = f"conv-reference verify {file}:{right[0] if len(right) == 1 else 'NAME'}"
    needed = "" if is_whole else ", for which the file must be importable"
    return f"\none case of one size was tried, so nothing is verified yet: {command}{needed}\n"


def _loaded(file: str) -> tuple[ModuleType, Sequence[LeftOut]]:
    """The module, and what of it could not be executed; of a package's nothing is left out."""
    from conv_reference.verification.target.loading import load_module
    from conv_reference.verification.target.piecewise import executed

    with _undisturbed(file):
        if file.endswith(".py") and Path(file).is_file():
            try:
                return executed(Path(file))
            except (SyntaxError, ValueError):  # it is no Python: said as of any import
                pass
        return load_module(file), ()


def _left_out(left_out: Sequence[LeftOut]) -> Iterator[str]:
    """What was left out, a line for each, and what to do about it."""
    for one in left_out[:_MOST_LEFT]:
        yield f"line {one.line} {one.said}"
    if len(left_out) > _MOST_LEFT:
        yield f"and {len(left_out) - _MOST_LEFT} more"
    if not all(one.lacks_module for one in left_out):
        yield 'what is not to run on import belongs under if __name__ == "__main__":'


@contextmanager
def _undisturbed(file: str) -> Iterator[None]:
    """Run the file's own code: as a script without arguments, that nobody reads or answers."""
    before = sys.argv, sys.stdin
    with Path(os.devnull).open("r+", encoding="utf-8") as nowhere:
        sys.argv, sys.stdin = [file], nowhere
        try:
            with redirect_stdout(nowhere), redirect_stderr(nowhere):
                yield
        finally:
            sys.argv, sys.stdin = before


def reported(name: str, value: Any) -> tuple[str, list[str]]:
    """The verdict in a word, and what is printed below the candidate's name."""
    from conv_reference.verification.model.errors import TargetError
    from conv_reference.verification.model.result import Verdict
    from conv_reference.verification.target.loading import target_of
    from conv_reference.verification.trial.tiny import further_judgements, tiny_judgements

    try:
        target = target_of(value, name)
    except TargetError as error:
        refused = f"not called: {one_line(str(error))}"
        return "not called", [f"  {line}" for line in (refused, *_other(value))]
    judgements = tiny_judgements(target)
    verdict, said = _summary(judgements)
    if any(judgement.verdict is Verdict.UNSUPPORTED for judgement in judgements):
        kernel, further = further_judgements(target)
        if further:
            verdict, of_another = _summary(further)
            said = f"{of_another}, with a kernel of {kernel}; with one of 2x4 it {said}"
    computed = _computed_kernel(target) if verdict == "wrong" else ""
    if computed:
        return "not judged", [f"  called {_how(target)}", f"  {one_line(computed)}"]
    seen = (f"computes {target.computes}",) if target.computes else ()
    hints = () if verdict == "right" else seen or _other(value)
    return verdict, [f"  {line}" for line in (f"called {_how(target)}", said, *hints)]


def _how(target: Target) -> str:
    if target.called_as:
        return f"with {'; '.join(target.called_as)}"
    options = ", ".join(sorted(target.options)) or "no options"
    return f"as {target.operator.name} of torch is, with {options}"


def _summary(judgements: list[Judgement]) -> tuple[str, str]:
    """The first that is no good, else that all are."""
    from conv_reference.verification.model.result import FAILURES, Verdict

    for judgement in judgements:
        if judgement.thrown is not None:
            where = [f"at {judgement.thrown.place}"] if judgement.thrown.place else []
            said = f"{judgement.thrown.said}{_on(judgement, *where)}"
            return "raises", one_line(f"raises in {judgement.quantity}: {said}")
        if judgement.verdict in FAILURES:
            index = ",".join(map(str, judgement.index))
            element = f"{judgement.quantity}[{index}]" if index else judgement.quantity
            said = f"should be {judgement.expected}, is {judgement.actual}"
            return "wrong", one_line(f"wrong: {element} {said}{_on(judgement)}")
    names = ", ".join(judgement.quantity for judgement in judgements)
    exact = all(judgement.verdict is Verdict.EXACT for judgement in judgements)
    return "right", f"right: {names} {'bit for bit' if exact else 'within rounding'}"


def _on(judgement: Judgement, *where: str) -> str:
    """`` (at my_conv.py:3, in float32 on n2 c3 h5 w9 o5 k2x4 s1 p0 d1 g1)``."""
    from conv_reference.verification.model.case import dtype_name

    case = judgement.case
    on = [] if case is None else [f"in {dtype_name(case.dtype)} on {case.geometry}"]
    return f" ({', '.join([*where, *on])})" if where or on else ""


def _computed_kernel(target: Target) -> str:
    """Why it is not judged, where it convolves with a kernel that it computes; else empty."""
    import torch

    from conv_reference.verification.trial.own_kernel import (
        case_of_impulses,
        computed_kernel,
        why_not_judged,
    )
    from conv_reference.verification.trial.trial import Trial

    case = case_of_impulses(target)
    said = "" if case is None else computed_kernel(Trial(target, case, 0, torch.device("cpu")))
    return why_not_judged(target.name, said) if said else ""


def _other(value: Any) -> tuple[str, ...]:
    from conv_reference.verification.target.by_trial import known_other_by_trial

    said = known_other_by_trial(value)
    return (f"computes {said}",) if said else ()
