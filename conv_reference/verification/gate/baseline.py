"""What held, in a file that is committed.

Everything here is a pure function but for one that reads and one that writes. The file is JSON
with one line for each row of the checks, sorted, so that a change of it is read in a diff.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from conv_reference.verification import options
from conv_reference.verification.gate.parameters import Parameters
from conv_reference.verification.model.result import CheckResult, Report, Verdict
from conv_reference.verification.target.names import without_convention

SCHEMA = 1


class BaselineError(ValueError):
    """The file is no baseline for this run; the message is one line."""


@dataclass(frozen=True)
class Row:
    """What one check held in one dtype on one device."""

    check: str
    dtype: str
    device: str
    verdict: Verdict
    bits: float | None = None  # effective; None where exact
    bound: str | None = None  # where rounded
    known: bool = False  # its failures are known defects
    families: tuple[tuple[str, int], ...] = ()  # geometries judged, by family
    unsupported: int | None = None  # cases; None of a file in which that was not recorded

    @property
    def key(self) -> tuple[str, str, str]:
        """What distinguishes it from every other row."""
        return self.check, self.dtype, self.device


@dataclass(frozen=True)
class Baseline:
    """What held, and the run that showed it."""

    target: str
    seed: int
    parameters: Parameters
    planned: int  # cases
    environment: Mapping[str, str]
    rows: tuple[Row, ...]


def baseline_of(report: Report, parameters: Parameters) -> Baseline:
    """What a report says, as a baseline."""
    return Baseline(
        target=report.target,
        seed=report.seed,
        parameters=parameters,
        planned=report.planned,
        environment=dict(sorted(report.environment.items())),
        rows=tuple(sorted(rows_of(report), key=lambda row: row.key)),
    )


def dumps(baseline: Baseline) -> str:
    """The file's content; the same baseline gives the same bytes."""
    lines = ["{", f' "schema": {SCHEMA},']
    names = ("target", "seed", "planned")
    lines += [f" {_json(name)}: {_json(getattr(baseline, name))}," for name in names]
    lines.append(f' "parameters": {_json(dict(baseline.parameters.values))},')
    lines.append(' "environment": {')
    lines += _joined(f"  {_json(k)}: {_json(v)}" for k, v in sorted(baseline.environment.items()))
    lines.append(" },")
    lines.append(' "rows": [')
    rows = sorted(baseline.rows, key=lambda row: row.key)
    lines += _joined(f"  {_json(asdict(row) | {'families': dict(row.families)})}" for row in rows)
    return "\n".join([*lines, " ]", "}"]) + "\n"


def loads(
    text: str,
    *,
    name: str = "the baseline",
    recorded: Sequence[options.Option] = options.RECORDED,
) -> Baseline:
    """Read the file's content.

    Args:
        text: the content.
        name: what an error calls it.
        recorded: the options that it was made with.

    Raises:
        BaselineError: when it is corrupt or of a newer schema.
    """
    try:
        content = json.loads(text, parse_constant=_no_number, object_pairs_hook=_object)
    except ValueError as error:
        raise BaselineError(f"{name} is corrupt: no JSON ({error})") from None
    except RecursionError:
        raise BaselineError(f"{name} is corrupt: nested too deeply") from None
    if not isinstance(content, dict) or type(content.get("schema")) is not int:
        raise BaselineError(f"{name} is corrupt: no object with a schema")
    if content["schema"] > SCHEMA:
        raise BaselineError(
            f"{name} has schema {content['schema']}, newer than {SCHEMA}, the newest that is "
            "understood: update conv-reference"
        )
    _require_same_command(content, recorded, name)
    try:
        return _from_json(content, recorded)
    except KeyError as error:
        raise BaselineError(f"{name} is corrupt: it lacks {error}") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise BaselineError(f"{name} is corrupt: {error}") from None


def _require_same_command(
    content: Mapping[str, Any], recorded: Sequence[options.Option], name: str
) -> None:
    made_with = content.get("parameters")
    of_network = isinstance(made_with, dict) and _OF_NETWORK in made_with
    if of_network != any(option.keyword == _OF_NETWORK for option in recorded):
        by = "model" if of_network else "verify"
        raise BaselineError(f"{name} was made by conv-reference {by}: it holds nothing of this")


def read(
    path: Path,
    *,
    target: str | None = None,
    recorded: Sequence[options.Option] = options.RECORDED,
) -> Baseline:
    """Read a baseline's file.

    Args:
        path: of the file.
        target: that it must be about, where given.
        recorded: the options that it was made with.

    Raises:
        BaselineError: when there is none, or it is corrupt, of a newer schema or of another
            target; the message is one line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BaselineError(f"no baseline {path}; --update-baseline makes one") from None
    except UnicodeDecodeError:
        raise BaselineError(f"the baseline {path} is corrupt: no UTF-8") from None
    baseline = loads(text, name=f"the baseline {path}", recorded=recorded)
    if target is not None:
        require_target(baseline, target, name=f"the baseline {path}")
    return baseline


def write(path: Path, baseline: Baseline) -> None:
    """Write a baseline's file, whole or not at all."""
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_text(dumps(baseline), encoding="utf-8")
    unfinished.replace(path)


def rows_of(report: Report) -> Iterator[Row]:
    """The report's checks, as rows of a baseline."""
    device = report.environment.get("device", "cpu")
    for check in report.checks:
        yield _row(check, device)


