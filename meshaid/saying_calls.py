"""Calls on `node.board` by which a member says something about a record: it writes a record of its
own about it, a pledge, a receipt or a flag.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial

from meshaid import flagging, promises, receipts
from meshaid.calls import Calls
from meshaid.cautions import Said


class SayingCalls(Calls):
    """Pledges, receipts and flags."""

    async def pledge(
        self,
        need: str,
        *,
        quantity: str | int | Decimal | None = None,
        unit: str = "",
        whole: bool | None = None,
        offer: str = "",
        eta: int | str | None = None,
        hold_until: int | str | None = None,
        text: str = "",
    ) -> Said:
        """Promise what a need asks for, or a part of it.

        A promise of this member on this need whose hold has run out is renewed instead of a second
        one. More than was asked is never refused; `warnings` tells of it.

        Args:
          need: names the need; a whole id may be of one that has not come here yet.
          quantity: text, int or Decimal in `unit`. Without one it is all that is still open, but no
            more than is left of the offer; none if the need says no amount.
          unit: that of the need unless said.
          whole: True for all that is still open; False for a part of which nobody can say how much.
          offer: names an own offer that it is taken from.
          eta: when it comes, in seconds since 1970 or ISO 8601.
          hold_until: how long others may count on it; 24 hours, or until `eta` if that is later.
          text: a few words; everybody reads them.
        Returns:
          Said of the pledge and the need.
        Raises:
          InvalidInput: nothing is open and no quantity is said; the offer is another member's; a
            field does not fit.
          NotFound, Ambiguous: the need or the offer cannot be told.
          StoreError, StoreFull: nothing was written.
        """
        work = partial(
            promises.pledge,
            self._desk,
            need,
            self._now(),
            quantity=quantity,
            unit=unit,
            whole=whole,
            offer=offer,
            eta=eta,
            hold_until=hold_until,
            text=text,
        )
        return await self._node.work(work)

    async def withdraw(self, ref: str) -> Said:
        """Take an own promise back: it will not come.

        Args:
          ref: names the pledge, or its need if this member has one pledge there that can be meant.
        Returns:
          Said of the pledge and the need.
        Raises:
          InvalidInput: another member's pledge; or it was received already.
          NotFound, Ambiguous: the pledge cannot be told.
          StoreError, StoreFull: nothing was written.
        """
        return await self._state(ref, "withdrawn")

    async def handed_over(self, ref: str) -> Said:
        """Say that an own promise was handed over; it counts as received once its need's owner says
        so. Arguments and errors as of `withdraw`.
        """
        return await self._state(ref, "handed_over")

    async def failed(self, ref: str) -> Said:
        """Say that an own promise could not be kept. Arguments and errors as of `withdraw`."""
        return await self._state(ref, "failed")

    async def returned(self, ref: str) -> Said:
        """Say that what was lent came back; its offer is free again. Arguments and errors as of
        `withdraw`, but it may have been received.
        """
        return await self._state(ref, "returned")

    async def _state(self, ref: str, state: str) -> Said:
        work = partial(promises.set_state, self._desk, ref, state, self._now())
        return await self._node.work(work)

    async def accept(self, ref: str, *, text: str = "") -> Said:
        """Answer a promise on an own need: yes, please bring it. Changes an earlier answer.

        Args:
          ref: names the pledge, or the need if one pledge is live there.
          text: a few words; everybody reads them.
        Returns:
          Said of the receipt and the need.
        Raises:
          InvalidInput: the need is another member's; or all of it was received.
          NotFound, Ambiguous: the pledge cannot be told.
          StoreError, StoreFull: nothing was written.
        """
        return await self._answer(ref, "accepted", text)

    async def decline(self, ref: str, *, text: str = "") -> Said:
        """Answer a promise on an own need: no longer wanted; it counts no more. As `accept`."""
        return await self._answer(ref, "declined", text)

    async def not_received(self, ref: str, *, text: str = "") -> Said:
        """Say that nothing came by a promise on an own need: its amount is open again. As `accept`,
        but it also takes back a receipt that was written by mistake.
        """
        return await self._answer(ref, "not_received", text)

    async def _answer(self, ref: str, result: str, text: str) -> Said:
        work = partial(receipts.answer, self._desk, ref, result, self._now(), text=text)
        return await self._node.work(work)

    async def receive(
        self,
        ref: str,
        *,
        quantity: str | int | Decimal | None = None,
        unit: str = "",
        whole: bool | None = None,
        more_coming: bool | None = None,
        condition: str = "",
        text: str = "",
    ) -> Said:
        """Say what came, by a pledge or without one.

        A need that is named without an amount means its one live pledge, if it has any. A need that
        is named with an amount, or with `whole`, gets a receipt without a pledge.

        Args:
          ref: names the pledge or the need; a whole id may be of a need that has not come here yet.
          quantity: text, int or Decimal in `unit`. Without one it is what the pledge still
            promises, or all of the need that has not come yet; none if those say no amount.
          unit: that of the pledge or the need unless said.
          whole: True for all of it; False for a part of which nobody can say how much.
          more_coming: whether the rest of the pledge stays promised; else the receipt settles it.
          condition: good, damaged or wrong.
          text: a few words; everybody reads them.
        Returns:
          Said of the receipt and the need. A receipt on another member's need does not count; it is
          shown as "says it was handed over".
        Raises:
          InvalidInput: all was received before and no amount is said; a field does not fit.
          NotFound, Ambiguous: the need or the pledge cannot be told.
          StoreError, StoreFull: nothing was written.
        """
        work = partial(
            receipts.receive,
            self._desk,
            ref,
            self._now(),
            quantity=quantity,
            unit=unit,
            whole=whole,
            more_coming=more_coming,
            condition=condition,
            text=text,
        )
        return await self._node.work(work)

    async def flag(self, ref: str, reason: str, *, other: str = "", text: str = "") -> Said:
        """Point out something about a record; nothing is deleted by it.

        This member's flag of the same reason is opened again.

        Args:
          reason: duplicate, wrong_category, wrong_area, wrong_amount, seems_done, confirms,
            disputes, unsafe, personal_data, spam or abuse.
          other: for a duplicate, names the record that should stay.
          text: a few words; everybody reads them.
        Returns:
          Said of the flag and its target. A flag on an own record does not count.
        Raises:
          InvalidInput: no such reason; a duplicate without `other`, or of itself; confirms and
            disputes are for notices.
          NotFound, Ambiguous: a record cannot be told.
          StoreError, StoreFull: nothing was written.
        """
        work = partial(flagging.flag, self._desk, ref, reason, self._now(), other=other, text=text)
        return await self._node.work(work)

    async def hide(self, ref: str, reason: str) -> Said:
        """Hide a record on every board, as a steward.

        Args:
          reason: spam, abuse, unsafe; or personal_data, which takes its words away.
        Raises:
          RefusedByTrust: this member is no steward.
          InvalidInput, NotFound, Ambiguous, StoreError, StoreFull: as `flag`.
        """
        return await self._node.work(partial(flagging.hide, self._desk, ref, reason, self._now()))

    async def unhide(self, ref: str) -> Said:
        """Take back every flag of this member that hides a record.

        Raises:
          RefusedByTrust: this member is no steward.
          NotFound: this member hides nothing of it. Ambiguous, InvalidInput.
          StoreError, StoreFull: nothing was written.
        """
        return await self._node.work(partial(flagging.unhide, self._desk, ref, self._now()))
