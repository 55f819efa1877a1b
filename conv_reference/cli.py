"""The command line; no logic of its own."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from conv_reference.verification.console.screen import lose_nothing
from conv_reference.verification.report.plain import one_line

PROGRAM = "conv-reference"
TRACEBACK = "CONV_REFERENCE_TRACEBACK"  # set to 1: a mistake of ours is shown whole
STATUSES = """\
exit status:
  0    nothing is wrong; to answer arguments that describe no convolution (permissive) fails only
       with --strict
  1    something is wrong, or nothing could be checked; with a baseline: something that held broke
  2    it could not be carried out, or the engine itself failed: one line says why
  130  interrupted; 141 the reader of the output is gone
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: of the command line, by default the process's own.

    Returns:
        The exit status: 0 nothing wrong, 1 something is wrong, 2 it could not be carried
        out (one line on standard error says why), 130 interrupted.
    """
    lose_nothing()
    try:
        return _carried_out(arguments)
    except BrokenPipeError:
        # The reader has enough; what is left in the buffer would raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _carried_out(arguments: Sequence[str] | None) -> int:
    command = PROGRAM
    try:
        parser = command_parser()
        try:
            parsed = parser.parse_args(arguments)
        except SystemExit:  # after --help, say: what it printed may not be written yet
            sys.stdout.flush()
            raise
        if parsed.command is None:  # nothing was asked for, so nothing was found right
            parser.print_help()
            return 2
        command = f"{PROGRAM} {parsed.command}"
        status: int = parsed.run(parsed)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:  # what was known by then has been printed, if anything
        print(f"{command}: interrupted", file=sys.stderr)
        return 130
    except (ValueError, OSError, ImportError) as error:
        return _refused(command, str(error))
    except Exception as error:  # whatever it is, 1 would say that the target is wrong
        if os.environ.get(TRACEBACK) == "1":
            raise
        where = f"please report it, with what {TRACEBACK}=1 shows"
        return _refused(command, f"{type(error).__name__}: {error}; {where}")
    return status


def _refused(command: str, message: str) -> int:
    print(f"{command}: error: {one_line(message)}", file=sys.stderr)
    return 2


class _Parser(argparse.ArgumentParser):
    """One line on standard error, without the usage in front."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {one_line(message)} (try {self.prog} --help)\n")


if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction["_Parser"]  # noqa: SLF001 (it has no public name)


def command_parser() -> argparse.ArgumentParser:
    """Everything that may be typed; `make completion` reads it, too."""
    parser = _Parser(
        prog=PROGRAM,
        description="Is this two-dimensional convolution right, with its gradients?",
        epilog=STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-V", "--version", action="version", version=f"{PROGRAM} {_version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_verify(commands)
    _add_try(commands)
    _add_model(commands)
    _add_checks(commands)
    _add_faults(commands)
    _add_frameworks(commands)
    _add_chapter(commands)
    _add_completion(commands)
    return parser


def _version() -> str:
    from conv_reference import __version__

    return __version__


def _add_verify(commands: _Commands) -> None:
    from conv_reference.verification import command

    parser = commands.add_parser(
        "verify",
        help="is an implementation right, in every mode, and if not, where and how?",
        description=(
            "Compare an implementation with the oracle, bit for bit and in every autograd mode. "
            "It runs in child processes, which may crash or hang."
        ),
        epilog=f"{command.LETTERS}\n{STATUSES}\n{command.EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_arguments(parser)
    parser.set_defaults(run=command.run)


def _add_try(commands: _Commands) -> None:
    from conv_reference.verification import try_command

    parser = commands.add_parser(
        "try",
        help="what in a file could be a convolution, and what does one tiny case say of it?",
        description="List what in a file could be a convolution, how each would be called, and "
        "what one tiny case, whose sizes all differ, says of it. It is called in this process.",
        epilog=f"{STATUSES}\n{try_command.EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    try_command.add_arguments(parser)
    parser.set_defaults(run=try_command.run)


def _add_model(commands: _Commands) -> None:
    from conv_reference.verification import model_command

    parser = commands.add_parser(
        "model",
        help="are the convolutions of a network's training step right, where they run?",
        description="Run a training step of a network, and judge every convolution in it, forward "
        "and backward: in place, on the numbers of the step, and once more over integers.",
        epilog=f"{STATUSES}\n{model_command.EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    model_command.add_arguments(parser)
    parser.set_defaults(run=model_command.run)


def _add_checks(commands: _Commands) -> None:
    from conv_reference.verification import listing

    parser = commands.add_parser(
        "checks",
        help="what is checked, and why",
        description="What is checked, why, and which real fault each check stands for.",
    )
    listing.add_arguments(parser)
    parser.set_defaults(run=listing.run)


def _add_faults(commands: _Commands) -> None:
    from conv_reference.verification import faults_command

    parser = commands.add_parser(
        "faults",
        help="planted faults, and what the checks find of them",
        description="Put planted faults to the cases of a default run: which check finds each, "
        "after how many cases, how small the case becomes, and whether its guard is named.",
        epilog=f"{STATUSES}\n{faults_command.EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    faults_command.add_arguments(parser)
    parser.set_defaults(run=faults_command.run)


def _add_frameworks(commands: _Commands) -> None:
    from conv_reference.verification import frameworks_command

    parser = commands.add_parser(
        "frameworks",
        help="what several frameworks do, side by side",
        description="A table of frameworks by groups of checks: from the JSON reports of runs, or "
        "from runs that are made here, each in an environment of its own.",
        epilog=f"{STATUSES}\n{frameworks_command.EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    frameworks_command.add_arguments(parser)
    parser.set_defaults(run=frameworks_command.run)


def _add_chapter(commands: _Commands) -> None:
    from conv_reference.chapter import command

    parser = commands.add_parser(
        "chapter",
        help="the chapter's experiment: a kernel learns to be an edge detector",
        description="The chapter's experiment: a kernel learns to be an edge detector. With "
        "--html, the whole chapter as an illustrated page, every claim of it run.",
    )
    command.add_arguments(parser)
    parser.set_defaults(run=command.run)


def _add_completion(commands: _Commands) -> None:
    from conv_reference import completion

    parser = commands.add_parser(
        "completion",
        help="what a shell reads to complete the words of this command",
        description="Print the file that a shell reads to complete the words of this command.",
        epilog=completion.EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    completion.add_arguments(parser)
    parser.set_defaults(run=completion.run)


if __name__ == "__main__":
    raise SystemExit(main())
