"""The lines of a target's own Python, and which of them ran.

A fault in a branch that no case took is not found, and what is right of the other branches says
nothing about it. So the calls of a target are watched, by Python's own tracing. It costs nothing
where the target is not written in Python, or all of its lines have run, and else a fraction of a
microsecond for each line; after a thousand calls without a new line one call in eight is watched,
and of what is called seldom, in another way or another dtype, all that it calls first.
"""

from __future__ import annotations

import ast
import dis
import linecache
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any

from conv_reference.verification.target.reached import reached

Line = tuple[str, int]  # a file, and the number of a line in it
Tracer = Callable[[FrameType, str, Any], Any]

_PROLOGUE = {"RESUME", "MAKE_CELL", "COPY_FREE_VARS", "RETURN_GENERATOR", "CACHE"}
_STALLED, _ONE_IN = 1_000, 8  # calls without a new line; of how many one is watched then
_FIRST = 100  # calls of one kind that are watched in any case


@dataclass(frozen=True)
class Written:
    """A function of the target's own Python."""

    file: str
    name: str  # qualified
    first: int  # the line at which its declaration begins
    lines: tuple[int, ...]  # on which it computes something: neither a declaration nor a refusal


def written(implementation: Any) -> tuple[Written, ...]:
    """The functions that a target is made of; none of torch's own, nor where no source is.

    Args:
        implementation: a function, a class, an instance, or whatever wraps one.
    """
    codes = [item for item in reached(implementation) if isinstance(item, CodeType)]
    files = {code.co_filename for code in codes}
    refusals = {file: _refusals(_source(file)) for file in files}
    found = []
    for code in codes:
        idle = refusals[code.co_filename]
        if idle is None:
            continue
        lines = tuple(sorted(_lines(code) - idle))
        name = getattr(code, "co_qualname", code.co_name)
        found.append(Written(code.co_filename, name, code.co_firstlineno, lines))
    return tuple(sorted(found, key=lambda each: (each.file, each.first)))


def _lines(code: CodeType) -> set[int]:
    """Those that run when it is called; that of its declaration only where it computes there."""
    found, line, before = set(), None, ""
    for instruction in dis.get_instructions(code):
        at = instruction.positions  # `starts_line` is a number up to Python 3.12, and later a truth
        line = (at.lineno if at else None) or line
        # What a generator is handed first is thrown away on the line of its declaration.
        is_begun = (before, instruction.opname) == ("RETURN_GENERATOR", "POP_TOP")
        if line is not None and instruction.opname not in _PROLOGUE and not is_begun:
            found.add(line)
        before = instruction.opname
    return found


def _source(file: str) -> str:
    """Empty where there is none; for what was executed Python 3.13 has that of ``python -c``."""
    return "" if file == "<string>" else "".join(linecache.getlines(file))


@lru_cache(maxsize=16)  # several targets may stand in one file
def _refusals(source: str) -> frozenset[int] | None:
    """The lines that refuse: ``raise``, ``assert``, and what only leads up to a ``raise``.

    None where there is no source, or none that can be read.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise | ast.Assert):
            found |= _own(node)
        for block in _blocks(node):
            if block and isinstance(block[-1], ast.Raise):
                found |= set().union(*map(_own, block))
    return frozenset(found) if source else None


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """The bodies under a condition, or in a handler of exceptions."""
    if isinstance(node, ast.If):
        yield node.body
        yield node.orelse
    elif isinstance(node, ast.ExceptHandler):
        yield node.body


def _own(node: ast.stmt) -> set[int]:
    return set(range(node.lineno, (node.end_lineno or node.lineno) + 1))


@dataclass
class Watch:
    """What is left of some functions' lines, while their calls are watched."""

    functions: Iterable[Written]
    _fresh: list[Line] = field(default_factory=list)
    _tracers: dict[int, tuple[CodeType, Tracer | None]] = field(default_factory=dict)
    _lines: dict[tuple[str, int], set[int]] = field(init=False)
    _calls: int = 0  # since the last new line
    _kind: str = ""  # what is being called
    _seen: Counter[str] = field(default_factory=Counter)  # calls, by kind

    def __post_init__(self) -> None:
        self._lines = {(each.file, each.first): {*each.lines} for each in self.functions}

    def fresh(self) -> tuple[Line, ...]:
        """The lines that ran since this was read last, and never before."""
        found, self._fresh[:] = tuple(self._fresh), []
        return found

    def entered(self, frame: FrameType, event: str, argument: Any) -> Tracer | None:
        """What traces a call, if it is one of a function that has lines left."""
        code = frame.f_code
        known = self._tracers.get(id(code))  # a code object's own hash goes through all it holds
        if known is None:
            known = self._tracers[id(code)] = code, self._tracer(code)
        begun = known[1]
        return None if begun is None else begun(frame, event, argument)

    def _tracer(self, code: CodeType) -> Tracer | None:
        missing = self._lines.get((code.co_filename, code.co_firstlineno))
        if missing is None:
            return None
        file, fresh = code.co_filename, self._fresh

        def stepped(frame: FrameType, event: str, argument: Any) -> Tracer | None:  # noqa: ARG001
            line = frame.f_lineno
            if line in missing:
                missing.discard(line)
                fresh.append((file, line))
                self._calls = 0
            return stepped if missing else None

        return lambda *_: stepped if missing else None

    @property
    def is_due(self) -> bool:
        """Whether the next call is to be watched."""
        if not any(self._lines.values()):
            return False
        self._calls += 1
        self._seen[self._kind] += 1
        is_new = self._calls <= _STALLED or self._seen[self._kind] <= _FIRST
        return is_new or self._calls % _ONE_IN == 0

    @contextmanager
    def asked(self, kind: str) -> Iterator[None]:
        """Calls that answer one kind of question."""
        before, self._kind = self._kind, kind
        try:
            yield
        finally:
            self._kind = before


_watch: Watch | None = None


def tracer() -> Tracer | None:
    """For calls of the target: None where nothing is to be seen, or another traces already."""
    if _watch is None or sys.gettrace() is not None or not _watch.is_due:
        return None
    return _watch.entered


def begin(functions: Iterable[Written]) -> Watch | None:
    """Watch all calls of a target from now on; None where it has no Python of its own.

    Args:
        functions: that it is made of.
    """
    global _watch  # noqa: PLW0603 (a process has one target, as it has one tracer)
    listed = tuple(functions)
    _watch = Watch(listed) if listed else None
    return _watch


@contextmanager
def watched(functions: Iterable[Written]) -> Iterator[Watch]:
    """Watch the calls of a target, afresh, and go on afterwards as before.

    Args:
        functions: that it is made of.
    """
    global _watch  # noqa: PLW0603 (see ``begin``)
    before, _watch = _watch, Watch(tuple(functions))
    try:
        yield _watch
    finally:
        _watch = before


def asked(kind: str) -> AbstractContextManager[None]:
    """Of the calls that follow: of each kind the first are watched.

    Args:
        kind: of question that they answer.
    """
    return nullcontext() if _watch is None else _watch.asked(kind)


@contextmanager
def unwatched() -> Iterator[None]:
    """Where a compiler is called: it would see the tracing, and leave the function as it is."""
    global _watch  # noqa: PLW0603 (see ``begin``)
    before, _watch = _watch, None
    try:
        yield
    finally:
        _watch = before
