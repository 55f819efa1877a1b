from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from made_reports import FAULTY, RIGHT, UNJUDGED, finding, hostile, of_size, row

from conv_reference.verification.model.result import Report, Verdict
from conv_reference.verification.report import sarif
from conv_reference.verification.report._source import source
from conv_reference.verification.report.view import Top, View

TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"minLength": 1}}}
LEVEL = {"enum": ["none", "note", "warning", "error"]}


def exactly(**properties: object) -> dict[str, object]:
    """An object with these, all of them, and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


LOCATION = exactly(
    physicalLocation=exactly(
        artifactLocation=exactly(uri={"type": "string", "pattern": r"^[^\s\\:]+$"}),
        region=exactly(startLine={"type": "integer", "minimum": 1}),
    ),
    logicalLocations={"items": exactly(fullyQualifiedName={"type": "string"})},
)
#: What of SARIF 2.1.0 is written, and what code scanning requires of it.
WRITTEN = exactly(
    **{"$schema": {"type": "string"}},
    version={"const": "2.1.0"},
    runs={
        "minItems": 1,
        "maxItems": 1,
        "items": exactly(
            tool=exactly(
                driver=exactly(
                    name={"const": "conv-reference"},
                    version={"type": "string"},
                    rules={
                        "uniqueItems": True,
                        "items": {"required": ["id", "name", "shortDescription"]},
                    },
                )
            ),
            automationDetails=exactly(id={"type": "string", "pattern": "/$"}),
            columnKind={"const": "unicodeCodePoints"},
            invocations={
                "items": exactly(
                    executionSuccessful={"type": "boolean"},
                    toolExecutionNotifications={"items": exactly(level=LEVEL, message=TEXT)},
                )
            },
            results={
                "maxItems": 5_000,
                "items": {
                    "type": "object",
                    "required": ["ruleId", "ruleIndex", "level", "message", "locations"],
                    "properties": {
                        "level": LEVEL,
                        "message": TEXT,
                        "locations": {"minItems": 1, "items": LOCATION},
                        "partialFingerprints": {"additionalProperties": {"type": "string"}},
                    },
                },
            },
            properties={"type": "object"},
        ),
    },
)


def run_of(report: Report, view: View | None = None) -> Any:
    read = json.loads(sarif.render(report, view or View()))
    jsonschema.validate(read, WRITTEN)
    return read["runs"][0]


@pytest.mark.parametrize(
    "report", [RIGHT, FAULTY, hostile(), of_size(50)], ids=["right", "faulty", "hostile", "long"]
)
def test_it_has_what_code_scanning_requires_and_each_result_its_rule(report: Report) -> None:
    run = run_of(report)
    rules = run["tool"]["driver"]["rules"]

    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]


def test_a_fault_is_one_error_with_its_finding_and_what_is_known_is_suppressed() -> None:
    wrong, known = run_of(FAULTY)["results"]

    assert (wrong["level"], wrong["ruleId"]) == ("error", "grad_input")
    assert "should be G[0]·K[1] + G[1]·K[0]" in wrong["message"]["text"]
    assert wrong["properties"]["dtypes"] == ["float32", "float64"]
    assert "suppressions" not in wrong
    assert known["level"] == "note"
    assert known["suppressions"] == [
        {"kind": "external", "justification": "a known defect: empty-batch-2024"}
    ]


def test_a_rule_says_what_is_asserted_and_the_fault_that_it_stands_for() -> None:
    rules = {rule["id"]: rule for rule in run_of(FAULTY)["tool"]["driver"]["rules"]}

    assert rules["grad_input"]["shortDescription"]["text"].startswith("dX")
    assert "It stands for a real fault: " in rules["grad_input"]["help"]["text"]


def test_who_is_merely_permissive_is_warned_unless_that_fails() -> None:
    report = replace(RIGHT, findings=(finding(verdict=Verdict.PERMISSIVE),))

    assert [r["level"] for r in run_of(report)["results"]] == ["warning"]
    assert [r["level"] for r in run_of(replace(report, strict=True))["results"]] == ["error"]


@pytest.mark.parametrize(
    ("report", "successful"),
    [
        (RIGHT, True),
        (FAULTY, True),
        (UNJUDGED, False),
        (replace(RIGHT, interrupted=True), False),
        (replace(RIGHT, judged=10), False),
        (replace(RIGHT, checks=(row("vmap", verdict=Verdict.UNSUPPORTED),)), False),
    ],
)
def test_no_result_means_right_only_where_enough_was_judged(
    report: Report, successful: bool
) -> None:
    (invocation,) = run_of(report)["invocations"]

    assert invocation["executionSuccessful"] is successful
    levels = [n["level"] for n in invocation["toolExecutionNotifications"]]
    assert levels[0] == ("note" if successful else "error")


def test_a_gate_shows_its_own_findings_and_headline() -> None:
    top = Top("wrong", "BROKEN", "1 fault broke", findings=FAULTY.findings[1:2])
    run = run_of(RIGHT, View(top=top))

    assert len(run["results"]) == 1
    (invocation,) = run["invocations"]
    assert "1 fault broke" in invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_a_fault_has_the_same_fingerprint_on_other_cases_and_another_of_its_own() -> None:
    other = finding(geometry="n1 c1 h9 w9 o1 k3 s1 p0 d1 g1", seed=9, index=(0,), occurrences=1)
    marks = [
        run_of(replace(FAULTY, findings=(found,)))["results"][0]["partialFingerprints"]
        for found in (finding(), other, finding(check="forward", quantity="Y"))
    ]

    assert marks[0] == marks[1] != marks[2]


def test_a_targets_text_makes_no_link() -> None:
    (result, *_) = run_of(hostile())["results"]

    assert "[x] (http://evil)" in result["message"]["text"]


def test_the_line_of_the_definition_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src" / "kernels").mkdir(parents=True)
    text = "import torch\n\n\ndef conv(x): ...\n\n\nclass Layer: ...\n\n\nalias = conv\n"
    for place in ("my_conv.py", "src/kernels/__init__.py"):
        (tmp_path / place).write_text(text)

    assert source("my_conv.py:conv") == ("my_conv.py", 4)
    assert source(f"{tmp_path}/my_conv.py:Layer.forward") == ("my_conv.py", 7)
    assert source("kernels:alias") == ("src/kernels/__init__.py", 10)
    assert source("my_conv.py:conv@conv2d@input=NHWC") == ("my_conv.py", 4)
    assert source("my_conv.py:absent") == ("my_conv.py", 1)
    assert source("not.here:conv") == ("not/here.py", 1)
    (tmp_path / "my_conv.py").write_text("def conv(:\n")
    assert source("my_conv.py:conv") == ("my_conv.py", 1)
