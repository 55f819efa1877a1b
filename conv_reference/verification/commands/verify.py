"""``conv-reference verify``: effects, what is printed, and the exit status."""

from __future__ import annotations

import argparse
import copy
import importlib
import math
import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from conv_reference import __version__
from conv_reference.verification import given, options
from conv_reference.verification.commands import STATUSES, configuration
from conv_reference.verification.commands.arguments import refuse, registry_of
from conv_reference.verification.commands.configuration import Configuration, targets_of
from conv_reference.verification.commands.several import in_turn, named
from conv_reference.verification.commands.watching import watched
from conv_reference.verification.console import progress_bar
from conv_reference.verification.console.outputs import deliver
from conv_reference.verification.options import clock
from conv_reference.verification.reading import catalogue, limited
from conv_reference.verification.report import formats, renderer
from conv_reference.verification.report.plain import one_line
from conv_reference.verification.report.view import Shown
from conv_reference.verification.target.names import completed, may_be_adapter, read_as
from conv_reference.verification.work.anew import Shared
from conv_reference.verification.work.children import Children, number_of
from conv_reference.verification.work.cluster import dask_executor
from conv_reference.verification.work.importing import uncollected
from conv_reference.verification.work.launching import Setup
from conv_reference.verification.work.stop import Stop

