"""What a file defines, where it cannot be imported whole: it trains, asks somebody, or ends.

It is executed statement by statement, as an import does it; what raises is left out, and so is
what does not come to its end. The rest may lack what was left out.
"""

from __future__ import annotations
import __future__

import ast
import importlib.util
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, ModuleType

from conv_reference.verification.model.printable import one_line
from conv_reference.verification.target.answers import message_of, type_name
from conv_reference.verification.target.siblings import find_beside, find_last

_PATIENCE = 2.0  # seconds for a statement that defines nothing
# What may take its time: a package is imported, a kernel compiled.
_DEFINING = (
    ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign,
    ast.AnnAssign, ast.If, ast.Try,
)  # fmt: skip
_MOST_SAID = 200  # characters of what is raised


class _TakesLong(BaseException):  # nobody who expects exceptions may take it
    """A statement has had its time."""


@dataclass(frozen=True)
class LeftOut:
    """A statement of a file that did not come to its end."""

    line: int
    said: str  # what it raised, or that it takes long
    lacks_module: bool = False  # whether it is an import of what is not installed, or not in it


def executed(path: Path) -> tuple[ModuleType, tuple[LeftOut, ...]]:
    """The file as a module, and what of it was left out.

    Raises:
        SyntaxError, ValueError, OSError: when it is no Python, or cannot be read.
    """
    text = path.read_bytes()
    tree = ast.parse(text, str(path))
    name = f"_target_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None  # of a .py file there is one
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    find_beside(path)
    find_last()
    flags = _flags(tree)
    left = []
    for node in tree.body:
        code = compile(ast.Module([node], []), str(path), "exec", flags, dont_inherit=True)
        patience = None if isinstance(node, _DEFINING) else _PATIENCE
        try:
            with _in_time(patience):
                exec(code, module.__dict__)
        except _TakesLong:
            left.append(LeftOut(node.lineno, f"takes more than {_PATIENCE:g} s"))
        except (Exception, SystemExit) as error:
            said = f"raises {type_name(error)}: {message_of(error)}"
            lacks = isinstance(error, ImportError)
            left.append(LeftOut(node.lineno, one_line(said[:_MOST_SAID]), lacks))
    return module, tuple(left)


def _flags(tree: ast.Module) -> int:
    """Those of the compiler that the file's imports from ``__future__`` set."""
    imports = (n for n in tree.body if isinstance(n, ast.ImportFrom) and n.module == "__future__")
    names = {alias.name for node in imports for alias in node.names}
    flags = 0
    for name in names:
        flags |= getattr(__future__, name).compiler_flag
    return flags


@contextmanager
def _in_time(seconds: float | None) -> Iterator[None]:
    """Raise ``_TakesLong`` after as many seconds, where the system has a timer."""
    is_main = threading.current_thread() is threading.main_thread()
    if seconds is None or not is_main or not hasattr(signal, "setitimer"):
        yield
        return

    def end(_: int, __: FrameType | None) -> None:
        raise _TakesLong

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
