"""The words within formulas."""

from analytic.message import _

IF = _("if")
OTHERWISE = _("otherwise")
AND = _("and")
