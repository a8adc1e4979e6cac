"""Calls on `node.board` that write and read records."""

from __future__ import annotations

from functools import partial

from meshaid import entry, lists
from meshaid.calls import Calls
from meshaid.core.rows import Row
from meshaid.entry import Checked, Emergency, Entered
from meshaid.lists import Page, Shown


class RecordCalls(Calls):
    """Write needs, offers, notices and the own hub's page; read the board."""

    async def add_need(self, /, title: str, **fields: object) -> Row:
        """Write a need.

        Raises:
          InvalidInput: fields that do not fit, each with a sentence in `fields`.
          StoreError, StoreFull: nothing was written.
        """
        return await self.add("need", title=title, **fields)

    async def add_offer(self, /, title: str, **fields: object) -> Row:
        """Write an offer. Raises as `add_need`."""
        return await self.add("offer", title=title, **fields)

    async def add_notice(self, /, title: str, **fields: object) -> Row:
        """Write a notice. Raises as `add_need`."""
        return await self.add("notice", title=title, **fields)

    async def add(self, /, kind: str, **fields: object) -> Row:
        """Write a record of any kind. Raises as `add_need`."""
        return await self._node.work(partial(self._desk.add, kind, fields, self._now()))

    async def enter(self, /, kind: str, *, claim: bool | None = None, **fields: object) -> Entered:
        """Write a record as a desk does for a visitor: with a claim code, and what is odd about it.

        Args:
          claim: whether to draw a claim code; None draws one when a hub enters a need or an offer
            for somebody (`on_behalf_of`).
        Returns:
          Entered of the row, the code (told only now) and warnings.
        Raises:
          InvalidInput, StoreError, StoreFull: as `add_need`.
        """
        work = partial(entry.enter, self._desk, kind, fields, self._now(), claim=claim)
        return await self._node.work(work)

    async def check(self, /, kind: str, **fields: object) -> Checked:
        """What to know before a record is saved: contacts in free text, possible duplicates (at
        most 5), and what to do at once if a life is at risk. Nothing is written.

        Raises:
          InvalidInput: as `add_need`.
        """
        return await self._node.work(partial(entry.check, self._desk, kind, fields, self._now()))

    async def emergency(self, area: str = "") -> Emergency:
        """What to do when a life is at risk, in the words of the own hub, or of the area's."""
        return await self._node.work(partial(entry.emergency, self._desk, self._now(), area))

    async def hub(self, /, **fields: object) -> Row:
        """This hub's own page: made, or changed by these fields; without fields only shown.

        Raises:
          InvalidInput: this member is no hub, or a field does not fit.
          NotFound: there is none yet, and no field was given.
          StoreError, StoreFull: nothing was written.
        """
        return await self._node.work(partial(entry.own_hub, self._desk, fields, self._now()))

    async def edit(self, /, ref: str, **fields: object) -> Row:
        """Change one of this member's own records; a value of None takes a field away.

        Several values of a field ("2 answers") are settled by setting it.

        Raises:
          InvalidInput: another member's record, or fields that do not fit.
          NotFound, Ambiguous: the record cannot be told.
          StoreError, StoreFull: nothing was written.
        """
        return await self._node.work(partial(self._desk.edit, ref, fields, self._now()))

    async def close(self, ref: str, reason: str, *, duplicate_of: str = "") -> Row:
        """Close one of this member's own needs, offers or hubs; a notice is withdrawn.

        Args:
          reason: one of `schema.CLOSED_REASONS`.
          duplicate_of: for the reason duplicate, names the record that stays.
        Raises:
          InvalidInput, NotFound, Ambiguous, StoreError, StoreFull: as `edit`.
        """
        close = partial(self._desk.close, ref, reason, self._now(), duplicate_of=duplicate_of)
        return await self._node.work(close)

    async def pause(self, ref: str) -> Row:
        """Ask for nothing more, or give nothing more, for the time being. Raises as `edit`."""
        return await self._node.work(partial(self._desk.pause, ref, self._now()))

    async def reopen(self, ref: str) -> Row:
        """Open what was closed, paused, withdrawn or expired, for a whole new term.

        On what is open it says that it is still true. Raises as `edit`.
        """
        return await self._node.work(partial(self._desk.reopen, ref, self._now()))

    async def show(self, ref: str) -> Row:
        """One record, ended or not. Raises NotFound, Ambiguous, InvalidInput."""
        return (await self.look(ref)).row

    async def look(self, ref: str) -> Shown:
        """One record, ended or not, and the pledges, receipts and flags that name it.

        Raises NotFound, Ambiguous, InvalidInput.
        """
        return await self._node.work(partial(lists.look, self._desk, ref, self._now()))

    async def records(
        self,
        *,
        kind: str = "",
        category: str = "",
        status: str = "",
        text: str = "",
        area: str = "",
        mine: bool = False,
        attention: bool = False,
        sort: str = "urgency",
        hidden: bool = False,
    ) -> list[Row]:
        """All rows that fit, in the order asked for. Arguments and errors as of `page`."""
        page = await self.page(
            kind=kind,
            category=category,
            status=status,
            text=text,
            area=area,
            mine=mine,
            attention=attention,
            sort=sort,
            hidden=hidden,
        )
        return [*page.rows]

    async def page(
        self,
        *,
        kind: str = "",
        category: str = "",
        status: str = "",
        text: str = "",
        area: str = "",
        mine: bool = False,
        attention: bool = False,
        sort: str = "urgency",
        hidden: bool = False,
        limit: int = 0,
    ) -> Page:
        """Rows of the board, how many more there are, and what is left out and why.

        Args:
          kind: one kind; without it needs, offers and notices.
          category: a code; a group takes in all below it.
          status: one derived state; without it what has not ended; "all" hides nothing.
          text: words that must all stand in the record, in any script; their beginnings will do.
          area: the name of an area, in any case, with or without accents; `warnings` tells of one
            that nobody here names.
          mine: only this member's records.
          attention: only what asks something of everybody, or of this member.
          sort: urgency; waiting (what waits longest first); newest.
          hidden: also what was collapsed by flags.
          limit: at most so many rows, 0 for all; few of one member, so that a flood leaves room.
        Raises:
          InvalidInput: no such kind, category, status or order, too many words, or a limit below 0.
        """
        work = partial(
            lists.page,
            self._desk,
            self._now(),
            kind=kind,
            category=category,
            status=status,
            text=text,
            area=area,
            mine=mine,
            attention=attention,
            sort=sort,
            hidden=hidden,
            limit=limit,
        )
        return await self._node.work(work)
