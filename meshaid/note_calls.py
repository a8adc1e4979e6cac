"""Calls on `node.board` about sealed notes: contacts and claim codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from meshaid import claims, contacts
from meshaid.calls import Calls
from meshaid.claims import Action, Claimed
from meshaid.contacts import Contact, Contacts


class NoteCalls(Calls):
    """Contacts that only some may read, and slips of visitors."""

    async def contact_add(self, ref: str, text: str = "", *, to: str | Sequence[str]) -> Contact:
        """Attach a contact to one of this member's own records, or let more members read it.

        Args:
          text: at most limits.CONTACT_CHARS characters; empty: the latest contact that is there.
          to: who may read it, one or several: `stewards`, a hub's letter, a member's shown name,
            or 8 characters or more of a member's id. This member itself always may.
        Raises:
          InvalidInput, NotFound, Ambiguous: no such record or reader, another member's record, too
            long, or too many readers.
          RefusedByTrust: a reader's card is not held, or this device lacks its member's key.
          StoreError, StoreFull: nothing was written.
        """
        return await self._node.work(partial(contacts.add, self._desk, ref, text, to, self._now()))

    async def contact_show(self, ref: str) -> Contacts:
        """The contacts at any record that this member may read.

        Raises:
          InvalidInput, NotFound, Ambiguous: the record cannot be told.
          RefusedByTrust: this device lacks its member's key, and there is something to open.
        """
        return await self._node.work(partial(contacts.show, self._desk, ref, self._now()))

    async def contact_erase(self, ref: str) -> int:
        """Erase every contact of this member at its record, on every honest device, for good.

        Returns:
          How many there were.
        Raises:
          InvalidInput, NotFound, Ambiguous: there is none.
          RefusedByTrust, StoreError, StoreFull: nothing was erased.
        """
        return await self._node.work(partial(contacts.erase, self._desk, ref, self._now()))

    async def claim(
        self,
        ref: str,
        code: str,
        action: Action,
        *,
        reason: str = claims.DEFAULT_REASON,
        fields: Mapping[str, object] | None = None,
    ) -> Claimed:
        """See (`show`), correct (`edit`) or close a slip with the code that its visitor brought.

        At a hub that does not keep the slip only `close` does something: it is flagged as done.

        Raises:
          InvalidInput, NotFound, Ambiguous: no such slip, code or action, or a field does not fit.
          RefusedByTrust: the code is wrong, or there were too many wrong ones.
          StoreError, StoreFull: nothing was written.
        """
        work = partial(
            claims.claim,
            self._desk,
            ref,
            code,
            action,
            self._now(),
            reason=reason,
            fields=fields,
        )
        return await self._node.work(work)

    async def claim_code(self, ref: str) -> str:
        """Six digits for whoever an own slip is for, told only now; an earlier code ends.

        Raises:
          InvalidInput, NotFound, Ambiguous: it is no slip of this member.
          RefusedByTrust: this device has not met its siblings yet, or was removed.
          StoreError, StoreFull: nothing was written.
        """
        return await self._node.work(partial(claims.make_code, self._desk, ref, self._now()))
