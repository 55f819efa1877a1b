"""Files that a command names: one that cannot be read or written is reported before the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def require_readable(option: str, path: Path) -> None:
    """Refuse a file that cannot be read.

    Raises:
        OSError: that names the option.
    """
    with named_refusal(f"{option}: cannot read {str(path)!r}"):
        path.open("rb").close()


def refuse_folder(option: str, path: Path) -> None:
    """Refuse a folder where a file is meant.

    Raises:
        OSError: that names the option.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{option}: {str(path)!r} is a folder; accepted is a file")


def require_writable(option: str, path: Path) -> None:
    """Refuse a file that cannot be written; it is left as it was.

    Raises:
        OSError: that names the option.
    """
    if str(path) == "-":  # elsewhere standard output, which has the report where no file is named
        raise FileNotFoundError(f"{option}: '-' is no file; accepted is a path, as /dev/stdout")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{option}: no folder {str(path.parent)!r}")
    refuse_folder(option, path)
    if path.is_symlink() or (path.exists() and not path.is_file()):
        return  # a pipe would take opening it for its whole content
    there = path.exists()
    with named_refusal(f"{option}: cannot write {str(path)!r}"):
        path.open("ab").close()
        if not there:
            path.unlink()


@contextmanager
def named_refusal(what: str) -> Iterator[None]:
    """The system's refusal, with the option and the file in front."""
    try:
        yield
    except BrokenPipeError:
        raise  # no fault: the reader of the output has enough
    except OSError as error:
        raise OSError(f"{what}: {error.strerror or error}") from error
