from __future__ import annotations

import gc

import pytest

from conv_reference.verification.work.importing import uncollected


def test_nothing_is_collected_meanwhile_nor_later() -> None:
    assert gc.isenabled()
    before = gc.get_freeze_count()
    with uncollected():
        assert not gc.isenabled()
        made = {"by": "an import"}
    try:
        assert gc.isenabled()
        assert gc.get_freeze_count() > before
        assert not any(found is made for found in gc.get_objects())
    finally:
        gc.unfreeze()


def test_who_has_switched_collections_off_keeps_it_so() -> None:
    gc.disable()
    try:
        with pytest.raises(ImportError), uncollected():
            raise ImportError
        assert not gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()
