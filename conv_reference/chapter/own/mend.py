"""Where a layer's source makes a tensor in torch's default dtype, and where it leaves the graph."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

# Through which no gradient comes back: of a tensor, and of torch.
_CUTS = frozenset({"data", "detach", "item", "numpy", "tolist"})
_CUTS_OF_TORCH = frozenset({"tensor", "no_grad", "from_numpy"})
# What torch makes in its default dtype where nobody names another.
_MAKERS = frozenset({"zeros", "ones", "empty"})


@dataclass(frozen=True)
class Mend:
    """One call, and what it should be."""

    line: int  # of the source, from 1
    column: int  # in bytes, as `ast` counts
    before: str
    after: str


@dataclass(frozen=True)
class Cut:
    """A line that leaves the graph."""

    line: int  # of the source, from 1
    code: str  # ".detach, .numpy"


def cuts(source: str, name: str) -> tuple[Cut, ...]:
    r"""Where a class or function leaves the graph, so that no gradient comes back.

    What ``__init__`` does to its parameters is no part of a forward pass.

    Args:
        source: of a whole file.
        name: of the class or function in it.

    >>> cuts("def conv(X, K):\n    return (K.data * X).sum()\n", "conv")
    (Cut(line=2, code='.data'),)
    """
    found: dict[int, set[str]] = {}
    for function in _named(source, name):
        for node in ast.walk(function):
            if isinstance(node, ast.Attribute) and (code := _cut(node)):
                found.setdefault(node.lineno, set()).add(code)
    return tuple(Cut(line, ", ".join(sorted(found[line]))) for line in sorted(found))


def _cut(node: ast.Attribute) -> str:
    if isinstance(node.value, ast.Name) and node.value.id == "torch":
        return f"torch.{node.attr}" if node.attr in _CUTS_OF_TORCH else ""
    return f".{node.attr}" if node.attr in _CUTS else ""


def mends(source: str, name: str) -> tuple[Mend, ...]:
    r"""The calls in a class or function that leave the dtype to torch.

    Those in ``__init__`` make parameters, whose dtype moves with the layer's; they stay.

    Args:
        source: of a whole file.
        name: of the class or function in it.

    >>> mends("def conv(X, K):\n    return torch.zeros(3) + X\n", "conv")[0].after
    'torch.zeros(3, dtype=X.dtype, device=X.device)'
    """
    return tuple(mend for function in _named(source, name) for mend in _in(function, source))


def mended(source: str, name: str) -> str:
    """The source with every such call as it should be."""
    lines = source.encode().splitlines(keepends=True)
    starts = [sum(map(len, lines[:number])) for number in range(len(lines))]
    text = source.encode()
    # From the end, so that the places before stay where they are.
    for mend in sorted(mends(source, name), key=lambda one: (one.line, one.column), reverse=True):
        start = starts[mend.line - 1] + mend.column
        text = text[:start] + mend.after.encode() + text[start + len(mend.before.encode()) :]
    return text.decode()


def layers(source: str) -> tuple[str, ...]:
    r"""The names of the classes that have a forward pass.

    >>> layers("class Layer(nn.Module):\n    def forward(self, X): ...\n")
    ('Layer',)
    """
    return tuple(
        node.name
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef)
        and any(function.name == "forward" for function in _functions(node))
    )


def makes_parameter(source: str, name: str) -> bool:
    """Whether a class or function names what makes a parameter: what a step moves."""
    return any(
        isinstance(inner, ast.Attribute | ast.Name)
        and (inner.attr if isinstance(inner, ast.Attribute) else inner.id)
        in {"Parameter", "register_parameter", "Conv2d"}
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name
        for inner in ast.walk(node)
    )


def _named(source: str, name: str) -> Iterator[ast.FunctionDef]:
    """The function of this name, or those of the class."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            yield from _functions(node)


def _functions(node: ast.ClassDef | ast.FunctionDef) -> Iterator[ast.FunctionDef]:
    if isinstance(node, ast.FunctionDef):
        yield node
        return
    for inner in node.body:
        if isinstance(inner, ast.FunctionDef) and inner.name != "__init__":
            yield inner


def _in(function: ast.FunctionDef, source: str) -> Iterator[Mend]:
    arguments = [argument.arg for argument in function.args.args if argument.arg != "self"]
    for node in ast.walk(function):
        if arguments and isinstance(node, ast.Call) and _leaves_the_dtype(node):
            before = ast.get_source_segment(source, node) or ""
            inside = before[:-1].rstrip().removesuffix(",")
            device = "" if _names(node, "device") else f", device={arguments[0]}.device"
            after = f"{inside}, dtype={arguments[0]}.dtype{device})"
            yield Mend(node.lineno, node.col_offset, before, after)


def _leaves_the_dtype(call: ast.Call) -> bool:
    function = call.func
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == "torch"
        and function.attr in _MAKERS
        and not _names(call, "dtype")
    )


def _names(call: ast.Call, keyword: str) -> bool:
    return any(one.arg == keyword for one in call.keywords)
