"""The README for students in Hebrew: its commands are taken and answer in Hebrew."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from markdown_it import MarkdownIt

from conv_reference.chapter.language import translations
from conv_reference.chapter.page import titles
from conv_reference.cli import command_parser
from tests.conv_reference.chapter.isolation import scrambled

README = Path(__file__).parents[3] / "docs" / "he" / "README.md"
TEXT = README.read_text(encoding="utf-8")


def test_its_commands_are_taken_and_ask_for_hebrew() -> None:
    commands = re.findall(r"^\$ (conv-reference .*|python -m analytic .*)$", TEXT, re.MULTILINE)
    assert len(commands) >= 6
    for command in commands:
        assert "--language he" in command
        if command.startswith("conv-reference"):
            command_parser().parse_args(shlex.split(command)[1:])


def test_it_names_the_parts_as_the_page_does() -> None:
    for title in titles(translations("he").gettext).values():
        assert f"| {title.partition(':')[0]} |" in TEXT


def test_nothing_in_it_is_scrambled_from_right_to_left() -> None:
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(TEXT)
    assert html.count('<div dir="rtl"') == html.count("</div>") > 5
    assert list(scrambled(f'<html dir="ltr">{html}</html>')) == []


def test_its_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)]+)\)", TEXT):
        assert (README.parent / link).exists()