EXAMPLES = """\
examples:
  conv-reference verify torch.nn.functional:conv2d
      is torch's own convolution right, in every mode?
  conv-reference verify my_conv.py:conv2d --dtype float32 --budget 60
      a function of yours, in one dtype, tried for longer
  conv-reference verify my_conv.py:conv2d --geometry "n1 c1 h2 w3 o1 k1x2"
      everything on one geometry
  conv-reference verify my_conv.py:Layer --format json --output report.json
  conv-reference checks
      what is checked, why, and which real fault each check stands for
"""
LETTERS = """\
a geometry, "n2 c4 h8 w9 o6 k3x2 s2x1 p1x0 d1 g2":
  n batch    c input channels    h w height and width of the input    o output channels
  k kernel   s stride            p padding                            d dilation    g groups
  2x1 is height x width, and 2 is 2x2; p1:0x2 pads 1 above, 0 below, 2 on either side.
  h, w and k must be there; the others are 1, the padding 0.
"""
HELP = "is an implementation right, in every mode, and if not, where and how?"
DESCRIPTION = (
    "Compare an implementation with the oracle, bit for bit and in every autograd mode. "
    "It runs in child processes, which may crash or hang."
)
_CARRYING = "conv_reference.verification.commands.carrying"  # and with it torch
EPILOG: tuple[str, ...] = (LETTERS, STATUSES, EXAMPLES)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``verify``."""
    parser.add_argument(
        "targets",
        metavar="TARGET",
        nargs="*",
        help="package.module:attribute or path/file.py:attribute, or path/file.py where that "
        "has one convolution; a function like "
        "torch.nn.functional.conv2d, an nn.Module class or instance, or an adapter; of several "
        "each is a run of its own; none: those of [tool.conv-reference] in pyproject.toml",
    )
    given.add_to(parser, formats())


def run(arguments: argparse.Namespace) -> int:
    """Verify each target, and write its report.

    Returns:
        0 nothing wrong, 1 something is wrong, 2 nothing that was judged is wrong, but the
        engine itself failed on some cases, 130 interrupted.

    Raises:
        ValueError: when an argument is outside its range, or the target cannot be imported.
        OSError: when a file cannot be read or written.
    """
    asked = _asked(arguments)
    with closing(Shared(lasts=len(asked) > 1 or arguments.watch)) as shared:
        if len(asked) > 1:
            return in_turn(asked, partial(_once, shared))
        (alone,) = asked
        if alone.watch:
            return watched(alone, partial(_once, shared), shared.get_ready)
        return _once(shared, alone)


def is_short(arguments: argparse.Namespace) -> bool:
    """Whether most of it would be the import of torch, in this process and in its children.

    Args:
        arguments: of the command line, whichever command that is of.

    Raises:
        ValueError: see ``run``.
    """
    if arguments.run is not run:
        return False
    return all(one.quick and _is_forked(one) for one in _asked(arguments))


def _asked(arguments: argparse.Namespace) -> list[argparse.Namespace]:
    """What is asked of each target, by the command line and by the file of the project."""
    configured = Configuration() if arguments.no_config else configuration.read()
    targets = targets_of(arguments.targets, configured)
    return [named(_completed(configured.given(arguments, target))) for target in targets]


def _completed(arguments: argparse.Namespace) -> argparse.Namespace:
    if arguments.format is not None:
        renderer(arguments.format)  # refuses another, before anything runs
    arguments.target = completed(arguments.target)
    return arguments


def _once(shared: Shared, asked: argparse.Namespace, *, again: bool = False) -> int:
    """One run; see ``run``.

    Args:
        shared: where its processes come from.
        asked: what the command line says of it.
        again: whether it follows another of the same, as the file was saved.
    """
    refuse(asked)
    memory, arguments = _memory(asked), copy.copy(asked)
    arguments.target = read_as(arguments.target, arguments.operator, getattr(arguments, "as"))
    if arguments.seed is None and arguments.store is None and not _is_gate(arguments):
        arguments.seed = secrets.randbits(32)
    if not arguments.quiet:
        sys.stderr.write(f"{opening(arguments)}\n")
        sys.stderr.flush()
    _require_loaded(arguments)
    with ExitStack() as delivered:
        with (
            _place(arguments, shared) as place,
            progress_bar.shown(quiet=arguments.quiet) as status,
        ):
            # What a baseline holds, or a list of expectations, is not news.
            status.hears = arguments.baseline is None and arguments.xfail is None
            with uncollected():
                carrying = importlib.import_module(_CARRYING)
            how = {**place, "progress": status, "memory": memory}
            shown: Shown = carrying.carried_out(arguments, how, status.begin)
            delivered.enter_context(Stop().heard())  # which would cost the report that is there
        _deliver(arguments, shown, again=again)
    assert shown.view.status is not None  # a command's view has one
    return shown.view.status


def _deliver(arguments: argparse.Namespace, shown: Shown, *, again: bool) -> None:
    """Print the report, and write it."""
    if shown.view.status == 2:
        sys.stderr.write("conv-reference verify: error: the engine itself failed: see the report\n")
    deliver(
        shown.report,
        shown.view,
        shown.annotations,
        form=arguments.format,
        files=arguments.output or (),
        # What was right once, and is right again, needs no second page.
        quiet=arguments.quiet or (again and not shown.view.status),
    )


def _require_loaded(arguments: argparse.Namespace) -> None:
    """What torch must be imported for to refuse it: still before a child is started.

    Raises:
        ValueError: when the registry that is named holds what is none, or there is no such device.
    """
    registry = registry_of(arguments)
    if registry is not None:
        from conv_reference.verification.known.known import load

        load(registry)
    if arguments.device not in {None, options.DEVICE.default}:
        from conv_reference.verification.trial.environment import usable_device

        usable_device(arguments.device)


def opening(arguments: argparse.Namespace) -> str:
    """The first line, before torch is imported: what is judged, and on how much.

    For how long depends on the target's pace, which nobody knows yet: the progress says it.
    """
    dtypes = ", ".join(given.value(arguments, options.DTYPE))
    offers = arguments.python is not None or may_be_adapter(arguments.target)
    if offers and not arguments.dtype:  # an adapter may offer some of them
        dtypes = f"those of {dtypes} that it offers"
    if arguments.case is not None:
        what = "one case"
    elif arguments.geometry is not None:
        what = f"every variation of one geometry in {dtypes}"
    elif _is_gate(arguments):
        what = "the baseline's cases and as many fresh ones"
    elif arguments.quick:
        what = f"some hundred cases of every kind in {dtypes}"
    elif arguments.limit is not None:
        number = limited.count(limited.Limits.parse(arguments.limit))
        what = f"each of {number:,} geometries, in turn in {dtypes}"
    elif not _is_whole(arguments):
        what = f"{', '.join(arguments.check)} in {dtypes}"
    elif arguments.sweep not in {None, options.SWEEP.default}:
        what = f"the sweep {arguments.sweep} in {dtypes}"
    else:
        what = _how_many(arguments, dtypes)
    seed = "" if arguments.seed is None else f"; seed {arguments.seed}"
    return f"conv-reference {__version__}: {one_line(arguments.target)}, {what}{seed}"


_PAIRS = 130  # cases in which every pair of levels occurs, in a run however short
_OWN, _EACH = 40, 114  # of other checks: in sizes of their own, and at least in each dtype
_BULK, _OTHERS = 0.69, 0.0925  # of those asked for: certificates; of other checks in each dtype
_MUCH_MORE = 1.25  # times what was asked for: that is explained


def _how_many(arguments: argparse.Namespace, dtypes: str) -> str:
    """About how many cases such a run has: some are put however few are asked for."""
    asked = options.planned(arguments.budget, arguments.cases)
    each = len(given.value(arguments, options.DTYPE))
    others = 0 if arguments.check else max(_OWN + _EACH * each, _OTHERS * each * asked)
    number = round(_PAIRS + _BULK * asked + others)
    number = round(number, 2 - len(str(number)))
    why = ""
    if arguments.cases is not None and number > _MUCH_MORE * asked:
        every = "" if arguments.check else ", and each check in each dtype"
        pairs = "each pair of sizes, options, layouts and the like"
        why = f" ({asked:,} asked for; {pairs}{every}, has at least one)"
    return f"about {number:,} cases{why} in {dtypes}"


_WHOLE = "certificate"  # the check that is put to as many cases as are asked for


def _is_whole(arguments: argparse.Namespace) -> bool:
    """Whether the number of cases follows from what is given: single checks have their own."""
    asked = {*(arguments.check or ())}
    own = {entry.name for entry in catalogue.entries() if entry.check == _WHOLE} | {_WHOLE}
    return not asked or bool(asked & own)


def _is_gate(arguments: argparse.Namespace) -> bool:
    """Whether there is a baseline to compare with; its own seed is repeated then."""
    return arguments.baseline is not None and arguments.baseline.exists()


def _is_forked(arguments: argparse.Namespace) -> bool:
    """Whether the target runs in forks of a process of this interpreter."""
    elsewhere = arguments.dask is not None or arguments.python is not None
    return _may_fork(arguments) and not (elsewhere or arguments.in_process)


def _may_fork(arguments: argparse.Namespace) -> bool:
    """Not from a process that holds a GPU's libraries."""
    return str(given.value(arguments, options.DEVICE)).startswith("cpu")


