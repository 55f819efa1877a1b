from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_as_framework import Right

from conv_reference.verification.frameworks.convolving import Convolution
from conv_reference.verification.frameworks.lifting import Node
from conv_reference.verification.frameworks.programs import Kept, Programs, processor, state_of

OPTIONS: dict[str, Any] = {"stride": (1, 2), "padding": ((0, 0), (1, 0)), "groups": 1}
ARRAYS = (torch.ones(1, 2, 3, 4), torch.ones(2, 2, 1, 2))


class Compiler:
    """Whose programs say for which shapes they were compiled."""

    def __init__(self) -> None:
        self.compiled_for: list[Any] = []

    def compiled(self, function: Any, arrays: Sequence[Any]) -> Any:
        del function
        self.compiled_for.append([tuple(array.shape) for array in arrays])
        return self.unpacked(self.packed(None))

    def packed(self, program: Any) -> bytes:
        del program
        return pickle.dumps("a program")

    def unpacked(self, data: bytes) -> Any:
        assert pickle.loads(data) == "a program"
        return lambda *arrays: arrays


def ask(folder: Path, options: Any = OPTIONS, arrays: Any = ARRAYS, setting: str = "here") -> int:
    """How many programs a fresh process compiles."""
    compiler = Compiler()
    function = Convolution(Right(), False, options)
    assert Kept(function, compiler, Programs(folder, setting))(*arrays) == arrays
    return len(compiler.compiled_for)


def test_what_was_compiled_once_is_found_by_the_next_process(tmp_path: Path) -> None:
    assert [ask(tmp_path / "new"), ask(tmp_path / "new")] == [1, 0]


OTHERS: dict[str, dict[str, Any]] = {
    "shape": {"arrays": (torch.ones(1, 2, 3, 5), ARRAYS[1])},
    "dtype": {"arrays": (ARRAYS[0].double(), ARRAYS[1])},
    "options": {"options": {**OPTIONS, "stride": (2, 1)}},
    "setting": {"setting": "there"},
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_whatever_differs_is_compiled(tmp_path: Path, other: dict[str, Any]) -> None:
    ask(tmp_path)
    assert ask(tmp_path, **other) == 1


def test_within_a_process_each_shape_is_compiled_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()  # below which nothing can be written
    compiler = Compiler()
    function = Convolution(Right(), False, OPTIONS)
    kept = Kept(function, compiler, Programs(tmp_path / "file", ""))
    for side in (4, 5, 4, 5):
        kept(torch.ones(1, 2, 3, side), ARRAYS[1])

    assert [shapes[0][3] for shapes in compiler.compiled_for] == [4, 5]


def only(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


@pytest.mark.parametrize(
    "spoilt", [b"", b"short", b"\0" * 100], ids=["empty", "shorter", "of other bytes"]
)
def test_an_entry_that_is_not_whole_is_compiled_anew(tmp_path: Path, spoilt: bytes) -> None:
    ask(tmp_path)
    only(tmp_path).write_bytes(spoilt)
    assert [ask(tmp_path), ask(tmp_path)] == [1, 0]


def test_an_entry_that_cannot_be_unpacked_is_compiled_anew(tmp_path: Path) -> None:
    ask(tmp_path)
    Programs(tmp_path, "").write(only(tmp_path).name, b"of another state of the library")
    assert [ask(tmp_path), ask(tmp_path)] == [1, 0]


def test_what_others_may_have_written_is_not_read(tmp_path: Path) -> None:
    ask(tmp_path)
    only(tmp_path).chmod(0o666)
    assert ask(tmp_path) == 1


def test_what_another_user_owns_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(tmp_path)
    monkeypatch.setattr("os.getuid", lambda: only(tmp_path).stat().st_uid + 1)
    assert ask(tmp_path) == 1


class Mapped(Right):
    def vmap(self, f: Any, in_dims: Any) -> Any:
        return torch.func.vmap(f, in_dims)


def words() -> list[str]:
    """Of a convolution, of its transforms, and of one of these."""
    node = Node(Mapped(), Convolution(Right(), True, OPTIONS))
    transforms = [
        *(node.pullback(1, wanted) for wanted in ((True, False, True), (True, True, True))),
        *(node.pushforward(1, moving) for moving in ((True, False, True), (True, True, True))),
        *(node.mapped(in_dims) for in_dims in ((0, None, None), (1, None, None))),
    ]
    nodes = [node, *transforms, transforms[0].pullback(2, (True,) * 4)]
    return [each.function.words for each in nodes]  # type: ignore[attr-defined]  # Made has them


def test_functions_that_differ_have_words_that_differ_and_the_same_in_each_run() -> None:
    assert words() == words()
    assert len({*words()}) == len(words())
    assert not any(" at 0x" in said for said in words())


def test_any_change_of_a_file_is_another_state(tmp_path: Path) -> None:
    folder, file = tmp_path / "package", tmp_path / "package" / "inner" / "a.py"
    file.parent.mkdir(parents=True)
    file.write_text("1")
    first = state_of([folder])
    (folder / "a.pyc").touch()
    assert state_of([folder]) == first
    file.write_text("12")
    assert state_of([folder]) != first != state_of([file])


def test_a_processor_is_told_with_its_cores() -> None:
    assert processor() == processor() != ""
