"""What a file defines is there, whatever else it does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from conv_reference.verification.target.piecewise import LeftOut, Statement, executed


def left_out(tmp_path: Path, text: str) -> tuple[list[str], list[LeftOut]]:
    """The names that a file defines in lower case, and what is left out."""
    file = tmp_path / "mine.py"
    file.write_text(text)
    module, left = executed(file, lambda _: None)
    return sorted(name for name in vars(module) if name.islower() and name[0] != "_"), [*left]


def test_a_file_that_can_be_imported_is_imported(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_it.py").write_text("seven = 7\n")
    text = (
        "'''of it'''\nfrom __future__ import annotations\nfrom neighbour_of_it import seven\n"
        "def f(x: nobody) -> nothing: return __file__\nclass c: pass\n"
        "if seven: conditional = f(1)\nif __name__ == '__main__': main()\n"
    )
    names, left = left_out(tmp_path, text)
    assert names == ["annotations", "c", "conditional", "f", "seven"]
    assert not left


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("import no_such_package", "raises ModuleNotFoundError: No module named 'no_such_package'"),
        ("import sys; sys.exit(0)", "raises SystemExit: 0"),
        ("get_ipython().run()", "raises NameError: name 'get_ipython' is not defined"),
        ("size = int('none\\nat all')", "raises ValueError: invalid literal for int() with base"),
    ],
)
def test_what_raises_is_left_out_and_the_rest_is_defined(
    tmp_path: Path, line: str, said: str
) -> None:
    names, (left,) = left_out(tmp_path, f"def f(): ...\n{line}\ndef g(): ...\n")
    assert {"f", "g"} <= {*names}
    assert left.line == 2
    assert left.said.startswith(said)
    assert "\n" not in left.said
    assert left.lacks_module == (line == "import no_such_package")


def test_what_lacks_a_name_of_what_is_not_installed_is_told_from_what_should_not_run(
    tmp_path: Path,
) -> None:
    text = (
        "import no_such.package\nfrom nowhere_at_all import base as Base\nclass Mine(Base): ...\n"
        "new = no_such.version()\nclass Other(Mine): ...\nprint(new)\nprint(elsewhere)\n"
    )
    _, left = left_out(tmp_path, text)
    assert [one.line for one in left if one.lacks_module] == [1, 2, 3, 4, 5, 6]
    assert left[-1].said == "raises NameError: name 'elsewhere' is not defined"


def test_where_it_is_is_heard_and_a_statement_can_be_left_out(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("import sys\nx = 1\nx += 1\nx += 10\nsys.exit(x)\n")
    begun: list[Statement] = []
    module, left = executed(file, begun.append, without={3})
    assert begun == [
        Statement(1, imports=True),
        Statement(2, defines=True),
        Statement(4),
        Statement(5),
    ]
    assert module.x == 11
    assert left == (LeftOut(5, "raises SystemExit: 11"),)


def test_a_script_finds_no_arguments(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("import sys\ngiven = [*sys.argv]\n")
    before = [*sys.argv]
    module, _ = executed(file, lambda _: None)
    assert module.given == [str(file)]
    assert sys.argv == before


def test_what_is_no_python_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SyntaxError):
        left_out(tmp_path, "def f(:\n")
