"""The ledger in memory keeps the promises of every ledger."""

from __future__ import annotations

import pytest

from meshaid.core.ledger import Ledger
from meshaid.errors import ClosedError
from meshaid.testing import MemoryLedger
from tests.core.ledger_suite import LedgerSuite, PlannedError, fail_after


class TestMemoryLedger(LedgerSuite):
    @pytest.fixture
    def ledger(self) -> Ledger:
        return MemoryLedger()


def test_a_closed_one_says_so() -> None:
    ledger = MemoryLedger()
    ledger.close()
    ledger.close()
    with pytest.raises(ClosedError):
        ledger.setting("name")
    with pytest.raises(ClosedError), ledger.transaction():
        ledger.put_setting("name", b"value")


def test_reopening_finds_what_was_durable_and_goes_its_own_way() -> None:
    ledger = MemoryLedger()
    with ledger.transaction():
        ledger.put_setting("name", b"durable")
    with pytest.raises(PlannedError):
        fail_after(ledger, lambda: ledger.put_setting("name", b"lost"))
    again = ledger.reopen()
    with ledger.transaction():
        ledger.put_setting("name", b"only here")
    assert again.setting("name") == b"durable"


def test_reopening_in_the_middle_of_a_transaction_finds_nothing_of_it() -> None:
    ledger = MemoryLedger()
    with ledger.transaction():
        ledger.put_setting("name", b"value")
        assert ledger.reopen().setting("name") is None
