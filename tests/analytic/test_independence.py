"""The derivation stands alone, at run time too: every module of it loaded, everything used."""

from __future__ import annotations

import json
import subprocess
import sys

LOAD = """
import json, pkgutil, sys
from importlib import import_module
import analytic, analytic.theorem
names = [m.name for m in pkgutil.walk_packages(analytic.__path__, "analytic.")]
loaded = [import_module(name).__name__ for name in names if not name.endswith("__main__")]
geometry = analytic.Geometry(3, 2, stride=2, padding=1, bias=True)
derivation = analytic.derive(geometry)
assert derivation.holds
documents = [
    derivation.document,
    derivation.with_values(analytic.parse_values("", geometry)),
    analytic.theorem.theorem(),
]
for name in analytic.render.formats():
    for document in documents:
        assert analytic.render.renderer(name)(document, analytic.locale.translations("he"))
assert "torch" in analytic.generate(geometry, library="torch").source
analytic.generate(geometry).function
print(json.dumps([loaded, sorted({name.split(".")[0] for name in sys.modules})]))
"""

START = """
import sys
sys.argv = ["analytic"]
import runpy
try:
    runpy.run_module("analytic", run_name="__main__")
except SystemExit:
    pass
print("\\n" + " ".join({name.split(".")[0] for name in sys.modules}))
"""


def output(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        encoding="utf-8",
        env={"PYTHONIOENCODING": "utf-8"},
    )
    return done.stdout


def test_no_module_of_the_derivation_loads_what_it_is_compared_with() -> None:
    loaded, packages = json.loads(output(LOAD))
    assert {"analytic.theorem.general", "analytic.render.html", "analytic.calculus.values"} <= set(
        loaded
    )
    assert "sympy" in packages
    assert not {"torch", "conv_reference", "scipy", "jax"} & set(packages)


def test_the_command_starts_without_numpy() -> None:
    packages = output(START).splitlines()[-1].split()
    assert "sympy" in packages
    assert not {"torch", "conv_reference", "numpy"} & set(packages)
