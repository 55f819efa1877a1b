from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_reports import FAULTY, RIGHT
from syrupy.assertion import SnapshotAssertion

from conv_reference import __version__
from conv_reference.cli import main
from conv_reference.verification.gate.baseline import (
    Baseline,
    BaselineError,
    Row,
    baseline_of,
    dumps,
    loads,
    read,
    write,
)
from conv_reference.verification.gate.parameters import Parameters
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.options import DTYPES, MOST_BITS
from conv_reference.verification.reading.catalogue import names
from conv_reference.verification.report import text as text_report
from conv_reference.verification.trial.environment import environment

PARAMETERS = Parameters(dtypes=("float32", "float64"))
texts = st.text(st.characters(exclude_categories=["Cs"]))
rows = st.builds(
    Row,
    check=texts,
    dtype=texts,
    device=texts,
    verdict=st.sampled_from(Verdict),
    bits=st.none() | st.floats(0, 53),
    bound=st.sampled_from([None, "componentwise", "normwise"]),
    known=st.booleans(),
    families=st.dictionaries(texts, st.integers(0)).map(lambda d: tuple(sorted(d.items()))),
)
baselines = st.builds(
    Baseline,
    target=texts,
    seed=st.integers(0),
    parameters=st.builds(
        Parameters,
        dtypes=st.lists(st.sampled_from(DTYPES)),
        budget=st.floats(0.1, 1e6),
        checks=st.lists(st.sampled_from(sorted(names()))),
        allowed_bits=st.none() | st.integers(1, MOST_BITS),
        known=texts,
    ),
    planned=st.integers(0),
    environment=st.dictionaries(texts, texts),
    rows=st.lists(rows, min_size=1, unique_by=lambda row: row.key).map(
        lambda found: tuple(sorted(found, key=lambda row: row.key))
    ),
)


@given(baselines)
def test_what_is_written_is_read(baseline: Baseline) -> None:
    assert loads(dumps(baseline)) == baseline


