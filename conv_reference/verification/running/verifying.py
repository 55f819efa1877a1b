"""What ``verify`` is given, each argument by its name: refused, or made into a run."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from conv_reference.geometry import Geometry
from conv_reference.verification import accelerator, given, options
from conv_reference.verification.execution import Settings
from conv_reference.verification.known.known import SHIPPED, load
from conv_reference.verification.model.case import DTYPES, Case, dtype_name, dtype_named
from conv_reference.verification.model.domain import require_where
from conv_reference.verification.model.result import Report, Verdict
from conv_reference.verification.plan.memory import Memory
from conv_reference.verification.plan.request import Request, Sweep
from conv_reference.verification.reading import catalogue
from conv_reference.verification.reading.texts import require_size
from conv_reference.verification.reading.texts import source as in_source
from conv_reference.verification.running.asked import Asked, report_of
from conv_reference.verification.running.place import opened, read_as_said
from conv_reference.verification.running.progress import Counting, followed_by
from conv_reference.verification.trial.environment import usable_device

# Of which one is given as it is, or several.
_SEVERAL = ("dtypes", "checks", "skip", "source")
# Refused where they are read: each may be a text, or what that stands for.
_READ_LATER = {"dtypes", "geometry", "case"}


def verified(*, implementation: Any, progress: Counting | None, **keywords: Any) -> Report:
    """The report of the run that the arguments of ``verify`` ask for.

    Args:
        implementation: see ``verify``.
        progress: see there.
        **keywords: all others of ``verify``, by their names.

    Raises:
        TargetError, ValueError: as ``verify`` does.
    """
    begun = time.monotonic()
    keywords |= {name: _several(keywords[name]) for name in _SEVERAL}
    _require_each(keywords)
    wanted = _request(keywords)
    _require_together(wanted, keywords["where"])
    asked = _asked(keywords, wanted)
    operator, convention = keywords["operator"], keywords["convention"]
    if operator is not None or convention is not None:
        implementation = read_as_said(implementation, operator, convention)
    place = opened(
        implementation,
        isolate=keywords["isolate"],
        workers=keywords["workers"],
        full_run=not (wanted.is_single or wanted.checks),
        forks=not accelerator.is_another(asked.settings.device),
        python=_text(keywords["python"]),
        search=wanted.search_limit,
    )
    with place as backend:
        report = report_of(asked, backend, followed_by(progress))
    return replace(report, seconds=time.monotonic() - begun)


def _several(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, str | Path | torch.dtype) else tuple(value)


def _path(given: Path | str | None) -> Path | None:
    return None if given is None else Path(given)


def _text(path: Any) -> str | None:
    return None if path is None else str(path)


def _require_each(keywords: Mapping[str, Any]) -> None:
    """Refuse what is outside the range of its option, as the command does."""
    mine = {option.keyword for option in options.OPTIONS} - _READ_LATER
    given.require_keywords(
        **{name: _plain(value) for name, value in keywords.items() if name in mine}
    )


def _plain(value: Any) -> Any:
    """As the command would be given it; nothing of an executor, which it cannot be given."""
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    if isinstance(value, Executor):
        return None
    return str(value) if isinstance(value, Path) else value


def _request(keywords: Mapping[str, Any]) -> Request:
    """What is to be tried, from texts where it is given as one."""
    seed, geometry, case = (keywords[name] for name in ("seed", "geometry", "case"))
    return Request(
        dtypes=tuple(dtype_named(d) if isinstance(d, str) else d for d in keywords["dtypes"]),
        seed=secrets.randbits(32) if seed is None else seed,
        sweep=Sweep(keywords["sweep"]),
        checks=catalogue.without(keywords["checks"], keywords["skip"]),
        geometry=Geometry.parse(geometry) if isinstance(geometry, str) else geometry,
        case=Case.parse(case) if isinstance(case, str) else case,
        **{name: keywords[name] for name in ("budget", "cases", "quick", "limit")},
        given=tuple(given.not_default(_as_texts(keywords)).items()),
    )


def _asked(keywords: Mapping[str, Any], wanted: Request) -> Asked:
    """The request, and what else its report depends on."""
    device, known = usable_device(keywords["device"]), keywords["known"]
    numbers = (number for file in keywords["source"] for number in in_source(str(file)))
    return Asked(
        wanted=wanted,
        settings=Settings(wanted.seed, device, keywords["allowed_bits"], strict=keywords["strict"]),
        require=Verdict(keywords["require"]),
        where=keywords["where"],
        constants=tuple(dict.fromkeys(numbers)),
        defects=() if known is None else load(Path(known)),
        memory=Memory(_path(keywords["memory"])),
        store=_path(keywords["store"]),
        is_seeded=keywords["seed"] is not None,
    )


def _as_texts(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """What is given for the options, as the command would be given it."""
    names = {SHIPPED: options.SHIPPED, None: options.NONE}
    known = names.get(keywords["known"], keywords["known"])
    dtypes = (dtype_named(d) if isinstance(d, str) else d for d in keywords["dtypes"])
    texts = {name: value for name, value in keywords.items() if not isinstance(value, Executor)}
    return texts | {"known": known, "dtypes": tuple(map(dtype_name, dtypes))}


def _require_together(wanted: Request, where: str | None) -> None:
    """Refuse what can be seen of no option alone, before a process is started.

    Raises:
        ValueError: one line with what is given and what is accepted.
    """
    if not wanted.dtypes or not set(wanted.dtypes) <= set(DTYPES.values()):
        raise ValueError(
            f"dtypes must be one or more of {', '.join(DTYPES)}, got {list(wanted.dtypes)}"
        )
    if wanted.geometry is not None and wanted.case is not None:
        raise ValueError(
            f"a geometry or a case is accepted, not both; got {wanted.geometry} and {wanted.case}"
        )
    geometry = wanted.geometry if wanted.case is None else wanted.case.geometry
    if geometry is not None:
        require_size(geometry)
    if where is not None:
        require_where(where)
