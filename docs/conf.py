"""The site over the Markdown that lies here: ``make site`` writes it into ``build/site``."""

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
