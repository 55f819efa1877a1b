from __future__ import annotations

from typing import Any, NoReturn

import pytest

from conv_reference.verification.detection import questions


def test_whatever_is_raised_is_the_answer_to_its_own_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: Any, **__: Any) -> NoReturn:
        raise RuntimeError("no memory")

    monkeypatch.setattr(questions, "put", fails)
    monkeypatch.setattr(questions, "listen", fails)

    for question in (questions.measured, questions.sought):
        outcome = question(("short_index", 3))
        assert (outcome.name, outcome.seed, outcome.found) == ("short_index", 3, None)
        assert outcome.failed == "RuntimeError: no memory"
    assert questions.listened(("fft", 3, 20)).failed == "RuntimeError: no memory"
