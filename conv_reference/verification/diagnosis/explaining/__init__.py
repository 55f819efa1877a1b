"""A finding explained: formulas, a guess at the cause, its words, commands and snippets."""