def test_a_file_is_written_whole_and_read(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    baseline = baseline_of(RIGHT, PARAMETERS)
    write(path, baseline)

    assert read(path, target="my_kernels:conv2d") == baseline
    assert [file.name for file in tmp_path.iterdir()] == ["baseline.json"]


def test_the_file(snapshot: SnapshotAssertion) -> None:
    checks = tuple(replace(check, families=(("plain", 3),)) for check in RIGHT.checks)

    assert dumps(baseline_of(replace(RIGHT, checks=checks), PARAMETERS)) == snapshot


def test_one_row_is_one_line_so_that_a_diff_shows_what_changed() -> None:
    before = dumps(baseline_of(RIGHT, PARAMETERS)).splitlines()
    checks = (replace(RIGHT.checks[0], verdict=Verdict.WRONG), *RIGHT.checks[1:])
    after = dumps(baseline_of(replace(RIGHT, checks=checks), PARAMETERS)).splitlines()

    assert len(before) == len(after)
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert len(changed) == 1
    assert '"check": "shapes", "dtype": "float32"' in changed[0]


def test_the_order_of_the_rows_does_not_matter() -> None:
    turned = replace(RIGHT, checks=RIGHT.checks[::-1])

    assert dumps(baseline_of(turned, PARAMETERS)) == dumps(baseline_of(RIGHT, PARAMETERS))


@pytest.mark.parametrize("bits", [float("nan"), float("inf")])
def test_bits_that_are_no_number_are_not_written_as_one(bits: float) -> None:
    checks = tuple(replace(check, effective_bits=bits) for check in FAULTY.checks)
    baseline = baseline_of(replace(FAULTY, checks=checks), PARAMETERS)

    assert {row.bits for row in loads(dumps(baseline)).rows} == {None}


GOOD: dict[str, Any] = json.loads(dumps(baseline_of(RIGHT, PARAMETERS)))


def changed(*path: str | int, to: Any) -> str:
    content = json.loads(json.dumps(GOOD))
    place = content
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return json.dumps(content)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is corrupt: no JSON (Expecting value: line 1 column 1 (char 0))"),
        (dumps(baseline_of(RIGHT, PARAMETERS))[:200], "is corrupt: no JSON"),
        ("[]", "is corrupt: no object with a schema"),
        ("{}", "is corrupt: no object with a schema"),
        ('{"schema": "1"}', "is corrupt: no object with a schema"),
        ('{"schema": true}', "is corrupt: no object with a schema"),
        ('{"schema": 2}', "has schema 2, newer than 1, the newest that is understood"),
        ('{"schema": 1}', "is corrupt: it lacks 'parameters'"),
        (changed("rows", 0, to=3), "is corrupt: an object was expected, not 3"),
        (changed("rows", 0, "verdict", to="good"), "is corrupt: 'good' is not a valid Verdict"),
        (changed("rows", 0, "bits", to="many"), "bits must be int or float or NoneType"),
        (changed("rows", 0, "known", to=1), "is corrupt: known must be bool, not 1"),
        (
            changed("rows", 0, "families", to={"plain": 1.5}),
            "families must hold integers of at",
        ),
        (changed("rows", 1, to=GOOD["rows"][0]), "two rows have the same check"),
        (changed("seed", to=True), "is corrupt: seed must be int, not True"),
        (changed("target", to=None), "is corrupt: target must be str, not None"),
        (changed("environment", "torch", to=2), "environment must hold strings"),
        (changed("parameters", "dtypes", to=[1]), "dtypes must hold strings"),
        (
            changed("parameters", "budget", to="20"),
            "budget must be int or float or NoneType, not '20'",
        ),
        (changed("parameters", "allowed_bits", to="10"), "allowed_bits must be int or NoneType"),
        (changed("parameters", "known", to=None), "known must be str, not None"),
        ("NaN", "is corrupt: no JSON (NaN is no number)"),
        ("[" * 100_000, "is corrupt: nested too deeply"),
        ('{"schema": 1, "schema": 1}', "is corrupt: no JSON (an object has a key twice)"),
        (changed("rows", to=[]), "is corrupt: it has no rows: nothing would be held"),
        (changed("rows", 0, "bits", to=float("nan")), "no JSON (NaN is no number)"),
        (changed("rows", 0, "bits", to=float("inf")), "no JSON (Infinity is no number)"),
        (changed("rows", 0, "bits", to=1e308), "is corrupt: bits must be 0..54, not 1e+308"),
        (changed("rows", 0, "bits", to=-1), "is corrupt: bits must be 0..54, not -1"),
        (changed("rows", 0, "bound", to="wide"), "bound must be componentwise, normwise or null"),
        (changed("rows", 0, "verdcit", to="exact"), "no key is called 'verdcit'"),
        (changed("comment", to="mine"), "is corrupt: no key is called 'comment'"),
        (changed("parameters", "bugdet", to=5), "is corrupt: no key is called 'bugdet'"),
        (changed("parameters", "budget", to=-5), "budget must be finite and more than 0 seconds"),
        (changed("parameters", "sweep", to="wide"), "sweep must be one of default, small"),
        (changed("rows", 0, "unsupported", to=-1), "unsupported must be at least 0, not -1"),
        (changed("parameters", "strict", to="no"), "strict must be bool, not 'no'"),
        (changed("seed", to=-1), "is corrupt: seed must be at least 0, not -1"),
    ],
)
def test_what_is_no_baseline_is_refused_in_one_line(
    text: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "b.json"
    path.write_text(text)

    with pytest.raises(BaselineError) as caught:
        read(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"the baseline {path}")
    assert "\n" not in str(caught.value)


def test_a_file_from_before_allowed_bits_and_registry_were_recorded_is_read() -> None:
    content = json.loads(dumps(baseline_of(RIGHT, PARAMETERS)))
    del content["parameters"]["allowed_bits"], content["parameters"]["known"]

    read_again = loads(json.dumps(content)).parameters
    assert (read_again["allowed_bits"], read_again["known"]) == (None, "shipped")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_bytes(b"\xff\xfe")

    with pytest.raises(BaselineError, match="is corrupt: no UTF-8"):
        read(tmp_path / "b.json")


def test_no_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match=r"no baseline .*; --update-baseline makes one"):
        read(tmp_path / "none.json")


def test_another_target_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "b.json", baseline_of(RIGHT, PARAMETERS))

    with pytest.raises(BaselineError, match="another target: my_kernels:conv2d, not other:conv"):
        read(tmp_path / "b.json", target="other:conv")


def test_escapes_of_a_baseline_reach_no_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = changed("target", to="\x1b[31mred\x9b \u202etfel:conv2d")
    Path("held.json").write_text(text, encoding="utf-8")
    assert main(["verify", "torch.nn.functional:conv2d", "--baseline", "held.json"]) == 2

    said = capsys.readouterr().err
    assert not {"\x1b", "\x9b", "\u202e"} & {*said}
    assert "\\x1b[31mred\\x9b \\u202etfel:conv2d" in said


def test_it_names_the_version_that_judged() -> None:
    report = replace(RIGHT, environment=environment("cpu"))
    assert baseline_of(report, PARAMETERS).environment["conv-reference"] == __version__
    assert f"conv-reference {__version__}" in text_report.render(report)
