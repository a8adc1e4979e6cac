"""Calls on `node.board` that read and write files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import trio

from meshaid.calls import Calls
from meshaid.control_server import Tell
from meshaid.core.imports import read_file
from meshaid.core.publishing import Choice
from meshaid.core.slips import Reading
from meshaid.intake import Imported, Intake, own_reading
from meshaid.outlet import Exported, export_board


class FileCalls(Calls):
    """Bring in files, and write files for others."""

    async def import_file(
        self,
        data: bytes,
        *,
        format: str = "",  # noqa: A002 - the word that people and the command line use
        start: int | None = None,
        where: Mapping[str, str] | None = None,
        columns: Mapping[str, str] | None = None,
        kind: str = "",
        category: str = "",
        labels: Mapping[str, str] | None = None,
        told: Callable[[int, int], None] | None = None,
    ) -> Imported:
        """Bring in a file of slips (CSV, HXL, JSON) or an alert (CAP 1.2) as own records.

        It is written in batches, each durable; the node does other work between them. Importing
        the same file again changes nothing. Bad rows are listed, not raised.

        Args:
          format: csv, hxl, json, jsonl or cap; without it the content tells.
          start: seconds since 1970 from which columns of minutes count; now without it.
          where: only rows whose cell in each of these columns is exactly this.
          columns: the field that a column gives, where its name does not say it.
          kind: need, offer or notice, for rows that do not say theirs.
          category: a code, for rows whose words do not tell one.
          labels: category codes by what the file calls them; they are remembered.
          told: is called in the node's thread after each batch: rows done, and of how many.
        Raises:
          InvalidInput: it is no such file; nothing was written.
          StoreError, StoreFull, RefusedByTrust: what earlier batches wrote stays.
        """
        now = self._now()
        reading = Reading(
            start=now if start is None else start,
            where=where or {},
            columns=columns or {},
            kind=kind,
            category=category,
            labels=labels or {},
        )

        async def tell(done: int, total: int) -> None:  # noqa: ASYNC124 - for `take_in`
            if told is not None:
                told(done, total)

        return await self.take_in(data, format, reading, now, tell)

    async def take_in(
        self, data: bytes, form: str, reading: Reading, now: int, tell: Tell | None
    ) -> Imported:
        """`import_file` for the node: between two batches the store thread is everybody's."""
        prepared = await self._node.work(partial(own_reading, self._desk, reading))
        read = partial(read_file, data, prepared, form=form)
        table = await trio.to_thread.run_sync(read)
        opening = partial(Intake, self._desk, table, now, reading=prepared)
        intake = await self._node.work(opening)
        while await self._node.work(intake.step):
            if tell is not None:
                await tell(intake.done, intake.total)
        return intake.result()

    async def export(
        self,
        format: str,  # noqa: A002 - the word that people and the command line use
        *,
        member: str = "",
        kind: str = "",
        category: str = "",
        status: str = "",
        area: str = "",
        text: str = "",
        private_words: bool = False,
        coarse_points: bool = False,
    ) -> Exported:
        """Write the board, or a part of it, as the bytes of a file (`.data`), with counts.

        Args:
          format: csv, hxl, hxl-json, geojson; html, a sheet to pin up; jsonl, everything without
            loss; automerge, one member's document.
          member: only records of this one: an id, its beginning, a shown name, or "me".
          kind, category, status, area, text: only what fits, as in `records`. Without a status
            tables and maps hold ended records too, the sheet does not.
          private_words: also the words of private matters; jsonl and automerge hold them always.
          coarse_points: in geojson, give needs and offers the point of their hub.
        Raises:
          InvalidInput: no such format or kind; NotFound, Ambiguous: the member.
        """
        choice = Choice(
            kind=kind,
            category=category,
            status=status,
            area=area,
            text=text,
            member=member,
            private_words=private_words,
            coarse_points=coarse_points,
        )
        write = partial(export_board, self._desk, format, self._now(), choice)
        return await self._node.work(write)
