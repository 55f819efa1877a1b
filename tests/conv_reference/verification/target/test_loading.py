from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conv_reference.quantities import OPTIONS
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.loading import load_target


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
        ("no_such.py", "cannot import 'no_such.py': no such file"),
        ("torch:", "not a target: 'torch:'"),
        ("no_such_module:conv2d", "cannot import 'no_such_module': ModuleNotFoundError"),
        # Of a framework that is nowhere installed beside us.
        (
            "conv_reference.adapters.mlx:Mlx",
            "cannot import 'conv_reference.adapters.mlx': ModuleNotFoundError: No module named "
            "'mlx'; --python names the interpreter of an environment that has it",
        ),
        ("missing.py:conv2d", "cannot import 'missing.py': no such file"),
        (".:conv2d", "cannot import '.': it is a folder; accepted is one of its files"),
        ("/", "cannot import '/': it is a folder; accepted is one of its files, path/file.py"),
        ("..x:conv2d", "cannot import '..x': accepted is package.module or path/file.py"),
        ("a/b.ipynb:conv2d", "cannot import 'a/b.ipynb': it is a notebook; accepted is its code"),
        ("b.ipynb", "cannot import 'b.ipynb': it is a notebook; accepted is its code in a file"),
        ("to/my_conv:conv2d", "cannot import 'to/my_conv': accepted is package.module or path/fi"),
        ("torch.nn:Nothing", "cannot import 'torch.nn:Nothing': torch.nn has no 'Nothing'"),
        (
            "torch.nn:Conv2",
            "cannot import 'torch.nn:Conv2': torch.nn has no 'Conv2'; did you mean Conv2d or ",
        ),
        ("torch.nn:functional.no", "cannot import 'torch.nn:functional.no': torch.nn has no 'no'"),
        ("torch.nn:functional", "cannot verify 'torch.nn:functional' of type module"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused(name: str, message: str) -> None:
    with pytest.raises(TargetError, match="^" + re.escape(message)):
        load_target(name)


def test_a_folder_named_as_an_installed_package_is_in_nobodys_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_target("torch:conv2d").name == "torch:conv2d"


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


def test_a_file_of_a_package_is_to_be_named_as_its_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "of_a_package").mkdir()
    (tmp_path / "of_a_package" / "base.py").write_text("from torch.nn.functional import conv2d\n")
    (tmp_path / "of_a_package" / "mine.py").write_text("from .base import conv2d\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        TargetError, match=r"accepted is its name in its package, of_a_package.mine$"
    ):
        load_target("of_a_package/mine.py:conv2d")
    assert load_target("of_a_package.mine:conv2d").options
    with pytest.raises(TargetError, match=r", package.mine, from beside that folder$"):
        load_target(f"{tmp_path}/of_a_package/mine.py:conv2d")


def test_what_an_import_says_reaches_no_terminal_raw(tmp_path: Path) -> None:
    file = tmp_path / "loud.py"
    file.write_text("raise ValueError('\\x1b[31mred\\x9b \\u202etfel')")
    with pytest.raises(TargetError) as caught:
        load_target(f"{file}:conv2d")
    assert str(caught.value).endswith(r"ValueError: \x1b[31mred\x9b \u202etfel")


def test_an_exception_whose_text_throws_is_told_by_its_kind(tmp_path: Path) -> None:
    file = tmp_path / "mute.py"
    file.write_text("class Mute(Exception):\n    def __str__(self): 1 / 0\nraise Mute")
    with pytest.raises(TargetError, match=r"mute.py': Mute: \(it cannot be written down\)$"):
        load_target(f"{file}:conv2d")


@pytest.mark.slow
def test_a_file_shadows_nothing_whatever_it_is_called(tmp_path: Path) -> None:
    """In processes of their own, forked from one: what is imported stays."""
    stems = ["html", "random", "jax", "json"]
    for stem in stems:
        (tmp_path / f"{stem}.py").write_text(
            "import dataclasses, inspect, pickle, the_neighbour\n"
            "@dataclasses.dataclass\nclass Own:\n    size: int\n"
            "def convolve(input, weight): return the_neighbour.conv2d(input, weight)\n"
            "assert pickle.loads(pickle.dumps(Own(3))) == Own(3)\n"
            "assert 'class Own' in inspect.getsource(Own)\n"
        )
    (tmp_path / "the_neighbour.py").write_text("from torch.nn.functional import conv2d\n")
    (tmp_path / "string.py").write_text("raise SystemExit('not the one that is meant')\n")
    program = (
        "import importlib.util, os, sys\n"
        "from conv_reference.verification.target.loading import load_target\n"
        f"for stem in {stems}:\n"
        "    if number := os.fork():\n"
        "        assert os.waitpid(number, 0)[1] == 0, stem\n"
        "        continue\n"
        "    load_target(f'{stem}.py:convolve')\n"
        "    spec = importlib.util.find_spec(stem)\n"
        f"    assert spec is None or {str(tmp_path)!r} not in spec.origin, spec\n"
        "    del sys.modules['string']\n    import string\n    assert string.digits\n"
        "    break\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-P", "-c", program], check=True, cwd=tmp_path, env=environment)


def test_a_module_of_the_working_directory_is_imported_with_its_neighbours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    (tmp_path / "one_of_mine").mkdir()
    (tmp_path / "one_of_mine" / "__init__.py").write_text("from its_neighbour import conv2d\n")
    (tmp_path / "its_neighbour.py").write_text("from torch.nn.functional import conv2d\n")
    before = list(sys.path)
    assert load_target("one_of_mine:conv2d").options == set(OPTIONS)
    assert sys.path == before


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (
            "FAILED: main.o\n/tmp/b/main.cpp:5:19: error: expected ‘;’\n",
            "main.cpp:5:19: error: expected ‘;’",
        ),
        ("nvcc -c k.cu\n/tmp/b/k.cu(12): error: identifier\n", "k.cu(12): error: identifier"),
        (
            "c++ a.o\n/usr/bin/ld: a.o: undefined reference to `f'\n",
            "a.o: undefined reference to `f'",
        ),
    ],
)
def test_the_first_error_of_a_compiler_is_what_is_said(tmp_path: Path, log: str, said: str) -> None:
    file = tmp_path / "kernel.py"
    text = "Error building extension 'k': [1/2] c++ " + 4000 * "-I/include " + "\n" + log
    file.write_text(f"raise RuntimeError({text!r})\n")
    with pytest.raises(TargetError) as raised:
        load_target(f"{file}:conv2d")
    assert str(raised.value) == f"cannot compile {str(file)!r}: {said}"


def test_a_script_that_reads_its_arguments_finds_none_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "parses.py"
    file.write_text(
        "import argparse, sys\nfrom torch.nn.functional import conv2d\n"
        "parser = argparse.ArgumentParser()\nparser.add_argument('--size', default=3)\n"
        "size, own = parser.parse_args().size, sys.argv\n"
    )
    monkeypatch.setattr(sys, "argv", ["server.py", "4"])
    load_target(f"{file}:conv2d")
    assert sys.modules["_target_parses"].own == [str(file)]
    assert sys.argv == ["server.py", "4"]
