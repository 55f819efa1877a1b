from __future__ import annotations

from pathlib import Path

from conv_reference.verification.reading.patterns import Pattern, read_patterns


def test_a_file_names_rows_by_patterns_each_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "skips.txt"
    path.write_text("\n# a comment\nforward-*-cpu\n  x::test_check[vmap-float32-cpu]  # why \n")

    assert read_patterns(path) == (
        Pattern("forward-*-cpu", "listed in skips.txt"),
        Pattern("vmap-float32-cpu", "why"),
    )
    assert read_patterns(path)[0].matches("forward-float32-cpu")
    assert not read_patterns(path)[0].matches("forward-float32-cuda0")
