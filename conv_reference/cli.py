"""The command line; no logic of its own."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from conv_reference.verification.commands import STATUSES
from conv_reference.verification.console.screen import has_no_reader, lose_nothing
from conv_reference.verification.reading.nearest import meant, nearest
from conv_reference.verification.report.plain import one_line
from conv_reference.verification.work.anew import begin_anew, begun_anew

PROGRAM = "conv-reference"
TRACEBACK = "CONV_REFERENCE_TRACEBACK"  # set to 1: a mistake of ours is shown whole
_MODULES = frozenset({"conv_reference.cli", "conv_reference.__main__"})  # by ``python -m``
_PARSER = "parser"  # of the command, among what is parsed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: of the command line, by default the process's own.

    Returns:
        The exit status: 0 nothing wrong, 1 something is wrong, 2 it could not be carried
        out (one line on standard error says why), 130 interrupted.
    """
    own = arguments is None and _is_own()
    if own and hasattr(signal, "SIGCHLD"):
        # Where whoever began the command ignores it, nobody would learn how a process ended.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    lose_nothing()
    with _ended_as_interrupted():
        try:
            begun_anew()
            return _carried_out(arguments, own=own)
        except BrokenPipeError:
            # The reader has enough; what is left in the buffer would raise again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 141


def _is_own() -> bool:
    """Whether the process is this command, and nothing else."""
    began = getattr(sys.modules["__main__"], "__spec__", None)
    return Path(sys.argv[0]).name == PROGRAM or getattr(began, "name", "") in _MODULES


@contextmanager
def _ended_as_interrupted() -> Iterator[None]:
    """Who asks the command to end, as a scheduler does, gets what is known, as by an interrupt."""
    heard = {}
    if threading.current_thread() is threading.main_thread():
        asking = (getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP"))
        heard = {s: signal.getsignal(s) for s in asking if s is not None}
    heard = {s: handler for s, handler in heard.items() if handler is signal.SIG_DFL}
    for number in heard:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in heard.items():
            signal.signal(number, handler)


def _carried_out(arguments: Sequence[str] | None, *, own: bool) -> int:
    command = PROGRAM
    try:
        parser = command_parser()
        try:
            parsed, unknown = parser.parse_known_args(arguments)
            if unknown:  # the help that is named is that of the command
                getattr(parsed, _PARSER, parser).refuse(unknown)
        except SystemExit:  # after --help, say: what it printed may not be written yet
            sys.stdout.flush()
            raise
        if parsed.command is None:  # nothing was asked for, so nothing was found right
            parser.print_help()
            return 2
        command = f"{PROGRAM} {parsed.command}"
        status = _run(parsed, own=own)
        sys.stdout.flush()
    except BrokenPipeError as error:
        if has_no_reader():
            raise
        return _refused(command, str(error))  # another end than the report's: the run is lost
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


def _run(parsed: argparse.Namespace, *, own: bool) -> int:
    """Carry it out; not in a directory that was deleted, where torch ends whoever imports it.

    Args:
        parsed: what was typed.
        own: whether the process is this command, and so may begin anew.
    """
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise OSError("the working directory was deleted; accepted is one that is there") from error
    from conv_reference.verification.commands import verify

    if own and verify.is_short(parsed):
        begin_anew()
    status: int = parsed.run(parsed)
    return status


def _refused(command: str, message: str) -> int:
    print(f"{command}: error: {one_line(message)}", file=sys.stderr)
    return 2


class _Parser(argparse.ArgumentParser):
    """One line on standard error, without the usage in front."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {one_line(message)} (try {self.prog} --help)\n")

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """That nothing is called so, and which option may have been meant."""
        options = [option for each in self._actions for option in each.option_strings]
        flags = [option.removeprefix("--") for option in options]
        given = (text.partition("=")[0] for text in unknown if text.startswith("--"))
        near = (f"--{each}" for flag in given for each in nearest(flag[2:], flags, most=1))
        hint = next((f"; did you mean {each}?" for each in near), "")
        self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """That a value is none of the choices, and which may have been meant."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += meant(str(value), map(str, action.choices or ()))
            raise


if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction["_Parser"]  # noqa: SLF001 (it has no public name)


def command_parser() -> _Parser:
    """Everything that may be typed; `make completion` reads it, too."""
    parser = _Parser(
        prog=PROGRAM,
        description="Is this two-dimensional convolution right, with its gradients?",
        epilog=STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-V", "--version", action="version", version=f"{PROGRAM} {_version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, module in _commands().items():
        _add(commands, name, module)
    return parser


def _version() -> str:
    from conv_reference import __version__

    return __version__


class _Module(Protocol):
    """Where a command is: what it says of itself, its options, and what it does."""

    HELP: str  # in the list of commands
    DESCRIPTION: str  # above its own options
    EPILOG: tuple[str, ...]  # below them

    def add_arguments(self, parser: argparse.ArgumentParser, /) -> None:
        """Give the parser the command's options."""

    def run(self, arguments: argparse.Namespace, /) -> int:
        """Carry it out; the exit status."""


def _commands() -> dict[str, _Module]:
    """The commands by name, as ``--help`` lists them."""
    from conv_reference import completion
    from conv_reference.chapter import command as chapter
    from conv_reference.verification.commands import (
        checks,
        faults,
        frameworks,
        model,
        tries,
        verify,
    )

    return {
        "verify": verify,
        "try": tries,
        "model": model,
        "checks": checks,
        "faults": faults,
        "frameworks": frameworks,
        "chapter": chapter,
        "completion": completion,
    }


def _add(commands: _Commands, name: str, module: _Module) -> None:
    layout = argparse.RawDescriptionHelpFormatter if module.EPILOG else argparse.HelpFormatter
    parser = commands.add_parser(
        name,
        help=module.HELP,
        description=module.DESCRIPTION,
        epilog="\n".join(module.EPILOG) or None,
        formatter_class=layout,
    )
    module.add_arguments(parser)
    parser.set_defaults(run=module.run, **{_PARSER: parser})


if __name__ == "__main__":
    raise SystemExit(main())
