"""How a target is named, and where its source is: read without importing it, or torch."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.reading.nearest import meant
from conv_reference.verification.target.option_names import BACKWARDS, FORWARDS, HANDED


def asked_operator(name: str) -> tuple[str, str | None]:
    """A target's name, and the operator that it is to be read as.

    >>> asked_operator("my_conv.py:up@conv_transpose2d")
    ('my_conv.py:up', 'conv_transpose2d')
    """
    plain, operator, _ = _asked(name)
    return plain, operator


def asked_convention(name: str) -> str | None:
    """The convention that a target's name fixes.

    >>> asked_convention("my_conv.py:f@input=NHWC weight=HWIO")
    'input=NHWC weight=HWIO'
    """
    return _asked(name)[2]


def without_convention(name: str) -> str:
    """The name of a target, which its operator may follow.

    >>> without_convention("my_conv.py:f@conv2d@input=NHWC")
    'my_conv.py:f@conv2d'
    """
    plain, operator, _ = _asked(name)
    return read_as(plain, operator)


def _asked(name: str) -> tuple[str, str | None, str | None]:
    """The name, an operator and a convention, which follow it, each behind an @."""
    plain, operator, convention = name, None, None
    while True:
        first, separator, last = plain.rpartition("@")
        if not separator or ":" in last:
            return plain, operator, convention
        plain = first
        if "=" in last:
            convention = last
        else:
            operator = last


def read_as(name: str, operator: str | None, convention: str | None = None) -> str:
    """The name of a target that is to be read as an operator, or called by a convention.

    Args:
        name: of the target.
        operator: None leaves that to the target, or to its name.
        convention: see ``words``; None leaves it to the name, or to a trial.
    """
    plain, own, fixed = _asked(name)
    operator, convention = operator or own, convention or fixed
    suffixes = (f"@{said}" for said in (operator, convention) if said is not None)
    return "".join((plain, *suffixes))


def split(name: str) -> tuple[str, str]:
    """The module or file, and the attribute in it, of ``package.module:attribute``.

    Raises:
        TargetError: when the name has another form, or its file is not there.
    """
    place, separator, attribute = asked_operator(name)[0].rpartition(":")
    require_code(place if separator else attribute)
    if not separator and attribute.endswith(".py") and not Path(attribute).is_file():
        raise TargetError(f"cannot import {attribute!r}: no such file")
    if not separator or not place or not attribute:
        raise TargetError(
            f"not a target: {name!r}; accepted is package.module:attribute, "
            "path/file.py:attribute or path/file.py"
        )
    if place.endswith(".py") and not Path(place).is_file():
        raise TargetError(f"cannot import {place!r}: no such file")
    return place, attribute


def require_code(place: str) -> None:
    """Refuse a notebook, and a folder that is no package, by what it is.

    Raises:
        TargetError: when it is one of these.
    """
    path = Path(place)
    if path.suffix == ".ipynb":
        raise TargetError(
            f"cannot import {place!r}: it is a notebook; accepted is its code in a file, as "
            f"'jupyter nbconvert --to script {path.name}' writes it"
        )
    is_folder = bool(place) and path.is_dir() and not (path / "__init__.py").is_file()
    installed = PathFinder.find_spec(place) if is_folder else None
    if is_folder and (installed is None or installed.loader is None):
        raise TargetError(
            f"cannot import {place!r}: it is a folder; accepted is one of its files, path/file.py"
        )


def require_found(name: str) -> None:
    """Refuse a module that is not there, without importing anything.

    Raises:
        TargetError: when no module has the name's first part.
    """
    place, _ = split(name)
    first = place.partition(".")[0]
    if place.endswith(".py") or first in sys.modules:
        return
    sys.path.insert(0, str(Path.cwd()))
    try:
        if find_spec(first) is None:
            raise TargetError(
                f"cannot import {place!r}: ModuleNotFoundError: No module named {first!r}"
            )
    finally:
        sys.path.pop(0)


def lacking(
    name: str, place: str, part: str, names: Iterable[str], defined: Sequence[str] = ()
) -> str:
    """Why a target is not found in its module, in one line.

    Args:
        name: of the target.
        place: its module or file.
        part: what is not there.
        names: what is there, of which those like ``part`` are listed.
        defined: the message where there are none like it.
    """
    said = meant(part, names)
    if defined and not said:
        said = f"; it defines {', '.join(defined)}"
    return f"cannot import {name!r}: {place} has no {part!r}{said}"


_OF_BENCHMARKS = "ModelNew"


def completed(name: str) -> str:
    """A file's name with the one convolution in it; any other name as it is.

    The file is read and not imported: public functions of two parameters and more, and classes
    of layers or autograd Functions, are what could be one, but for names as ``max_pool``.

    Raises:
        TargetError: when the file has none, or several; says which.
    """
    path = Path(name)
    if not name.endswith(".py") or not path.is_file():
        return name
    try:
        tree = ast.parse(path.read_bytes(), path.name)
    except (SyntaxError, ValueError) as error:
        raise TargetError(f"cannot read {name!r}: {type(error).__name__}: {error}") from error
    found = likely(_could_be(tree))
    if _OF_BENCHMARKS in found:  # beside the model that it is to be like
        return f"{name}:{_OF_BENCHMARKS}"
    if len(found) == 1:
        return f"{name}:{found[0]}"
    which = f"has {len(found)}: {', '.join(found)}" if found else "shows none"
    raise TargetError(
        f"which convolution of {name!r} is meant: it {which}; accepted is {name}:NAME "
        f"(conv-reference try {name} says more)"
    )


_CONVOLUTION = "conv"
# What stands beside a convolution in files of courses, and takes two arguments, too.
_BESIDE = re.compile(
    r".*(pool|relu|softmax|sigmoid|loss|entropy|batch_?norm|dropout|flatten|dense|affine|fully_?co).*"
    r"|(get_)?(ima?ge?2(col|row)|im2(col|row)|(col|row)2ima?ge?|(col|row)2im)(_?indices)?"
    r"|(zero_?)?pad(ding|_input|_images?|_with_zeros|_zeros?)?|linear|accuracy|sgd|adam|optimizer"
    r"|fc(_.*)?|.*_fc"
)


def likely(names: Iterable[str]) -> list[str]:
    """Those whose name does not say that they are something else, or all where all say so.

    >>> likely(["im2col", "max_pool_forward", "Conv"])
    ['Conv']
    """
    every = list(names)
    others = [n for n in every if _CONVOLUTION in n.lower() or not _BESIDE.fullmatch(n.lower())]
    return others or every


def _could_be(tree: ast.Module) -> list[str]:
    """What could be a convolution by its definition, in the order of the file."""
    found: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and _takes_two(node):
            found.append(node.name)
        if isinstance(node, ast.ClassDef):
            static = _static_forward(node)
            if static or _is_layer(node, found):
                found.append(f"{node.name}.{static}" if static else node.name)
    return [name for name in found if not name.startswith("_")]


def _takes_two(node: ast.FunctionDef) -> bool:
    if "backward" in node.name.lower():
        return False  # a part of the convolution beside it
    return len(node.args.posonlyargs) + len(node.args.args) >= 2


def _static_forward(node: ast.ClassDef) -> str:
    """The name of a forward pass that needs no object; but an autograd Function has one."""
    if any(ast.unparse(base).rpartition(".")[2] == "Function" for base in node.bases):
        return ""
    methods = (m for m in node.body if isinstance(m, ast.FunctionDef) and m.name in FORWARDS)
    static = (m.name for m in methods if "staticmethod" in map(ast.unparse, m.decorator_list))
    return next(static, "")


def _is_layer(node: ast.ClassDef, before: Sequence[str]) -> bool:
    """Of torch's layers and Functions, of a framework, with a layer's two methods, or a kernel."""
    bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
    methods = {method.name: method for method in node.body if isinstance(method, ast.FunctionDef)}
    forwards = [methods[name] for name in FORWARDS if name in methods]
    is_handed = "vjp" not in methods and any(
        it.arg.lower() in HANDED for each in forwards for it in each.args.args[2:3]
    )
    has_both = bool(forwards) and not methods.keys().isdisjoint(BACKWARDS)
    return (
        has_both
        or is_handed
        or not bases.isdisjoint({"Module", "Function", "Conv2d", "Framework", *before})
    )


def source_of(name: str) -> Path | None:
    """The file that a target's name leads to, where it can be found without running anything."""
    place, _ = split(name)
    if place.endswith(".py"):
        return Path(place)
    folders, source = [str(Path.cwd()), *sys.path], None
    for part in place.split("."):
        spec = PathFinder.find_spec(part, folders)
        if spec is None:
            return None
        folders, source = list(spec.submodule_search_locations or ()), spec.origin
    return None if source is None else Path(source)


def may_be_adapter(name: str) -> bool:
    """Whether a target's file imports what adapters of frameworks derive from, by its text."""
    try:
        source = source_of(without_convention(name))
        tree = ast.parse("" if source is None else source.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError, TargetError):  # the import says what is wrong
        return False
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return any(
        (node.module or "").startswith("conv_reference.adapters.")
        or (
            (node.module or "").startswith("conv_reference.verification")
            and any(alias.name == "Framework" for alias in node.names)
        )
        for node in imports
    )
