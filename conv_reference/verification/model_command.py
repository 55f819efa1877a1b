"""``conv-reference model``: the convolutions of a network's training step, from the shell."""

from __future__ import annotations

import argparse
import shlex
import time
from pathlib import Path

from conv_reference.verification import options
from conv_reference.verification.report import formats
from conv_reference.verification.report.view import View

EXAMPLES = """\
examples:
  conv-reference model my_nets.py:resnet --input 8x3x224x224
      each convolution of a training step, forward and backward, in place and over integers
  conv-reference model my_nets:UNet --input 2x1x128x128 --autocast bfloat16 --channels-last
  conv-reference model my_nets:UNet --input 2x1x128x128 --format json --output report.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``model``."""
    add = parser.add_argument
    add(
        "target",
        metavar="TARGET",
        help="package.module:attribute or path/file.py:attribute; an nn.Module, or a class or "
        "function that makes one without arguments",
    )
    add(
        "--input",
        metavar="NxCxHxW",
        action="append",
        required=True,
        help="the shape of its input; may be repeated for several arguments",
    )
    add("--dtype", choices=options.DTYPES, default="float32", help="of the network (float32)")
    add("--device", metavar="D", default="cpu", help="where it runs (cpu)")
    add("--autocast", metavar="DTYPE", choices=("float16", "bfloat16"), help="run under autocast")
    add("--channels-last", action="store_true", help="network and input in channels_last")
    add("--steps", metavar="N", type=int, default=1, help="training steps, at least 1 (1)")
    add("--no-replay", action="store_true", help="judge in place alone, not over integers")
    bits = options.ALLOW_BITS
    add("--allow-bits", metavar="N", type=int, help=f"{bits.help} ({bits.unset})")
    add("--seed", metavar="N", type=int, default=0, help="of inputs and combinations (0)")
    add("--format", choices=formats(), help="of the report; a file's name may say it (text)")
    add("--output", metavar="FILE", type=Path, action="append", help="where to; may be repeated")
    add("--quiet", action="store_true", help="the verdict alone")


def run(arguments: argparse.Namespace) -> int:
    """Certify, and write the report.

    Returns:
        0 nothing wrong, 1 something is wrong or nothing was judged.

    Raises:
        ValueError: when an argument is outside its range, or the network cannot be built or run.
        OSError: when a file cannot be written.
    """
    shapes = tuple(_shape(text) for text in arguments.input)
    _require(arguments)
    from conv_reference.verification.console import screen
    from conv_reference.verification.console.outputs import deliver
    from conv_reference.verification.model.case import dtype_named
    from conv_reference.verification.step.model import Asked, built, certified
    from conv_reference.verification.step.report import as_report
    from conv_reference.verification.target.loading import load
    from conv_reference.verification.trial.environment import environment, usable_device

    begun = time.monotonic()
    autocast = None if arguments.autocast is None else dtype_named(arguments.autocast)
    asked = Asked(
        inputs=shapes,
        dtype=dtype_named(arguments.dtype),
        device=usable_device(arguments.device),
        steps=arguments.steps,
        autocast=autocast,
        channels_last=arguments.channels_last,
        replayed=not arguments.no_replay,
        allowed_bits=arguments.allow_bits,
        seed=arguments.seed,
    )
    certificate = certified(built(load(arguments.target), arguments.target), asked)
    report = as_report(
        certificate,
        target=arguments.target,
        environment=environment(asked.device),
        seed=arguments.seed,
        reproduce=_again(arguments),
        seconds=time.monotonic() - begun,
    )
    status = 0 if certificate.passed else 1
    if not arguments.quiet and not arguments.output and arguments.format in {None, "text"}:
        screen.show(f"{certificate}\n\n")
    deliver(
        report,
        View(status=status),
        (),
        form=arguments.format,
        files=arguments.output or (),
        quiet=arguments.quiet or arguments.format in {None, "text"},
    )
    return status


def _require(arguments: argparse.Namespace) -> None:
    """Refuse what is outside its range, before torch is imported.

    Raises:
        ValueError: one line with the option, the value and what is accepted.
    """
    if arguments.steps < 1:
        raise ValueError(f"--steps must be at least 1, got {arguments.steps}")
    if arguments.seed < 0:
        raise ValueError(f"--seed must be at least 0, got {arguments.seed}")
    options.ALLOW_BITS.require(arguments.allow_bits, "--allow-bits")


def _shape(text: str) -> tuple[int, ...]:
    parts = text.lower().split("x")
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ValueError(f"--input must be sizes of at least 1, like 8x3x224x224, got {text!r}")
    return tuple(map(int, parts))


def _again(arguments: argparse.Namespace) -> str:
    words = ["conv-reference", "model", arguments.target]
    for shape in arguments.input:
        words += ["--input", shape]
    for name in ("dtype", "device", "autocast", "steps", "seed"):
        value = getattr(arguments, name)
        if value is not None:
            words += [f"--{name}", str(value)]
    words += ["--no-replay"] if arguments.no_replay else []
    if arguments.allow_bits is not None:
        words += ["--allow-bits", str(arguments.allow_bits)]
    words += ["--channels-last"] if arguments.channels_last else []
    return shlex.join(words)
