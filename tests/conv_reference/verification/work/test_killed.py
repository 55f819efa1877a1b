"""Whatever becomes of a process of a run, at whatever moment: the command ends, and says how."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from conv_reference.verification.work import descent
from conv_reference.verification.work.processes import FORKS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FORKS, reason="elsewhere the system does not list them"),
]
COMMAND = [
    sys.executable, "-m", "conv_reference.cli", "verify", "torch.nn.functional:conv2d",
    "--workers", "2", "--seed", "3", "--cases", "120", "--dtype", "float32", "--known", "none",
]  # fmt: skip
MOST = 6.0  # seconds that such a run takes on an idle machine
LIMIT = 250.0  # seconds: stopped ones are waited for, each as long as a hang


def struck(folder: Path, seed: int) -> tuple[int, str, str]:
    """A run of which one process is killed or stopped at some moment: its status and what it says.

    Args:
        folder: that it runs in.
        seed: of the moment, the process and the signal.
    """
    drawn = Random(seed)
    run = subprocess.Popen(
        COMMAND, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with run:
        time.sleep(drawn.uniform(0.5, MOST))
        found = sorted(descent.descendants(run.pid))
        if found:
            kind = drawn.choice([signal.SIGKILL, signal.SIGSTOP])
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(drawn.choice(found), kind)
        try:
            output, errors = run.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            descent.end_descendants(run.pid)
            run.kill()
            raise
    while any(_is_there(number) for number in found):  # the test's time limit is the measure
        time.sleep(0.05)
    return run.returncode, output, errors


def _is_there(number: int) -> bool:
    seen = descent.seen(number)
    return seen is not None and not seen.has_ended


def require_end(status: int, output: str, errors: str) -> None:
    """A report, or one line."""
    assert "Traceback" not in errors
    if status == 2 and not output:
        assert len(errors.strip().splitlines()) >= 1
        assert "cannot " in errors
    else:
        assert status in {0, 1}
        assert output.startswith("torch.nn.functional:conv2d: ")


@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", range(3))
def test_a_run_of_which_a_process_is_struck_ends(tmp_path: Path, seed: int) -> None:
    require_end(*struck(tmp_path, seed))
