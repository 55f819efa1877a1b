"""Every option of a run, once and without torch: its name, default, choices, range and words.

The command's parser, the pytest plugin, the gate's record and ``verify`` read them from here, so
that an option is called, limited and explained in one way everywhere; and what is outside its
range is refused before torch is imported and processes are started.

The pytest plugin loads this folder by itself, without the packages above it: what is imported at
the top of its modules is Python's alone, and they name one another relatively. An option
is a name of this package by being in one of them.
"""

from __future__ import annotations

from . import gate, judged, place, report, tried
from .gate import *
from .judged import *
from .option import *
from .option import Option
from .place import *
from .report import *
from .tried import *

#: All of them, as ``--help`` lists them: as they stand in the modules.
OPTIONS: tuple[Option, ...] = tuple(
    found
    for module in (tried, judged, place, report, gate)
    for found in vars(module).values()
    if isinstance(found, Option)
)
RECORDED: tuple[Option, ...] = tuple(option for option in OPTIONS if option.recorded)
