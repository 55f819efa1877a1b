"""Fragments become the newest section of the changelog, by towncrier and its settings here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pytest

ROOT = Path(__file__).parent.parent
KINDS = {"added", "changed", "fixed", "removed"}
KEPT = {"README.md", "template.md.jinja"}
FRAGMENTS = sorted(p for p in (ROOT / "changelog.d").iterdir() if p.name not in KEPT)


def towncrier(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "towncrier", "build", "--date", "2026-02-02"]
    done = subprocess.run(
        [*command, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Its settings and template, with fragments and a changelog of its own."""
    copytree(ROOT / "changelog.d", tmp_path / "changelog.d")
    for path in (tmp_path / "changelog.d").iterdir():
        if path.name not in KEPT:
            path.unlink()
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    (tmp_path / "changelog.d" / "b.added.md").write_text("B.\nOver two lines.\n")
    (tmp_path / "changelog.d" / "a.added.md").write_text("A.\n")
    (tmp_path / "changelog.d" / "c.fixed.md").write_text("C.\n")
    mark = "<!-- towncrier release notes start -->\n"
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\nWords.\n\n{mark}\n## 0.1.0\n\nOld.\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)  # it looks for what to remove
    return tmp_path


def test_the_fragments_become_the_newest_section(project: Path) -> None:
    towncrier(project, "--version", "0.2.0", "--yes")
    text = (project / "CHANGELOG.md").read_text()

    newest, _, old = text.partition("## 0.1.0")
    assert newest.startswith("# Changelog\n\nWords.\n")
    assert old == "\n\nOld.\n"
    lines = [line for line in newest.partition("start -->")[2].splitlines() if line.strip()]
    assert lines == [
        "## 0.2.0 (2026-02-02)",
        "### Added",
        "- A.",
        "- B.",
        "  Over two lines.",
        "### Fixed",
        "- C.",
    ]


def test_each_fragment_is_named_after_its_change_and_kind() -> None:
    for fragment in FRAGMENTS:
        change, kind, suffix = fragment.name.rsplit(".", 2)
        assert change
        assert (kind in KINDS, suffix) == (True, "md"), fragment.name
        assert fragment.read_text().strip()


def test_every_fragment_is_in_the_draft() -> None:
    draft = towncrier(ROOT, "--draft", "--version", "9.9.9")
    for fragment in FRAGMENTS:
        assert fragment.read_text().strip().splitlines()[0] in draft
