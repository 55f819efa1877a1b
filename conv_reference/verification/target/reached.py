"""What a target's own Python holds: its functions, and whatever they close over and read.

A target is a function, a class, or whatever wraps one. What it is made of lies in its code objects,
in what they close over, in their defaults and in the globals of their own package that they read.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any

_MOST_OBJECTS = 300  # that are looked into
_CONTRACT = "conv_reference.verification.frameworks"  # what adapters derive from


def reached(implementation: Any) -> Iterator[Any]:
    """Integers and code objects of its own package; none where that is torch's.

    Args:
        implementation: a function, a class, an instance, or whatever wraps one.
    """
    home = _package(implementation)
    if home in {"", "torch", "builtins"}:
        return
    seen: dict[int, Any] = {}  # by identity, and held so that none is used again
    waiting = [implementation]
    while waiting and len(seen) < _MOST_OBJECTS:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen[id(item)] = item
        if _is_of_the_contract(item):
            continue
        if isinstance(item, CodeType):
            yield item
        for held in _held(item, home):
            if isinstance(held, int):
                yield held
            else:
                waiting.append(held)


def _package(item: Any) -> str:
    item = item.func if isinstance(item, partial) else item
    module = getattr(item, "__module__", None) or getattr(type(item), "__module__", "")
    return str(module).partition(".")[0]


def _is_of_the_contract(item: Any) -> bool:
    """Whether it is the engine's, by which a shipped adapter would be judged by our constants."""
    return str(getattr(item, "__module__", "")).startswith(_CONTRACT)


def _held(item: Any, home: str) -> Iterator[Any]:
    """What an object holds that may be, or lead to, a constant."""
    match item:
        case CodeType():
            yield from _looked_into(item.co_consts)
        case FunctionType():
            yield from _of_function(item, home)
        case MethodType():
            yield item.__func__
        case partial():
            yield item.func
            yield from _looked_into((*item.args, *item.keywords.values()))
        case staticmethod() | classmethod():
            yield item.__func__
        case type():
            yield from _of_class(item, home)
        case tuple() | list() | dict():
            yield from _looked_into(item.values() if isinstance(item, dict) else item)
        case _:
            yield from _of_class(type(item), home)
            yield from _looked_into(getattr(item, "__dict__", {}).values(), through=True)


def _of_function(function: FunctionType, home: str) -> Iterator[Any]:
    """What it closes over, and all else where its code is the package's own.

    What wraps another function bears that function's module, and is not of it.
    """
    yield from _closed_over(function, home)
    if str(function.__globals__.get("__name__", home)).partition(".")[0] != home:
        return
    yield function.__code__
    yield from _looked_into(function.__defaults__ or ())
    yield from _looked_into((function.__kwdefaults__ or {}).values())
    names = dict.fromkeys(_names(function.__code__))
    read = (function.__globals__[name] for name in names if name in function.__globals__)
    yield from _of_package(read, home)


def _names(code: CodeType) -> Iterator[str]:
    """The globals that it may read, and those of what is declared in it."""
    yield from code.co_names
    for held in code.co_consts:
        if isinstance(held, CodeType):
            yield from _names(held)


def _closed_over(function: FunctionType, home: str) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            held = cell.cell_contents
        except ValueError:  # not filled yet
            continue
        if _package(type(held)) == home:  # what holds the target's functions
            yield held
        else:
            yield from _looked_into((held,), through=True)


def _of_class(item: type, home: str) -> Iterator[Any]:
    for base in item.__mro__:
        if base.__module__.partition(".")[0] == home:
            yield from (
                value
                for value in vars(base).values()
                if isinstance(value, FunctionType | staticmethod | classmethod | int)
            )


def _of_package(items: Any, home: str) -> Iterator[Any]:
    """Integers, tables of them, and functions and classes of the same package."""
    for item in items:
        if isinstance(item, FunctionType | type):
            if _package(item) == home:
                yield item
        else:
            yield from _looked_into((item,))


def _looked_into(items: Any, *, through: bool = False) -> Iterator[Any]:
    for item in items:
        known = isinstance(item, int | tuple | list | dict | CodeType)
        if known or (through and isinstance(item, FunctionType | MethodType | partial | type)):
            yield item
