"""LaTeX to PDF, by whichever TeX is on this machine."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

_SECONDS = 300


class TypesettingError(ValueError):
    """There is no TeX here, or it failed; the message is one line."""


def engine(*, right_to_left: bool) -> str:
    """The program that sets a derivation; only lualatex sets Hebrew.

    Raises:
        TypesettingError: There is none.
    """
    programs = ("lualatex",) if right_to_left else ("pdflatex", "lualatex")
    for program in programs:
        if shutil.which(program):
            return program
    raise TypesettingError(
        f"a PDF is set by {' or '.join(programs)}, not found on this machine (Debian: "
        "texlive-luatex, texlive-latex-recommended); a file named .tex holds what it reads"
    )


def pdf(source: str, program: str) -> bytes:
    """Set a document.

    Args:
        source: LaTeX, whole.
        program: What `engine` found.

    Raises:
        TypesettingError: The program failed, or took minutes.
    """
    with TemporaryDirectory(prefix="analytic-") as folder:
        written = Path(folder, "derivation.tex")
        written.write_text(source, encoding="utf-8")
        command = [program, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape"]
        try:
            done = subprocess.run(
                [*command, written.name],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise TypesettingError(f"{program} took more than {_SECONDS} s") from error
        result = written.with_suffix(".pdf")
        if done.returncode or not result.exists():
            log = done.stdout.decode("utf-8", errors="replace")
            first = re.search(r"^!.*", log, re.MULTILINE)
            raise TypesettingError(
                f"{program} failed: {first[0] if first else f'exit status {done.returncode}'}"
            )
        return result.read_bytes()
