"""Compiled programs in a folder, found again without tracing what they were compiled of.

A framework's own cache has to trace and lower a function before it knows what to look for. Here a
program is named by what it follows from: how the function was made, the shapes and dtypes, and
whatever the adapter adds, which must be all that it can depend on.
"""

from __future__ import annotations

import hashlib
import os
import platform
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from conv_reference.verification.frameworks.contract import Function

_DIGEST = hashlib.sha256().digest_size
_OTHERS_MAY_WRITE = 0o022


class Compiler(Protocol):
    """How a framework compiles, and how its programs become bytes."""

    def compiled(self, function: Function, arrays: Sequence[Any]) -> Function:
        """The function, compiled for arrays of these shapes and dtypes."""

    def packed(self, program: Function) -> bytes:
        """A program as bytes."""

    def unpacked(self, data: bytes) -> Function:
        """And back."""


@dataclass(frozen=True)
class Programs:
    """Those of one user.

    Args:
        folder: where they are; it is made where it does not exist.
        setting: what they depend on beside the function, the shapes and the dtypes.
    """

    folder: Path
    setting: str

    def read(self, name: str) -> bytes | None:
        """What was written under a name; None where that is not whole, or not this user's alone."""
        try:
            with (self.folder / name).open("rb") as file:
                about = os.fstat(file.fileno())
                if about.st_uid != os.getuid() or about.st_mode & _OTHERS_MAY_WRITE:
                    return None
                held = file.read()
        except OSError:
            return None
        digest, data = held[:_DIGEST], held[_DIGEST:]
        return data if hashlib.sha256(data).digest() == digest else None

    def write(self, name: str, data: bytes) -> None:
        """Under this name, at once: other children read the same folder.

        Raises:
            OSError: when the folder cannot be written.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        number, unfinished = tempfile.mkstemp(dir=self.folder)
        with os.fdopen(number, "wb") as file:
            file.write(hashlib.sha256(data).digest() + data)
        Path(unfinished).replace(self.folder / name)


class Kept:
    """A function of arrays, compiled for each choice of shapes and dtypes, or found compiled.

    Args:
        function: whose ``words`` say how it was made.
        compiler: the framework's.
        programs: where they are kept.
    """

    def __init__(self, function: Any, compiler: Compiler, programs: Programs) -> None:
        self._function, self._compiler, self._programs = function, compiler, programs
        self._made: dict[Any, Function] = {}

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        """The function's answers."""
        kinds = tuple((tuple(array.shape), str(array.dtype)) for array in arrays)
        if kinds not in self._made:
            self._made[kinds] = self._program(kinds, arrays)
        return self._made[kinds](*arrays)

    def _program(self, kinds: Any, arrays: Sequence[Any]) -> Function:
        told = "\n".join((self._programs.setting, self._function.words, repr(kinds)))
        name = hashlib.sha256(told.encode()).hexdigest()
        if (held := self._programs.read(name)) is not None:
            with suppress(Exception):  # of another state of the library, whatever it then raises
                return self._compiler.unpacked(held)
        program = self._compiler.compiled(self._function, arrays)
        with suppress(Exception):  # the folder is not ours to write, or there are no bytes of it
            self._programs.write(name, self._compiler.packed(program))
        return program


def state_of(paths: Iterable[Path]) -> str:
    """Files and what is in folders, by name, size and time: another one after any change."""
    digest = hashlib.sha256()
    for path in paths:
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.suffix in {".py", ".so", ".pyd", ".dylib"}:
                about = file.stat()
                name = file.relative_to(path.parent)  # a child's engine may lie elsewhere each time
                digest.update(f"{name} {about.st_size} {about.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def processor() -> str:
    """The processor, with its instructions where the system tells them, and how many cores."""
    lines: list[str] = []
    with suppress(OSError):
        text = Path("/proc/cpuinfo").read_text()
        lines = [line for line in text.splitlines() if line.startswith(("flags", "Features"))]
    return " ".join((*platform.uname()[4:], str(os.cpu_count()), *lines[:1]))
