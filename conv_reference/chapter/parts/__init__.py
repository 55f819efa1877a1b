"""The parts of the page: each computes its numbers, then draws its figures from them."""

from __future__ import annotations

from conv_reference.chapter.parts.advantages import Advantages
from conv_reference.chapter.parts.code import Code
from conv_reference.chapter.parts.exercise_1 import Exercise1
from conv_reference.chapter.parts.exercise_2 import Exercise2
from conv_reference.chapter.parts.exercise_3 import Exercise3
from conv_reference.chapter.parts.experiment import Experiment
from conv_reference.chapter.parts.filters import Filters
from conv_reference.chapter.parts.material import Part
from conv_reference.chapter.parts.own import Own

# In the order of the page; the names are those of --only, and of the templates.
PARTS: dict[str, type[Part]] = {
    "code": Code,
    "experiment": Experiment,
    "filters": Filters,
    "exercise-1": Exercise1,
    "exercise-2": Exercise2,
    "exercise-3": Exercise3,
    "advantages": Advantages,
    "check-your-own": Own,
}
