from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
MODULE: dict[str, Any] = runpy.run_path(str(ROOT / "changelog.d" / "collect.py"))
collect: Callable[[Path, Path, str, str], None] = MODULE["collect"]


@pytest.fixture
def changelog(tmp_path: Path) -> Path:
    folder = tmp_path / "changelog.d"
    folder.mkdir()
    (folder / "README.md").write_text("how")
    (folder / "b.added.md").write_text("B.\nOver two lines.\n")
    (folder / "a.added.md").write_text("A.\n")
    (folder / "c.fixed.md").write_text("C.\n")
    path = tmp_path / "CHANGELOG.md"
    path.write_text("# Changelog\n\nWords.\n\n## 0.1.0 (2026-01-01)\n\nOld.\n")
    return path


def test_the_fragments_become_the_newest_section(changelog: Path) -> None:
    collect(changelog, changelog.parent / "changelog.d", "0.2.0", "2026-02-02")

    assert changelog.read_text() == (
        "# Changelog\n\nWords.\n\n"
        "## 0.2.0 (2026-02-02)\n\n### Added\n\n- A.\n- B.\n  Over two lines.\n\n"
        "### Fixed\n\n- C.\n\n"
        "## 0.1.0 (2026-01-01)\n\nOld.\n"
    )
    assert [file.name for file in (changelog.parent / "changelog.d").iterdir()] == ["README.md"]


def test_the_first_section(changelog: Path) -> None:
    changelog.write_text("# Changelog\n\nWords.\n")
    collect(changelog, changelog.parent / "changelog.d", "0.1.0", "2026-02-02")

    assert changelog.read_text().startswith("# Changelog\n\nWords.\n\n## 0.1.0 (2026-02-02)\n")


@pytest.mark.parametrize(
    ("version", "message"),
    [("1.2", "a version is like 1.2.3, got '1.2'"), ("0.1.0", "has 0.1.0 already")],
)
def test_a_version_that_is_none_or_there_already(
    version: str, message: str, changelog: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        collect(changelog, changelog.parent / "changelog.d", version, "2026-02-02")


def test_a_fragment_without_a_kind_is_refused(changelog: Path) -> None:
    (changelog.parent / "changelog.d" / "d.md").write_text("D")

    with pytest.raises(ValueError, match=r"d\.md: the kind must be one of added, changed"):
        collect(changelog, changelog.parent / "changelog.d", "0.2.0", "2026-02-02")


def test_our_own_fragments_can_be_collected(tmp_path: Path) -> None:
    fragments = MODULE["fragments"](ROOT / "changelog.d")
    text = MODULE["section"]("9.9.9", "2026-01-01", fragments)

    assert all(path.read_text().strip().splitlines()[0] in text for path in fragments)
    assert (ROOT / "CHANGELOG.md").read_text().startswith("# Changelog\n")