@contextmanager
def _place(arguments: argparse.Namespace, shared: Shared) -> Iterator[dict[str, Any]]:
    """Where the target runs, as keywords of ``verify``.

    Children are started before anything else: they import torch while this process does.
    """
    if arguments.in_process:
        yield {"isolate": False}
        return
    if arguments.dask is not None:
        with dask_executor(arguments.dask) as executor:
            yield {"workers": executor}
        return
    full_run = not (arguments.case or arguments.geometry or arguments.check)
    source = None
    if _is_forked(arguments):
        source = shared.processes([_CARRYING], full_run=full_run and not arguments.quick)
    asked = Children(
        arguments.target,
        number_of(arguments.workers),
        full_run=full_run,
        quick=arguments.quick,
        source=source,
        setup=Setup(forks=_may_fork(arguments), python=arguments.python, search=_search(arguments)),
    )
    with closing(asked) as children:
        children.start()
        yield {"isolate": children}


def _search(arguments: argparse.Namespace) -> float:
    """Seconds for how the target is called."""
    single = arguments.case is not None or arguments.geometry is not None
    quick = arguments.quick
    budget = options.clocked(arguments.budget, arguments.cases, single=single, quick=quick)
    return math.inf if budget is None else clock.searching(budget)


def _memory(arguments: argparse.Namespace) -> Path | None:
    """Where what failed is kept, and comes first the next time.

    A run that is to be repeated remembers nothing: neither one with a seed, nor a gate's. A store
    remembers what failed itself.
    """
    without = (arguments.seed, arguments.baseline, arguments.store)
    if arguments.memory == "none" or any(one is not None for one in without):
        return None
    return Path(given.value(arguments, options.MEMORY))
