"""Move the fragments beside this file into the changelog, under a version."""

from __future__ import annotations

import argparse
import datetime as dt
import re
from pathlib import Path

KINDS = ("added", "changed", "fixed", "removed")
HERE = Path(__file__).parent
VERSION = re.compile(r"\d+\.\d+\.\d+")


def fragments(folder: Path) -> dict[Path, str]:
    """The fragments of a folder and their kinds, in the order of the kinds and names.

    Raises:
        ValueError: when a file has no kind, or another one.
    """
    found = {}
    for path in folder.glob("*.md"):
        if path.name == "README.md":
            continue
        kind = path.stem.rpartition(".")[2]
        if "." not in path.stem or kind not in KINDS:
            raise ValueError(f"{path.name}: the kind must be one of {', '.join(KINDS)}")
        found[path] = kind
    return dict(sorted(found.items(), key=lambda item: (KINDS.index(item[1]), item[0].name)))


def section(version: str, date: str, found: dict[Path, str]) -> str:
    """The changelog's section of one version."""
    lines = [f"## {version} ({date})"]
    for kind in KINDS:
        texts = [path.read_text("utf-8").strip() for path, k in found.items() if k == kind]
        if texts:
            lines += ["", f"### {kind.capitalize()}", ""]
            lines += ["- " + text.replace("\n", "\n  ") for text in texts]
    return "\n".join(lines) + "\n"


def collect(changelog: Path, folder: Path, version: str, date: str) -> None:
    """Put the section on top, and remove the fragments.

    Raises:
        ValueError: when the version is none or is there already, or there is no fragment.
    """
    text = changelog.read_text("utf-8")
    found = fragments(folder)
    if not VERSION.fullmatch(version):
        raise ValueError(f"a version is like 1.2.3, got {version!r}")
    if f"\n## {version} " in text:
        raise ValueError(f"the changelog has {version} already")
    if not found:
        raise ValueError("there is no fragment")
    head, mark, rest = text.partition("\n## ")
    changelog.write_text(f"{head.rstrip()}\n\n{section(version, date, found)}{mark}{rest}", "utf-8")
    for path in found:
        path.unlink()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version")
    today = dt.datetime.now(dt.UTC).date().isoformat()
    try:
        collect(HERE.parent / "CHANGELOG.md", HERE, parser.parse_args().version, today)
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
