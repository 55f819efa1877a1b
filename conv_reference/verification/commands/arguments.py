"""What is refused of a command line before torch is imported and processes are started."""

from __future__ import annotations

import argparse
from importlib.metadata import entry_points
from pathlib import Path

from conv_reference.verification import given, options
from conv_reference.verification.console import files, outputs
from conv_reference.verification.gate import parameters
from conv_reference.verification.gate.baseline import read
from conv_reference.verification.known import entries
from conv_reference.verification.model.domain import require_where
from conv_reference.verification.target import names
from conv_reference.verification.target.written import require_written

# Every kind that ``torch.device`` accepts; a test holds them against its own list.
DEVICES = frozenset(
    {"cpu", "cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga"}
    | {"maia", "xla", "lazy", "vulkan", "mps", "meta", "hpu", "mtia", "privateuseone"}
)


def refuse(arguments: argparse.Namespace) -> None:
    """Refuse what cannot be carried out, or would be taken and mean nothing.

    Raises:
        ValueError: one line with the option, the value and what is accepted.
        OSError: when a file cannot be read or written.
    """
    given.require(arguments)
    if arguments.python is None:  # another environment has modules of its own
        names.require_found(arguments.target)
        require_written(arguments.target)
    if arguments.where is not None:
        require_where(arguments.where)
    _refuse_device(arguments.device)
    _refuse_contradictions(arguments)
    _refuse_limit(arguments)
    _refuse_beside_baseline(arguments)
    _refuse_files(arguments)


# What says nothing beside an option that settles it already.
_SETTLED = {
    "case": ("geometry", "dtype", "sweep", "store"),
    "geometry": ("sweep", "store"),
    "in_process": ("workers", "python", "dask"),
    "dask": ("workers", "python"),
}


def _refuse_contradictions(arguments: argparse.Namespace) -> None:
    for settling, others in _SETTLED.items():
        for other in others:
            if getattr(arguments, settling) and getattr(arguments, other) is not None:
                first, second = (f"--{name.replace('_', '-')}" for name in (settling, other))
                raise ValueError(f"{second} says nothing beside {first}; accepted is one of them")


def _refuse_limit(arguments: argparse.Namespace) -> None:
    if arguments.limit is not None and arguments.sweep != "exhaustive":
        raise ValueError("--limit goes with --sweep exhaustive")
    if arguments.limit is not None and arguments.cases is not None:
        raise ValueError("--cases says nothing beside --limit; accepted is one of them")


def _refuse_beside_baseline(arguments: argparse.Namespace) -> None:
    """The gate's options go with a baseline; others do not."""
    if arguments.baseline is None:
        for option in options.OPTIONS:
            asked = getattr(arguments, option.attribute)
            if option.group == options.GATE and asked is not None and asked is not False:
                raise ValueError(f"--{option.flag} goes with --baseline FILE")
        return
    if arguments.geometry is not None or arguments.case is not None:
        raise ValueError("--baseline goes with a whole run, not with --geometry or --case")
    if arguments.xfail is not None:
        raise ValueError("--xfail goes without --baseline, which knows itself what fails")
    if arguments.require_modes:
        raise ValueError(
            "--require-modes goes without --baseline: there a mode that is newly unsupported fails"
        )


def _refuse_files(arguments: argparse.Namespace) -> None:
    """Find out now, not after the run, that a file cannot be read or written."""
    for output in arguments.output or ():
        _require_own("--output", output, arguments)
    outputs.require(arguments.format, arguments.output or ())
    path: Path | None = arguments.baseline
    if path is not None and arguments.update_baseline:
        files.require_writable("--baseline", path)
    elif path is not None:
        files.refuse_folder("--baseline", path)
    if arguments.xfail is not None:
        files.require_readable("--xfail", arguments.xfail)
    if arguments.store is not None:
        files.require_writable("--store", arguments.store)
    registry = registry_of(arguments)
    if registry is not None:
        files.require_readable("--known", registry)
        entries.read(registry)
    if path is not None and (path.exists() or not arguments.update_baseline):
        held = read(path, target=arguments.target)
        parameters.refuse_others(arguments, held.parameters, path)


def registry_of(arguments: argparse.Namespace) -> Path | None:
    """The registry of known defects that is read for it is named; None where none is."""
    named = arguments.known not in {None, options.NONE, options.SHIPPED}
    baseline: Path | None = arguments.baseline
    # A baseline says itself which registry it was made with.
    return Path(arguments.known) if named and (baseline is None or not baseline.exists()) else None


def _refuse_device(device: str | None) -> None:
    """Refuse what is no name of a device; whether there is one of that name here, torch knows."""
    if device is None:
        return
    kind, colon, number = device.partition(":")
    # A package that adds a device registers its name as well: torch knows it once imported.
    named = kind in DEVICES or bool(entry_points(group="torch.backends"))
    if not named or (colon and not number.isdecimal()):
        accepted = "cpu, cuda, cuda:1, mps or another that torch has"
        raise ValueError(f"--device must be {accepted}, got {device!r}")


def _require_own(option: str, path: Path, arguments: argparse.Namespace) -> None:
    """Refuse to write a report over a file that the run reads."""
    inputs = {
        "the target's source": names.source_of(arguments.target),
        "the baseline": arguments.baseline,
        "the registry of known defects": None if arguments.known is None else Path(arguments.known),
    }
    for what, file in inputs.items():
        if file is not None and file.exists() and path.exists() and path.samefile(file):
            raise ValueError(f"{option}: {str(path)!r} is {what}; accepted is another file")
