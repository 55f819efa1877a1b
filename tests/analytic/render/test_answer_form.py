"""The form for a page that others write: what it holds, and that it needs nothing else."""

from __future__ import annotations

import json
import re
from gettext import NullTranslations

import pytest

from analytic import Geometry, derive
from analytic.locale import languages, translations
from analytic.render.html import answer_form, answer_style

CHAPTER = derive(Geometry((2, 3), (1, 2)))


@pytest.mark.parametrize("language", languages())
def test_the_form_is_hidden_until_its_script_runs(language: str) -> None:
    asked = answer_form(CHAPTER, translations(language), level=3)

    assert '<section id="try" aria-labelledby="try-heading" hidden>' in asked.markup
    assert asked.markup.count("<h3 ") == asked.markup.count("</h3>") == 1
    assert '.getElementById("try").hidden = false' in asked.script
    assert ("Try your answer" in asked.markup) == (language == "en")


def test_its_data_are_those_of_the_derivation() -> None:
    script = answer_form(CHAPTER, NullTranslations()).script
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', script)

    assert found is not None
    data = json.loads(found[1])
    assert data["tensors"]["X"]["shape"] == [1, 1, 2, 3]
    assert "does not belong there" in data["words"]["superfluous"]


def test_the_style_names_the_colours_that_a_page_sets() -> None:
    assert set(re.findall(r"var\((--\w+)\)", answer_style())) == {
        *("--card", "--paper", "--ink", "--faint", "--line", "--lit", "--good", "--bad")
    }
