"""Try your answer, for a page that others write: its form, what judges it, and its style."""

from __future__ import annotations

from dataclasses import dataclass
from gettext import NullTranslations
from typing import Any

from markupsafe import Markup

from analytic.calculus.gradients import Gradients
from analytic.render import _html_picture, _html_try
from analytic.render._environment import environment, part
from analytic.telling.message import Message
from analytic.telling.picture import picture

#: What the form needs, in order; the derivation's page has them among its other scripts.
_SCRIPTS = ("terms.js", "formula.js", "sums.js", "try.js")


@dataclass(frozen=True)
class AnswerForm:
    """The form and what belongs to it; nothing of it comes from elsewhere.

    A page has one. It sets the colours in which the style is written: --card, --paper, --ink,
    --faint, --line, --lit, --good and --bad.
    """

    markup: Markup  # a section, hidden until the script has run
    script: Markup  # the data and the script, to stand behind it


def answer_form(
    derivation: Gradients, translations: NullTranslations, *, level: int = 2
) -> AnswerForm:
    """Ask for answers on a derivation.

    Args:
        derivation: what they are held against.
        translations: the catalogue of `analytic.locale` in which is asked and answered.
        level: of the heading.

    Example:
        >>> from analytic import Geometry, derive
        >>> "dX[0,0] = 2*G[0,0]*K[0,0]" in answer_form(
        ...     derive(Geometry((2, 3), (1, 2))), NullTranslations()
        ... ).markup
        True
    """

    def say(message: Message) -> str:
        return message.translate(translations, str)

    drawn = picture(derivation)
    words = {name: say(message) for name, message in _html_try.WORDS.items()}
    asked: Any = environment().get_template("try.html.j2").module
    ending: Any = environment().get_template("script.html.j2").module
    script = Markup("".join(map(part, _SCRIPTS)))
    return AnswerForm(
        Markup(asked.form(words, _html_try.forms(drawn), level)),
        Markup(ending.scripts(_html_picture.data(drawn, say), script)),
    )


def answer_style() -> Markup:
    """The style sheet's part for the form."""
    return Markup(part("try.css"))
