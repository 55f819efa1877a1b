"""``conv-reference try``: what in a file could be a convolution, and what one tiny case says."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from conv_reference.verification.commands import STATUSES
from conv_reference.verification.commands.try_in_child import Asked, At, listed, placed, tried
from conv_reference.verification.console import screen
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.judgement import Crash
from conv_reference.verification.report.plain import one_line
from conv_reference.verification.target.names import likely
from conv_reference.verification.work.asking import Asking
from conv_reference.verification.work.messages import Broken
from conv_reference.verification.work.processes import Processes, cheapest

_MOST_LEFT = 3  # statements of a file that are named
_SOON = 2.0  # seconds, after which a line says what takes longer
_LOST = "lost"  # the verdict on what ended its process, or hung
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
    "what one tiny case, whose sizes all differ, says of it. It is called in a child process: what "
    "ends that, or does not return within seconds, is named, and the rest is tried. What it "
    "prints is not shown. Of a file that cannot be imported, what it defines all the same."
)
EPILOG: tuple[str, ...] = (STATUSES, EXAMPLES)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``try``."""
    parser.add_argument("file", metavar="FILE", help="path/file.py or package.module")


def run(arguments: argparse.Namespace) -> int:
    """Print what is found.

    Returns:
        0 where something is right on its tiny case, nothing that could be called is wrong, hangs
        or ends its process, and the file can be imported whole; else 1.

    Raises:
        ValueError: when the file is not there or is no Python, or holds nothing that could be a
            convolution.
    """
    file = arguments.file
    with closing(cheapest(full_run=None)) as source, closing(_Trying(file, source)) as trying:
        found = trying.listed()
        if not found:
            raise ValueError(
                f"nothing in {file!r} could be a convolution; accepted is a function of an "
                "input and a kernel, a layer, an autograd.Function or an adapter"
                + "".join(f"; {line}" for line in _left_out(trying.left_out))
            )
        if trying.left_out:
            said = "\n  ".join(["cannot be imported whole", *_left_out(trying.left_out)])
            screen.show(f"{one_line(file)} {said}\n\n")
        # To search for how any other might be called takes seconds.
        expected = likely(name for name, _ in found)
        verdicts: dict[str, str] = {}
        for name, kind in found:
            if name in expected:
                verdicts[name], lines = trying.tried(name)
                screen.show("".join(f"{line}\n" for line in (f"{name} ({kind})", *lines)))
    left = [name for name, _ in found if name not in expected]
    if left:
        screen.show(f"left out, as their names say: {', '.join(left)}\n")
    right = [name for name, verdict in verdicts.items() if verdict == "right"]
    is_whole = not trying.left_out
    screen.show(_further(file, right, is_whole=is_whole))
    return 0 if right and {"wrong", _LOST}.isdisjoint(verdicts.values()) and is_whole else 1


def _further(file: str, right: Sequence[str], *, is_whole: bool) -> str:
    """What is to be typed next: of one that is right its name."""
    command = f"conv-reference verify {file}:{right[0] if len(right) == 1 else 'NAME'}"
    needed = "" if is_whole else ", for which the file must be importable"
    return f"\none case of one size was tried, so nothing is verified yet: {command}{needed}\n"


@dataclass(frozen=True)
class _Left:
    """A statement that is left out."""

    said: str  # what it raised, or what became of its process
    lacks_module: bool = False  # whether it is an import of what is not installed


def _left_out(left_out: Mapping[int, _Left]) -> Iterator[str]:
    """What was left out, a line for each, and what to do about it."""
    for line in sorted(left_out)[:_MOST_LEFT]:
        yield f"{placed(line)} {left_out[line].said}"
    if len(left_out) > _MOST_LEFT:
        yield f"and {len(left_out) - _MOST_LEFT} more"
    if not all(one.lacks_module for one in left_out.values()):
        yield 'what is not to run on import belongs under if __name__ == "__main__":'


class _Trying:
    """A file in a child, which may be lost at any moment.

    Args:
        file: or package.module.
        source: of processes.
    """

    def __init__(self, file: str, source: Processes) -> None:
        self.left_out: dict[int, _Left] = {}  # of statements, by their lines
        self._asked = Asked(file)
        self._asking = Asking(source, self._limit, self._waits)
        self._has_hung = False
        self._named: set[str] = set()

    def listed(self) -> list[tuple[str, str]]:
        """Names and kinds of what could be a convolution.

        Raises:
            TargetError: when it cannot be loaded.
        """
        answer = self._answer(listed, None)
        if isinstance(answer, Crash):
            where = At.read(answer.asked).shown
            at = f"{where} " if where else ""
            raise TargetError(f"cannot import {self._asked.file!r}: {at}{_became(answer)}")
        if isinstance(answer, str):
            raise TargetError(answer)
        found, raised = answer
        self.left_out |= {line: _Left(said, lacks) for line, said, lacks in raised}
        return list(found)

    def tried(self, name: str) -> tuple[str, list[str]]:
        """The verdict on one of them in a word, and what is printed below its name."""
        answer = self._answer(tried, name)
        if isinstance(answer, Crash):
            return _LOST, [f"  {_became(answer)}"]
        verdict, lines = answer
        return verdict, lines

    def close(self) -> None:
        """End the child."""
        self._asking.close()

    def _answer(self, function: Any, item: str | None) -> Any:
        """The answer, or how its process was lost; a statement that loses it is left out."""
        while True:
            answer = self._asking.ask(function, item, self._asked)
            if isinstance(answer, Broken):
                raise RuntimeError(answer.error)
            if not isinstance(answer, Crash):
                return answer
            self._has_hung |= answer.hung
            line = At.read(answer.asked).line
            if line is None or line in self.left_out:
                return answer
            self.left_out[line] = _Left(_became(answer))
            self._asked = Asked(self._asked.file, self._asked.without | {line})

    def _limit(self, place: str) -> float:
        """Seconds; where something hung, others will."""
        seconds = At.read(place).seconds
        return max(seconds / 2, _SOON) if self._has_hung else seconds

    def _waits(self, place: str, seconds: float) -> None:
        """Name what takes long, while it does."""
        what = At.read(place).shown
        if seconds > _SOON and what and what not in self._named:
            self._named.add(what)
            said = f"{self._asked.file}: {what} takes more than {_SOON:g} s"
            sys.stderr.write(f"conv-reference try: {one_line(said)}\n")
            sys.stderr.flush()


def _became(crash: Crash) -> str:
    """What became of a process, in one line."""
    said = f" ({crash.said})" if crash.said else ""
    return crash.how if crash.hung else f"ended its process: {crash.how}{said}"
