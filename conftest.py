"""Hypothesis profiles and the examples in Markdown, for our own tests."""

from __future__ import annotations

import os

from hypothesis import settings
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

# Before torch is imported: threads that spin while they wait take the processor from the other
# workers of pytest-xdist, and the tests take three times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# A slow machine is no fault of the code: no deadline anywhere.
settings.register_profile("default", deadline=None, max_examples=100)
settings.register_profile(
    "ci", parent=settings.get_profile("default"), max_examples=50, print_blob=True
)
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=5_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# To copy, or standalone: they import what is not installed here, or show a crash.
collect_ignore_glob = ["docs/ci/*.py", "docs/found/*.py", "docs/conf.py"]
collect_ignore_glob += ["conv_reference/adapters/[!_]*.py"]  # of frameworks that are not here

pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser()],
    patterns=["*.md"],
    excludes=["CHANGELOG.md", "contributing.md", "frameworks.md", "kernels.md"],  # have their tests
).pytest()
