"""``conv-reference model``: the convolutions of a network's training step, from the shell."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conv_reference.verification import options
from conv_reference.verification.commands import STATUSES
from conv_reference.verification.console import files, outputs
from conv_reference.verification.gate import parameters
from conv_reference.verification.gate.baseline import Baseline, read
from conv_reference.verification.gate.parameters import Parameters
from conv_reference.verification.options import network
from conv_reference.verification.report import formats
from conv_reference.verification.report.view import Shown, View
from conv_reference.verification.target import names
from conv_reference.verification.target.written import require_written

if TYPE_CHECKING:
    from conv_reference.verification.model.result import Report
    from conv_reference.verification.step.certificate import Certificate

EXAMPLES = """\
examples:
  conv-reference model my_nets.py:resnet --input 8x3x224x224
      each convolution of a training step, forward and backward, in place and over integers
  conv-reference model my_nets:UNet --input 2x1x128x128 --autocast bfloat16 --channels-last
  conv-reference model my_nets:UNet --input 2x1x128x128 --format json --output report.json
  conv-reference model my_nets:UNet --input 2x1x128x128 --baseline unet.json --update-baseline
      what holds now goes into a file that is committed; from then on, red where it no longer does:
  conv-reference model my_nets:UNet --baseline unet.json
"""
HELP = "are the convolutions of a network's training step right, where they run?"
DESCRIPTION = (
    "Run a training step of a network, and judge every convolution in it, forward "
    "and backward: in place, on the numbers of the step, and once more over integers."
)
EPILOG: tuple[str, ...] = (STATUSES, EXAMPLES)
_GATE = tuple(option for option in options.OPTIONS if option.group == options.GATE)
_OPTIONS = (*network.OPTIONS, options.FORMAT, network.OUTPUT, options.QUIET, *_GATE)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``model``; none has a default in the parser, so that what is given shows."""
    parser.add_argument(
        "target",
        metavar="TARGET",
        help="package.module:attribute or path/file.py:attribute; an nn.Module, or a class or "
        "function that makes one without arguments",
    )
    groups: dict[str, Any] = {}
    for option in _OPTIONS:
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(option.group)
        flags = [flag for flag in (option.short, f"--{option.flag}") if flag]
        choices = {"choices": formats()} if option is options.FORMAT else {}
        groups[option.group].add_argument(*flags, **options.settings(option) | choices)


def run(arguments: argparse.Namespace) -> int:
    """Certify, and write the report.

    Returns:
        0 nothing wrong, 1 something is wrong or nothing was judged; with a baseline, something
        got worse, is missing or was found.

    Raises:
        ValueError: when an argument is outside its range, or the network cannot be built or run.
        OSError: when a file cannot be read or written.
    """
    held = _refused(arguments)
    from conv_reference.verification.console import screen
    from conv_reference.verification.report import summary

    shown = _shown(arguments, held)
    assert shown.view.status is not None  # a command's view has one
    # A certificate was printed as a table; a gate's report says what changed.
    if held is None and not arguments.output and arguments.format in {None, "text"}:
        screen.show(f"{summary.closing(shown.report, shown.view)}\n")
        return shown.view.status
    outputs.deliver(
        shown.report,
        shown.view,
        shown.annotations,
        form=arguments.format,
        files=arguments.output or (),
        quiet=bool(arguments.quiet),
    )
    return shown.view.status


def _shown(arguments: argparse.Namespace, held: Baseline | None) -> Shown:
    """Run the network as often as needed: once, or for the gate with two seeds."""
    from conv_reference.verification.console import screen
    from conv_reference.verification.gate import command as gate
    from conv_reference.verification.report import markdown

    asked = parameters.of(arguments, network.RECORDED) if held is None else held.parameters
    if held is not None:

        def run_once(seed: int) -> Report:
            which = "the baseline's seed" if seed == held.seed else "a fresh seed"
            if not arguments.quiet:
                sys.stderr.write(f"{arguments.target}: a training step with {which}, {seed}\n")
                sys.stderr.flush()
            return _certified(arguments.target, asked, seed, apart=True)[1]

        return gate.compared(arguments, held, run_once)
    seed = 0 if arguments.seed is None else arguments.seed
    apart = arguments.baseline is not None
    certificate, report = _certified(arguments.target, asked, seed, apart=apart)
    if not arguments.quiet and not arguments.output and arguments.format in {None, "text"}:
        screen.show(f"{certificate}\n\n")
    if apart:
        return gate.first(report, asked, arguments.baseline)
    view = View(status=0 if certificate.passed else 1)
    return Shown(report, view, markdown.annotations(report))


def _certified(
    target: str, wanted: Parameters, seed: int, *, apart: bool
) -> tuple[Certificate, Report]:
    """One run of the network, made anew, with the weights and inputs of a seed."""
    import torch

    from conv_reference.verification.model.case import dtype_named
    from conv_reference.verification.step.model import Asked, built, certified
    from conv_reference.verification.step.report import as_report
    from conv_reference.verification.target.loading import load
    from conv_reference.verification.trial.environment import environment, usable_device

    begun = time.monotonic()
    autocast = wanted["autocast"]
    asked = Asked(
        inputs=tuple(network.shape_of(text) for text in wanted["inputs"]),
        dtype=dtype_named(wanted["dtype"]),
        device=usable_device(wanted["device"]),
        steps=wanted["steps"],
        autocast=None if autocast is None else dtype_named(autocast),
        channels_last=wanted["channels_last"],
        replayed=not wanted["no_replay"],
        allowed_bits=wanted["allowed_bits"],
        seed=seed,
    )
    torch.manual_seed(seed)  # of its weights, of dropout: the command that is printed repeats them
    certificate = certified(built(load(target), target), asked)
    report = as_report(
        certificate,
        target=target,
        environment=environment(asked.device),
        seed=seed,
        reproduce=_again(target, wanted, seed),
        seconds=time.monotonic() - begun,
        apart=apart,
    )
    return certificate, report


def _refused(arguments: argparse.Namespace) -> Baseline | None:
    """Refuse what is outside its range, before torch is imported; what held, where it is compared.

    Raises:
        ValueError: one line with the option, the value and what is accepted.
        OSError: when a file cannot be read or written.
    """
    for option in _OPTIONS:
        option.require(getattr(arguments, option.attribute), f"--{option.flag}")
    names.require_found(arguments.target)
    require_written(arguments.target)
    outputs.require(arguments.format, arguments.output or ())
    path: Path | None = arguments.baseline
    if path is None:
        for option in _GATE:
            if getattr(arguments, option.attribute) not in {None, False}:
                raise ValueError(f"--{option.flag} goes with --baseline FILE")
    elif arguments.update_baseline:
        files.require_writable("--baseline", path)
    if path is not None and (path.exists() or not arguments.update_baseline):
        held = read(path, target=arguments.target, recorded=network.RECORDED)
        parameters.refuse_others(arguments, held.parameters, path)
        return held
    if not arguments.input:
        raise ValueError("--input is needed, the shape of the network's input, like 8x3x224x224")
    return None


def _again(target: str, wanted: Parameters, seed: int) -> str:
    """The command that shows it again."""
    words = ["conv-reference", "model", target]
    for option in network.RECORDED:
        value = wanted[option.keyword]
        if option.kind is None:
            words += [f"--{option.flag}"] if value else []
        elif value is not None:
            for one in value if option.repeated else (value,):
                words += [f"--{option.flag}", str(one)]
    return shlex.join([*words, "--seed", str(seed)])
