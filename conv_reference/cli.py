"""The command line; no logic of its own."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

PROGRAM = "conv-reference"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: of the command line, by default the process's own.

    Returns:
        The exit status: 0 nothing wrong, 1 something is wrong, 2 it could not be carried
        out (one line on standard error says why), 130 interrupted.
    """
    parsed = _parser().parse_args(arguments)
    try:
        status: int = parsed.run(parsed)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has enough; what is left in the buffer would raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130
    except (ValueError, OSError, ImportError) as error:
        line = " ".join(str(error).split())
        print(f"{PROGRAM} {parsed.command}: error: {line}", file=sys.stderr)
        return 2
    return status


class _Parser(argparse.ArgumentParser):
    """One line on standard error, without the usage in front."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (try {self.prog} --help)\n")


if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction["_Parser"]  # noqa: SLF001 (it has no public name)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=PROGRAM,
        description="Is this two-dimensional convolution right, with its gradients?",
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_verify(commands)
    _add_chapter(commands)
    return parser


def _version() -> str:
    from importlib.metadata import version

    return version("conv-reference")


def _add_verify(commands: _Commands) -> None:
    parser = commands.add_parser(
        "verify",
        help="compare an implementation's output and gradients with the oracle, bit for bit",
        description=(
            "Compare an implementation's Y, dX, dK and db with the oracle, bit for bit, over "
            "random geometries. The target is imported and called in this process."
        ),
        epilog=(
            "examples: conv-reference verify torch.nn.functional:conv2d; "
            "conv-reference verify my_conv.py:conv2d --dtype float64 --format json"
        ),
    )
    parser.add_argument(
        "target",
        metavar="TARGET",
        help="package.module:attribute or path/file.py:attribute; a function like "
        "torch.nn.functional.conv2d, or an nn.Module class or instance",
    )
    parser.add_argument(
        "--dtype",
        action="append",
        choices=["float64", "float32", "float16", "bfloat16"],
        help="may be repeated; float32 and float64 by default",
    )
    parser.add_argument("--device", default="cpu", help="where the target runs (cpu)")
    parser.add_argument(
        "--geometry",
        metavar="TEXT",
        help='check only this one, like "n1 c1 h2 w3 o1 k1x2 s1 p0 d1 g1"',
    )
    parser.add_argument("--seed", type=int, metavar="N", help="repeat the run with this seed")
    parser.add_argument(
        "--budget", type=float, default=20.0, metavar="SECONDS", help="begin nothing after it (20)"
    )
    parser.add_argument(
        "--require",
        choices=["rounded", "exact"],
        default="rounded",
        help="the least that passes (rounded)",
    )
    parser.add_argument("--format", choices=["text", "json"], default="text")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the report there")
    parser.set_defaults(run=_verify)


def _verify(arguments: argparse.Namespace) -> int:
    import torch

    from conv_reference.geometry import Geometry
    from conv_reference.verification import Verdict, load_target, verify
    from conv_reference.verification.report import json, text

    geometry = None if arguments.geometry is None else Geometry.parse(arguments.geometry)
    report = verify(
        load_target(arguments.target),
        dtypes=[getattr(torch, name) for name in arguments.dtype or ("float32", "float64")],
        device=arguments.device,
        seed=arguments.seed,
        budget=arguments.budget,
        geometry=geometry,
        require=Verdict(arguments.require),
    )
    rendered = {"text": text.render, "json": json.render}[arguments.format](report)
    if arguments.output is None:
        print(rendered, end="")
    else:
        arguments.output.write_text(rendered, encoding="utf-8")
    return 0 if report.passed else 1


def _add_chapter(commands: _Commands) -> None:
    from conv_reference.chapter import command

    parser = commands.add_parser(
        "chapter",
        help="the chapter's experiment: a kernel learns to be an edge detector",
        description="The chapter's experiment: a kernel learns to be an edge detector.",
    )
    command.add_arguments(parser)
    parser.set_defaults(run=command.run)


if __name__ == "__main__":
    raise SystemExit(main())
