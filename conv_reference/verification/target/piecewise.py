"""What a file defines, where it cannot be imported whole: it trains, asks somebody, or ends.

It is executed statement by statement, as an import does it; what raises is left out, and so is
what is known not to return. The rest may lack what was left out. A statement may take for ever, or
end the process: whoever executes a stranger's file does it in a child, and hears where that is.
"""

from __future__ import annotations
import __future__

import ast
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from conv_reference.verification.model.printable import one_line
from conv_reference.verification.target.answers import message_of, type_name
from conv_reference.verification.target.siblings import begun

_IMPORTS = (ast.Import, ast.ImportFrom)
_DEFINES = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.If, ast.Try,
)  # fmt: skip
_MOST_SAID = 200  # characters of what is raised


@dataclass(frozen=True)
class Statement:
    """One of a file's, before it is executed."""

    line: int
    imports: bool = False  # a package, which may be large
    defines: bool = False  # what may be needed: more than a call whose result nobody keeps


@dataclass(frozen=True)
class LeftOut:
    """A statement of a file that did not come to its end."""

    line: int
    said: str  # what it raised
    lacks_module: bool = False  # whether it is an import of what is not installed, or not in it


def executed(
    path: Path, begins: Callable[[Statement], None], without: Collection[int] = ()
) -> tuple[ModuleType, tuple[LeftOut, ...]]:
    """The file as a module, and what of it raised.

    Args:
        path: of the file.
        begins: called before each statement.
        without: the lines of statements that are not executed.

    Raises:
        SyntaxError, ValueError, OSError: when it is no Python, or cannot be read.
    """
    tree = ast.parse(path.read_bytes(), str(path))
    flags = _flags(tree)
    left = []
    with begun(path) as module:
        for node in tree.body:
            if node.lineno in without:
                continue
            code = compile(ast.Module([node], []), str(path), "exec", flags, dont_inherit=True)
            begins(Statement(node.lineno, isinstance(node, _IMPORTS), isinstance(node, _DEFINES)))
            try:
                exec(code, module.__dict__)
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
