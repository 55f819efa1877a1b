from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from typing import Any

import jsonschema
import pytest
from made_reports import FAULTY, RIGHT, hostile, of_size, row

from conv_reference.verification.model.result import Report, Verdict
from conv_reference.verification.report import json as format_json


def parsed(report: Report) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"no JSON: {constant}")

    return json.loads(format_json.render(report), parse_constant=refuse)


@pytest.mark.parametrize(
    "report", [RIGHT, FAULTY, hostile(), of_size(50)], ids=["right", "faulty", "hostile", "long"]
)
def test_it_keeps_to_the_published_schema(report: Report) -> None:
    jsonschema.Draft202012Validator.check_schema(format_json.schema())

    jsonschema.validate(parsed(report), format_json.schema())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), 2),
        (("verdict",), "fine"),
        (("seed",), -1),
        (("checks", 0, "miss_bound"), 2),
        (("findings", 0, "verdict"), "exact"),
        (("findings", 0, "index"), "0,0"),
    ],
)
def test_the_schema_refuses_what_is_no_report(path: tuple[Any, ...], value: object) -> None:
    report = parsed(FAULTY)
    place = report
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(report, format_json.schema())


def test_the_schema_requires_the_keys_that_the_design_promises() -> None:
    promised: dict[str, list[str]] = {
        "check": ["name", "dtype", "verdict", "geometries", "effective_bits", "miss_bound"],
        "finding": [
            *("check", "dtype", "verdict", "quantity", "geometry", "layout", "seed", "index"),
            *("expected", "actual", "explanation", "reproduce", "known"),
        ],
    }
    schema = format_json.schema()

    for name, keys in promised.items():
        assert schema["$defs"][name]["required"] == keys
    assert {"schema", "target", "verdict", "environment", "seed", "checks", "findings"} <= set(
        schema["required"]
    )


def test_every_field_of_a_report_is_in_it_and_described() -> None:
    report, schema = parsed(FAULTY), format_json.schema()

    assert {field.name for field in fields(FAULTY)} <= set(report)
    hashes = {"cases", "cases_in_check"}  # one process's own
    for name, listed, made, more, own in (
        ("check", "checks", FAULTY.checks, set(), set()),
        ("finding", "findings", FAULTY.findings, {"group"}, hashes),
    ):
        kept = [(set(asdict(entry)) | more) - own for entry in made]
        assert [set(entry) for entry in report[listed]] == kept
        assert set(report[listed][0]) == set(schema["$defs"][name]["properties"])


def test_findings_of_one_cause_have_the_number_of_one_group() -> None:
    first = FAULTY.findings[0]
    elsewhere = replace(first, geometry="n1", cause="", explanation="another")
    found = (first, replace(first, dtype="bfloat16"), elsewhere)

    listed = parsed(replace(FAULTY, findings=found))["findings"]

    assert [entry["group"] for entry in listed] == [1, 1, 2]


def test_no_number_is_null() -> None:
    bits = [float("nan"), float("inf"), -float("inf"), 3.5]
    checks = tuple(row("forward", verdict=Verdict.ROUNDED, effective_bits=b) for b in bits)

    report = parsed(replace(RIGHT, checks=checks, seconds=float("nan")))
    assert [check["effective_bits"] for check in report["checks"]] == [None, None, None, 3.5]
    assert report["seconds"] is None


def test_hostile_text_arrives_as_it_was_but_for_what_has_no_encoding() -> None:
    report = hostile()

    format_json.render(report).encode()
    explanation = parsed(report)["findings"][0]["explanation"]
    assert explanation == report.findings[0].explanation.replace("\ud800", r"\ud800")


def test_the_same_report_gives_the_same_bytes() -> None:
    assert format_json.render(FAULTY) == format_json.render(replace(FAULTY))


def test_no_mark_stands_raw() -> None:
    """A terminal obeys the first two, and reads the others in another order."""
    marks = "\x1b\x9b\x85\u202e\u2066\u200f"
    said = replace(FAULTY.findings[0], explanation=f"a{marks}b")
    written = format_json.render(replace(FAULTY, target=f"t{marks}", findings=(said,)))

    assert not {*marks} & {*written}
    assert json.loads(written)["findings"][0]["explanation"] == f"a{marks}b"
