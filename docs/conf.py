"""The site over the Markdown that lies here: ``make site`` writes it into ``build/site``."""

import re
from typing import Any

from conv_reference.verification import options

project = "conv-reference"
html_title = "conv-reference"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["ci"]
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]  # what the theme leaves out for who does not see the page
html_copy_source = html_show_sourcelink = False
smartquotes = False  # options begin with two hyphens
html_show_copyright = False
html_show_sphinx = False
myst_heading_anchors = 3
# The names of types are long, and an argument's meaning stands in its docstring.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 90


def _with_values(*given: Any) -> tuple[str, str | None] | None:
    """A default that is an option's reads as its value."""
    signature, returns = given[-2:]
    if not signature:
        return None

    def value(found: re.Match[str]) -> str:
        return repr(getattr(options, found[1]).default)

    return re.sub(r"\boptions\.([A-Z_]+)\.default", value, signature), returns


def setup(app: Any) -> None:
    """Sphinx calls it."""
    app.connect("autodoc-process-signature", _with_values)
