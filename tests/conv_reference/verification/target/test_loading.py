from __future__ import annotations

import re
from pathlib import Path

import pytest

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.loading import load_target
from conv_reference.verification.target.target import OPTIONS


@pytest.mark.parametrize(
    "name", ["torch.nn.functional:conv2d", "torch.nn:Conv2d", "conv_reference.layer:Conv2d"]
)
def test_a_name_is_imported(name: str) -> None:
    target = load_target(name)
    assert (target.name, target.importable) == (name, True)


def test_a_path_is_imported_with_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "the_neighbour.py").write_text("from torch.nn.functional import conv2d\n")
    file = tmp_path / "mine.py"
    file.write_text("import the_neighbour\nclass Kernels:\n    conv2d = the_neighbour.conv2d\n")

    assert load_target(f"{file}:Kernels.conv2d").options == set(OPTIONS)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("torch", "not a target: 'torch'; accepted is package.module:attribute"),
        (":conv2d", "not a target: ':conv2d'"),
        ("torch:", "not a target: 'torch:'"),
        ("no_such_module:conv2d", "cannot import 'no_such_module': ModuleNotFoundError"),
        ("missing.py:conv2d", "cannot import 'missing.py': no such file"),
        ("torch.nn:Nothing", "cannot import 'torch.nn:Nothing': torch.nn has no 'Nothing'"),
        (
            "torch.nn:Conv2",
            "cannot import 'torch.nn:Conv2': torch.nn has no 'Conv2'; nearest: Conv2d",
        ),
        ("torch.nn:functional.no", "cannot import 'torch.nn:functional.no': torch.nn has no 'no'"),
        ("torch.nn:functional", "cannot verify 'torch.nn:functional' of type module"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused(name: str, message: str) -> None:
    with pytest.raises(TargetError, match="^" + re.escape(message)):
        load_target(name)


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("syntax error", "SyntaxError: invalid syntax"),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise ValueError('two\\nlines')", "ValueError: two lines"),
    ],
    ids=["syntax", "exit", "raises", "two lines"],
)
def test_a_file_that_cannot_be_imported_is_refused_in_one_line(
    tmp_path: Path, source: str, cause: str
) -> None:
    file = tmp_path / "broken.py"
    file.write_text(source)

    with pytest.raises(TargetError, match=f"^cannot import .*broken.py': {cause}") as caught:
        load_target(f"{file}:conv2d")
    assert "\n" not in str(caught.value)
