"""What a file defines, where it cannot be imported whole: it trains, asks somebody, or ends.

It is executed statement by statement, as an import does it; what raises is left out, and so is
what is known not to return. The rest may lack what was left out. A statement may take for ever, or
end the process: whoever executes a stranger's file does it in a child, and hears where that is.
"""

from __future__ import annotations
import __future__

import ast
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from conv_reference.verification.model.printable import one_line
from conv_reference.verification.target.answers import message_of, type_name
from conv_reference.verification.target.packaged import (
    Packaged,
    hint,
    is_in_package,
    on_its_own,
    packaged,
)
from conv_reference.verification.target.siblings import begun

_IMPORTS = (ast.Import, ast.ImportFrom)
_DEFINES = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.If, ast.Try,
)  # fmt: skip
_Node = TypeVar("_Node", bound=ast.AST)
_MOST_SAID = 200  # characters of what is raised
PACKAGE = 0  # in place of the line of a statement: what is executed before them


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
    # Whether it is an import of what is not installed, or not in it, or lacks what that binds.
    lacks_module: bool = False


def executed(
    path: Path, begins: Callable[[Statement], None], without: Collection[int] = ()
) -> tuple[ModuleType, tuple[LeftOut, ...]]:
    """The file as a module, and what of it raised.

    Args:
        path: of the file.
        begins: called before its package is imported, and before each statement.
        without: the lines of statements that are not executed.

    Raises:
        SyntaxError, ValueError, OSError: when it is no Python, or cannot be read.
    """
    tree = ast.parse(path.read_bytes(), str(path))
    flags = _flags(tree)
    left: list[LeftOut] = []
    unbound: set[str] = set()  # names, for what is not installed
    found = _placed(path, begins, without)
    there = sys.modules.get(found.spec.name) if found.is_in_package else None
    if there is not None:  # its package imports it
        return there, ()
    with begun(path, found.spec) as module:
        for node in tree.body:
            if node.lineno in without:
                continue
            code = compile(ast.Module([node], []), str(path), "exec", flags, dont_inherit=True)
            begins(Statement(node.lineno, isinstance(node, _IMPORTS), isinstance(node, _DEFINES)))
            try:
                exec(code, module.__dict__)
            except (Exception, SystemExit) as error:
                said = f"raises {type_name(error)}: {message_of(error)}"
                lacks = isinstance(error, ImportError) or _name_of(error) in unbound
                unbound |= _bound_by(node) if lacks else set()
                said = one_line(said[:_MOST_SAID]) + hint(error, path, found.alone)
                left.append(LeftOut(node.lineno, said, lacks))
    return module, tuple(left)


def _placed(path: Path, begins: Callable[[Statement], None], without: Collection[int]) -> Packaged:
    """Under which name it is executed; its package is imported before it."""
    if not is_in_package(path):
        return on_its_own(path)
    if PACKAGE in without:
        return on_its_own(path, "its package is left out")
    begins(Statement(PACKAGE, imports=True))
    return packaged(path)


def _name_of(error: BaseException) -> str | None:
    return error.name if isinstance(error, NameError) else None


def _bound_by(node: ast.stmt) -> set[str]:
    """The names that a statement would have bound: of an import, a definition, an assignment."""
    imported = {a.asname or a.name.partition(".")[0] for a in _each(node, ast.alias)}
    assigned = {n.id for n in _each(node, ast.Name) if isinstance(n.ctx, ast.Store)}
    defined = {node.name} if isinstance(node, ast.FunctionDef | ast.ClassDef) else set()
    return imported | assigned | defined


def _each(node: ast.AST, kind: type[_Node]) -> Iterator[_Node]:
    return (each for each in ast.walk(node) if isinstance(each, kind))


def _flags(tree: ast.Module) -> int:
    """Those of the compiler that the file's imports from ``__future__`` set."""
    imports = (n for n in tree.body if isinstance(n, ast.ImportFrom) and n.module == "__future__")
    names = {alias.name for node in imports for alias in node.names}
    flags = 0
    for name in names:
        flags |= getattr(__future__, name).compiler_flag
    return flags
