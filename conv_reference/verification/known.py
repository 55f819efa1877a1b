"""Known defects of released libraries: a readable registry, and what matches it.

An entry of ``known.toml`` says under which conditions a finding is the defect that it
describes; every condition that it names must hold. The predicates are as narrow as the
evidence in ``docs/found``.
"""

from __future__ import annotations

import ast
import operator
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from conv_reference.geometry import Geometry
from conv_reference.verification.case import Case, dtype_name
from conv_reference.verification.judge import Judgement
from conv_reference.verification.sizes import sizes_of

SHIPPED = Path(__file__).with_name("known.toml")


class KnownError(ValueError):
    """A registry that cannot be read; the message is one line."""


@dataclass(frozen=True)
class Defect:
    """One known defect; an empty condition always holds."""

    name: str
    summary: str  # one sentence
    link: str  # of the record in docs/found, or of the public thread
    date: str  # on which it was last seen, year-month-day
    targets: tuple[str, ...]  # beginnings of target names
    checks: tuple[str, ...] = ()  # rows of the report
    quantities: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ()
    layouts: tuple[str, ...] = ()  # each "input=sliced"; one of them must occur in the case
    torch: tuple[str, ...] = ()  # beginnings of versions, "2.13."
    environment: tuple[str, ...] = ()  # each "key=text", which occurs there, or "key!=text"
    shows: tuple[str, ...] = ()  # cases that show it, nearly always: they are tried in each run
    geometry: str = ""  # a predicate over sizes: the names are in `sizes`

    def applies(self, target: str, environment: Mapping[str, str]) -> bool:
        """Whether it is to be expected of this target, here."""
        version = environment.get("torch", "")
        return (
            target.startswith(self.targets)
            and (not self.torch or version.startswith(self.torch))
            and all(_holds(condition, environment) for condition in self.environment)
        )

    @cached_property
    def layout_pairs(self) -> frozenset[tuple[str, str]]:
        """The layouts, as operand and name."""
        pairs = (entry.partition("=") for entry in self.layouts)
        return frozenset((operand, name) for operand, _, name in pairs)

    @property
    def crashes(self) -> bool:
        """Whether it may take the process along: then it is not provoked more often than needed."""
        return "crashed" in self.verdicts

    def matches(self, case: Case, judgement: Judgement) -> bool:
        """Whether a failure of a target that it applies to is this defect."""
        whole, mapped = judgement.quantity, judgement.quantity.partition(" ")[0]
        return self.concerns(case) and all(
            not accepted or not {*accepted}.isdisjoint(values)
            for accepted, values in (
                (self.checks, (judgement.check,)),
                (self.quantities, (whole, mapped)),  # "dK mapped over X" is a dK, too
                (self.verdicts, (judgement.verdict.value,)),
            )
        )

    def concerns(self, case: Case) -> bool:
        """Whether the case lies where the defect was seen."""
        if self.dtypes and dtype_name(case.dtype) not in self.dtypes:
            return False
        if self.layouts and self.layout_pairs.isdisjoint(_layouts(case)):
            return False
        return not self.geometry or bool(evaluate(self.geometry, sizes_of(case.geometry)))


