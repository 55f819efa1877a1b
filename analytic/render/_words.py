"""The words within formulas."""

from analytic.telling.message import _

IF = _("if")
OTHERWISE = _("otherwise")
AND = _("and")
