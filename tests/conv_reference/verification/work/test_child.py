from __future__ import annotations

import pytest

from conv_reference.verification.work.child import last_words

GLOG = """\
I0000 00:00:17.4 4711 service.cc:152] XLA service initialized
F0000 00:00:17.9 4711 array.h:512] Check failed: n < sizes_[0] (7 vs. 5)
*** Check failure stack trace: ***
    @     0x7f1c2a3b4c5d  (unknown)
    @     0x7f1c2a3b4c9e  (unknown)
"""


@pytest.mark.parametrize(
    ("said", "last"),
    [
        (GLOG, "F0000 00:00:17.9 4711 array.h:512] Check failed: n < sizes_[0] (7 vs. 5)"),
        ("warning\nfree(): invalid pointer\n", "free(): invalid pointer"),
        ("    #0 0x55d0 in main a.c:3\n", "#0 0x55d0 in main a.c:3"),
        ("", ""),
    ],
    ids=["a check failed", "no stack", "a stack alone", "nothing"],
)
def test_what_is_above_a_stack_says_why_a_process_ended(said: str, last: str) -> None:
    assert last_words(said).strip() == last
