"""The checks by name, group and words, read from their modules without importing torch.

What a check asserts stands beside it, in a module that needs torch to run. Here the declarations
are read from the source: a name can be refused, and ``conv-reference checks`` answer, at once. A
test holds what is read here against what the modules register.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from conv_reference.verification.reading.nearest import meant


@dataclass(frozen=True)
class Entry:
    """One row of the report: what it asserts, why, and the real fault that it stands for."""

    name: str
    check: str  # the function that judges it
    asserts: str
    why: str
    fault: str
    group: str  # its module: checks of one family
    title: str  # of the group
    on_request: bool  # none of its cases are tried unless it is requested by name


@cache
def entries() -> tuple[Entry, ...]:
    """Every row, in the order of the modules' names and lines."""
    folder = files("conv_reference.verification").joinpath("checks")
    modules = sorted(
        (path for path in folder.iterdir() if path.name.endswith(".py") and path.name[0] != "_"),
        key=lambda path: path.name,
    )
    return tuple(
        entry
        for path in modules
        for entry in _entries(path.name.removesuffix(".py"), path.read_text(encoding="utf-8"))
    )


@cache
def names() -> frozenset[str]:
    """What can be requested: the checks, their rows and their families."""
    return frozenset(name for entry in entries() for name in (entry.check, entry.name, entry.group))


def require_known(wanted: Iterable[str]) -> None:
    """Refuse a name that is no check's, no row's and no family's.

    Raises:
        ValueError: when there is one; names it, and what is near it.
    """
    for name in wanted:
        if name not in names():
            accepted = "accepted are those that `conv-reference checks` lists"
            raise ValueError(f"no check {name!r}; {accepted}{meant(name, names())}")


def of_families(wanted: Iterable[str]) -> tuple[str, ...]:
    """The names, a family's replaced by those of its checks; one that is a check's, too, is that.

    >>> of_families(["jvp", "options"])
    ('jvp', 'integers_for_pairs', 'padding_words')
    """
    own = {name for entry in entries() for name in (entry.check, entry.name)}
    checks: dict[str, tuple[str, ...]] = {name: (name,) for name in own}
    for group in {entry.group for entry in entries()} - own:
        checks[group] = tuple(entry.check for entry in entries() if entry.group == group)
    return tuple(dict.fromkeys(check for name in wanted for check in checks.get(name, (name,))))


def without(wanted: Sequence[str], skipped: Sequence[str]) -> tuple[str, ...]:
    """The names that request what is wanted, but for what is skipped.

    Args:
        wanted: names of checks, rows or families; all but those on request where empty.
        skipped: names of checks, rows or families.

    Raises:
        ValueError: when nothing is left.
    """
    wanted, skipped = of_families(wanted), of_families(skipped)
    if not skipped:
        return wanted
    default = [e for e in entries() if not e.on_request]
    named = [e for e in entries() if {e.name, e.check} & {*wanted}]
    kept = [e for e in (named if wanted else default) if not {e.name, e.check} & {*skipped}]
    if not kept:
        raise ValueError(f"no check is left without {', '.join(skipped)}")
    whole = {e.check for e in kept} - {e.check for e in entries() if e not in kept}
    return tuple(dict.fromkeys(e.check if e.check in whole else e.name for e in kept))


def _entries(group: str, source: str) -> Iterator[Entry]:
    """The rows of one module: the calls of `Row` that its decorators name."""
    module = ast.parse(source)
    values = {
        target.id: statement.value
        for statement in module.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    title = (ast.get_docstring(module) or group).partition("\n")[0].rstrip(".")
    for function in module.body:
        if not isinstance(function, ast.FunctionDef):
            continue
        for decorator in function.decorator_list:
            if not _calls(decorator, "check"):
                continue
            assert isinstance(decorator, ast.Call)
            on_request = any(
                keyword.arg == "sample" and ast.unparse(keyword.value) == "Sample.REQUEST"
                for traits in decorator.keywords
                for keyword in (traits.value.keywords if isinstance(traits.value, ast.Call) else ())
            )
            for row in _rows(decorator.args, values):
                name, asserts, why, fault = _words(row, values)
                yield Entry(name, function.name, asserts, why, fault, group, title, on_request)


def _rows(arguments: Iterable[ast.expr], values: dict[str, ast.expr]) -> Iterator[ast.Call]:
    """The calls of `Row` in the arguments, or in what they name of the module."""
    for argument in arguments:
        for node in _in_order(argument):
            if _calls(node, "Row"):
                assert isinstance(node, ast.Call)
                yield node
            elif isinstance(node, ast.Name) and node.id in values:
                yield from _rows([values[node.id]], values)


def _in_order(node: ast.AST) -> Iterator[ast.AST]:
    """The node and all below it, as they are written; what is in a `Row` stays in it."""
    yield node
    if not _calls(node, "Row"):
        for child in ast.iter_child_nodes(node):
            yield from _in_order(child)


def _calls(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


_WORDS = ("name", "asserts", "why", "fault")


def _words(row: ast.Call, values: dict[str, ast.expr]) -> list[str]:
    """The four texts of a row, each a string or the name of one in the module."""
    given = dict(zip(_WORDS, row.args, strict=False))
    given |= {keyword.arg: keyword.value for keyword in row.keywords if keyword.arg in _WORDS}
    texts = [given[word] for word in _WORDS]
    texts = [values.get(t.id, t) if isinstance(t, ast.Name) else t for t in texts]
    return [ast.literal_eval(text) for text in texts]