def load(path: Path) -> tuple[Defect, ...]:
    """Read a registry.

    Raises:
        KnownError: when it is no TOML, or an entry lacks a field, has a foreign one or a
            predicate that is no comparison of sizes.
        OSError: when it cannot be read.
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("defect", [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise KnownError(f"{path} is no TOML: {error}") from error
    if not isinstance(entries, list):
        raise KnownError(f"{path}: not a list of known defects, [[defect]]: {entries!r}")
    return tuple(_defect(path, entry) for entry in entries)


def _defect(path: Path, entry: Any) -> Defect:
    names = {field.name for field in fields(Defect)}
    if not isinstance(entry, dict) or not set(entry) <= names:
        foreign = sorted(set(entry) - names) if isinstance(entry, dict) else entry
        raise KnownError(f"{path}: not a field of a known defect: {foreign}")
    values: dict[str, Any] = {}
    for field in fields(Defect):
        if field.name not in entry:
            continue
        value, listed = entry[field.name], field.type != "str"
        texts = isinstance(value, list) and all(isinstance(text, str) for text in value)
        if listed and not texts:
            raise KnownError(f"{path}: {field.name} must be a list of texts, got {value!r}")
        if not listed and isinstance(value, list):
            raise KnownError(f"{path}: {field.name} must be text, got {value!r}")
        values[field.name] = tuple(value) if listed else str(value)
    lacking = [f.name for f in fields(Defect) if f.default is MISSING and f.name not in values]
    if lacking:
        raise KnownError(f"{path}: a known defect lacks {', '.join(lacking)}")
    defect = Defect(**values)
    for text in defect.shows:
        _shown_case(path, defect, text)
    if defect.geometry:
        _require_predicate(defect.geometry)
    return defect


def _shown_case(path: Path, defect: Defect, text: str) -> None:
    try:
        case = Case.parse(text)
    except ValueError as error:
        raise KnownError(f"{path}: {defect.name} shows no case: {error}") from error
    if not defect.concerns(case):
        raise KnownError(f"{path}: {defect.name} does not concern the case that shows it: {text}")


def first_match(defects: Sequence[Defect], case: Case, judgement: Judgement) -> Defect | None:
    """The first defect that a failure is, if any."""
    return next((defect for defect in defects if defect.matches(case, judgement)), None)


def _holds(condition: str, environment: Mapping[str, str]) -> bool:
    """Whether an entry of the environment holds the text that is named, or does not."""
    key, _, text = condition.partition("=")
    occurs = text in environment.get(key.removesuffix("!"), "")
    return occurs != key.endswith("!")


def _layouts(case: Case) -> tuple[tuple[str, str], ...]:
    return (
        ("input", case.input_layout),
        ("weight", case.weight_layout),
        ("grad_output", case.grad_output_layout),
    )


_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip


def _require_predicate(text: str) -> None:
    """Refuse what could not be evaluated, in every part: evaluation stops where it can."""
    sizes = sizes_of(Geometry(input_size=(1, 1), kernel_size=(1, 1)))
    evaluate(text, sizes)
    for node in ast.walk(ast.parse(text, mode="eval")):
        if isinstance(node, ast.Name) and node.id not in sizes:
            raise KnownError(f"not a predicate over sizes: {text!r}; there is no size {node.id!r}")
        if isinstance(node, ast.Call | ast.Attribute | ast.Subscript | ast.Lambda):
            raise KnownError(f"not a predicate over sizes: {text!r}")


def evaluate(text: str, sizes: Mapping[str, int]) -> int:
    """Evaluate a predicate over sizes: comparisons, and, or, not, and integer arithmetic.

    >>> evaluate("n > 1 and g == c", {"n": 2, "g": 3, "c": 3})
    1

    Raises:
        KnownError: when the text holds anything else.
    """
    try:
        return int(_value(_parsed(text), sizes))
    except (SyntaxError, KeyError, ZeroDivisionError) as error:
        raise KnownError(f"not a predicate over sizes: {text!r}") from error


@lru_cache(maxsize=64)  # a run asks each predicate about thousands of cases
def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _value(node: ast.expr, sizes: Mapping[str, int]) -> int:
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.Name(id=name):
            return sizes[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return int(_OPERATORS[type(op)](_value(left, sizes), _value(right, sizes)))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return int(not _value(operand, sizes))
        case ast.BoolOp(op=op, values=values):
            found = (_value(value, sizes) for value in values)  # as Python does, no further
            return int(all(found) if isinstance(op, ast.And) else any(found))
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            sides = [_value(side, sizes) for side in (left, *comparators)]
            pairs = zip(ops, sides, sides[1:], strict=False)
            return int(all(_OPERATORS[type(op)](a, b) for op, a, b in pairs))
    raise KeyError(ast.dump(node))