def _row(check: CheckResult, device: str) -> Row:
    bits = check.effective_bits
    return Row(
        check=check.name,
        dtype=check.dtype,
        device=device,
        verdict=check.verdict,
        bits=round(bits, 2) if bits is not None and math.isfinite(bits) else None,
        bound=check.bound,
        known=check.known,
        families=tuple(sorted(check.families)),
        unsupported=check.unsupported,
    )


def require_target(baseline: Baseline, target: str, name: str = "the baseline") -> None:
    """Refuse a baseline of another target.

    Args:
        baseline: what held.
        target: that is verified now.
        name: what the error calls the baseline.

    Raises:
        BaselineError: when the two differ.
    """
    if without_convention(baseline.target) != without_convention(target):
        raise BaselineError(f"{name} is of another target: {baseline.target}, not {target}")


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False)


def _joined(lines: Iterator[str]) -> list[str]:
    text = ",\n".join(lines)
    return [text] if text else []


def _from_json(content: Mapping[str, Any], recorded: Sequence[options.Option]) -> Baseline:
    parameters = _parameters(_checked(content, "parameters", dict), recorded)
    _require_keys(content, _KEYS)
    environment = _checked(content, "environment", dict)
    if not all(isinstance(value, str) for value in environment.values()):
        raise ValueError("environment must hold strings")
    rows = tuple(_row_from_json(row) for row in _checked(content, "rows", list))
    if not rows:
        raise ValueError("it has no rows: nothing would be held")
    if len({row.key for row in rows}) < len(rows):
        raise ValueError("two rows have the same check, dtype and device")
    return Baseline(
        target=_checked(content, "target", str),
        seed=_at_least_0("seed", _checked(content, "seed", int)),
        planned=_at_least_0("planned", _checked(content, "planned", int)),
        parameters=parameters,
        environment=environment,
        rows=rows,
    )


def _parameters(content: Mapping[str, Any], recorded: Sequence[options.Option]) -> Parameters:
    """Each of its option's kind and range; one that is not there was not recorded then."""
    _require_keys(content, {option.keyword for option in recorded})
    given = {}
    for option in recorded:
        if option.keyword not in content:
            continue
        if option.repeated:
            value: Any = _strings(content, option.keyword)
        else:
            value = _checked(content, option.keyword, *_kinds(option))
        option.require(value)
        is_number = option.kind is float and value is not None
        given[option.keyword] = float(value) if is_number else value
    return Parameters(recorded, **given)


def _kinds(option: options.Option) -> tuple[type, ...]:
    """What the option may be in JSON: a number with a fraction may be written without."""
    kinds: dict[Any, tuple[type, ...]] = {
        float: (int, float),
        int: (int,),
        str: (str,),
        None: (bool,),
    }
    return kinds[option.kind] + (() if option.default is not None else (type(None),))


def _row_from_json(row: Any) -> Row:
    families = _checked(row, "families", dict)
    _require_keys(row, {field.name for field in fields(Row)})
    if not all(type(count) is int and count >= 0 for count in families.values()):
        raise ValueError("families must hold integers of at least 0")
    bits = _checked(row, "bits", int, float, type(None))
    if bits is not None and not 0 <= bits <= options.MOST_BITS + 1:  # a sum may end between two
        raise ValueError(f"bits must be 0..{options.MOST_BITS + 1}, not {bits!r}")
    bound = _checked(row, "bound", str, type(None))
    if bound not in _BOUNDS:
        raise ValueError(f"bound must be componentwise, normwise or null, not {bound!r}"[:120])
    return Row(
        check=_checked(row, "check", str),
        dtype=_checked(row, "dtype", str),
        device=_checked(row, "device", str),
        verdict=Verdict(_checked(row, "verdict", str)),
        bits=None if bits is None else float(bits),
        bound=bound,
        known=_checked(row, "known", bool),
        unsupported=_count(row, "unsupported"),
        families=tuple(sorted(families.items())),
    )


def _count(row: Any, key: str) -> int | None:
    value: int | None = _checked(row, key, int, type(None), default=None)
    return None if value is None else _at_least_0(key, value)


_OF_NETWORK = "inputs"  # what `model` records, and `verify` has not
_KEYS = frozenset({"schema", "target", "seed", "planned", "parameters", "environment", "rows"})
_BOUNDS = (None, "componentwise", "normwise")


def _require_keys(content: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse what nobody would read: a slip of the pen in a file that is edited by hand."""
    unknown = sorted(set(content) - set(known))
    if unknown:
        raise ValueError(f"no key is called {unknown[0]!r}"[:120])


def _at_least_0(name: str, value: int) -> int:
    if value < 0:
        raise ValueError(f"{name} must be at least 0, not {value}")
    return value


def _no_number(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has a key twice")
    return found


_REQUIRED = object()


def _checked(content: Any, key: str, *kinds: type, default: Any = _REQUIRED) -> Any:
    if not isinstance(content, dict):
        raise TypeError(f"an object was expected, not {content!r}"[:120])
    value = content[key] if default is _REQUIRED else content.get(key, default)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{key} must be {wanted}, not {value!r}"[:120])
    return value


def _strings(content: Any, key: str) -> tuple[str, ...]:
    values = _checked(content, key, list)
    if not all(isinstance(value, str) for value in values):
        raise TypeError(f"{key} must hold strings")
    return tuple(values)
