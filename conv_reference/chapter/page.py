"""The chapter's page: the parts' numbers and figures in one self-contained HTML file."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from gettext import NullTranslations
from typing import Any

import jinja2
import sympy as sp
from markupsafe import Markup

from analytic.locale import translations as derived
from analytic.render.html import answer_form, answer_style, kept_together
from conv_reference.chapter import equations, writing
from conv_reference.chapter.figures.theme import page_style, svg
from conv_reference.chapter.language import LANGUAGES, translations
from conv_reference.chapter.parts.material import Gettext, Part
from conv_reference.chapter.statements import claims

_ALL = 60_000  # images that a command takes where it names no number


@dataclass(frozen=True)
class Page:
    """What is on the page, beside its parts."""

    language: str
    options: tuple[str, ...]  # of the command, those that differ from the defaults
    images: int
    quick: bool
    source: str  # where the images come from
    genuine: bool  # whether they are Fashion-MNIST, to the last pixel
    minutes: float  # that the computation took
    versions: str
    animation: str | None = None  # a data URI
    sections: Mapping[str, Part] = field(default_factory=dict)
    embedded: bool = False  # in a notebook: the parts alone, without what surrounds them

    def command(self, part: str | None = None, *, run_of: int | None = None) -> str:
        """The command that repeats the page, one of its parts, or the run alone.

        Args:
            part: its name.
            run_of: on how many images the run was; then no page is written.
        """
        words = ["conv-reference", "chapter", *self.options]
        if run_of is None:
            words += ["--html", f"{part or 'chapter'}.html"]
            words += ["--quick"] if self.quick else []
            words += ["--only", part] if part is not None else []
        elif run_of != _ALL and "--images" not in self.options:
            words += ["--images", str(run_of)]
        words += ["--language", self.language] if self.language != "en" else []
        return shlex.join(words)


def render(page: Page) -> str:
    """The page as HTML.

    Raises:
        ValueError: when the language is unknown.
    """
    catalogue = translations(page.language)
    environment = _environment(catalogue, page.language)
    with page_style():
        drawings = {
            name: {
                figure: svg(drawn, f"{name}-{figure}")
                for figure, drawn in part.figures(catalogue.gettext).items()
            }
            for name, part in page.sections.items()
        }
    template = environment.get_template("page.html")
    written = template.render(
        page=page,
        direction=LANGUAGES[page.language],
        drawings=drawings,
        sections=list(page.sections.items()),
    )
    return kept_together(written, right_to_left=LANGUAGES[page.language] == "rtl")


def titles(_: Gettext) -> dict[str, str]:
    """The parts' titles."""
    return {
        "code": _("The layer, and what is said of it"),
        "experiment": _("The experiment"),
        "filters": _("Other filters, other layers"),
        "exercise-1": _("Exercise 1: raw pixels"),
        "exercise-2": _("Exercise 2: the first kernel"),
        "exercise-3": _("Exercise 3: the gradients"),
        "advantages": _("The four advantages"),
        "check-your-own": _("Check your own"),
    }


def _environment(catalogue: NullTranslations, language: str) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("conv_reference.chapter", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    i18n: Any = environment
    i18n.install_gettext_translations(catalogue, newstyle=True)
    environment.globals |= {
        "n": writing.number,
        "plain": writing.plain_number,
        "percent": writing.percent,
        "code": writing.code,
        "math": writing.formula,
        "named": writing.named,
        "derivative": writing.derivative,
        "aligned": equations.aligned,
        "latex": sp.latex,
        "described": writing.described,
        "titles": titles(catalogue.gettext),
        "claims": claims(catalogue.gettext),
        "prose": writing.prose,
        "say": catalogue.gettext,
        # What asks a command for the images and the language of the page.
        "of_images": lambda count: "" if count == _ALL else f" --images {count}",
        "language_option": "" if language == "en" else f" --language {language}",
        "answer_form": partial(answer_form, translations=derived(language), level=3),
        "answer_style": answer_style(),
        "Markup": Markup,
    }
    environment.filters["math"] = writing.formula
    return environment
