"""Where a target stands in the source, for what is shown beside the code."""

from __future__ import annotations

import ast
from pathlib import Path, PurePath

from conv_reference.verification.report.plain import printable

_MOST_BYTES = 10_000_000


def source(target: str) -> tuple[str, int]:
    """The file, relative to the current folder where it lies in it, and the line of the definition.

    Args:
        target: "package.module:attribute" or "path/file.py:attribute"; what follows an "@" says how
            it is called.

    Returns:
        The path, with slashes; and a line from 1, which is 1 where the file has none. Of a
        module that is not beneath the current folder the path is made of its name.
    """
    place, _, attribute = printable(target).partition("@")[0].rpartition(":")
    place = place or attribute
    files = [place] if place.endswith(".py") else _files(place)
    found = next((file for file in files if _is_file(file)), None)
    if found is None:
        return _relative(files[0]), 1
    return _relative(found), _line(Path(found), attribute.partition(".")[0])


def _files(module: str) -> list[str]:
    path = module.replace(".", "/")
    return [f"{folder}{path}{end}" for folder in ("", "src/") for end in (".py", "/__init__.py")]


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # it may be any text
        return False


def _relative(path: str) -> str:
    pure = PurePath(path)
    if pure.is_absolute() and pure.is_relative_to(Path.cwd()):
        pure = pure.relative_to(Path.cwd())
    return pure.as_posix()


def _line(path: Path, name: str) -> int:
    """The line of the first statement that gives the name a value."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            return 1
        tree = ast.parse(path.read_bytes())
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return 1
    return next((node.lineno for node in tree.body if name in _named(node)), 1)


def _named(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}
