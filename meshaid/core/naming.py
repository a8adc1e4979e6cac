"""Which record of a board somebody means: by a spoken code, an id, or an id's beginning.

Source: docs/protocol.md, "Spoken codes" and "Ids".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, final

from meshaid.core import spoken
from meshaid.core.folding import values_of
from meshaid.core.records import Record
from meshaid.errors import Ambiguous, NotFound

_MATCHES_LISTED: Final = 20


@final
class Names:
    """The names to which the records of one board answer."""

    def __init__(
        self,
        records: Mapping[str, Record],
        aliases: Mapping[str, str],
        described: Callable[[Record], str],
        collapsed: Callable[[Record], bool],
    ) -> None:
        """Prepare.

        Args:
          records: by reference.
          aliases: references of folded copies, to the reference of the record that stands for them.
          described: a record in one line, for a choice between several.
          collapsed: whether flags have folded a record away.
        """
        self._records = records
        self._aliases = aliases
        self._described = described
        self._collapsed = collapsed

    def find(self, text: str, *, member: str = "") -> Record:
        """The one record that answers to a text; raises as `Board.find` says."""
        code = spoken.parse_spoken(text) if self._means_code(text) else ""
        found = self._by_code(code) if code else self._by_id(text.strip().lower())
        if len(found) > 1:
            found = self._likelier(found, member)
        if not found:
            raise NotFound(
                "nothing on this board answers to that; `meshaid board` lists what there is"
            )
        if len(found) > 1:
            listed = tuple(found[:_MATCHES_LISTED])
            raise Ambiguous(
                f"{len(found)} records answer to that; give more of the id, as listed",
                listed,
                tuple(self._described(self._records[reference]) for reference in listed),
            )
        return self._records[found[0]]

    def _likelier(self, found: list[str], member: str) -> list[str]:
        """Of several those of the member that is meant; else those that nobody folded away.

        So whoever copies the codes of others takes nothing from a desk's own slips, and stewards
        can give everybody the code back.
        """
        own = [reference for reference in found if reference.startswith(f"{member}/")]
        seen = [name for name in found if not self._collapsed(self._records[name])]
        return own or seen or found

    def _means_code(self, text: str) -> bool:
        """Whether a text is a spoken code, and not by chance the beginning of a record id."""
        if not spoken.looks_spoken(text):
            return False
        return not self._by_id(text.strip().lower()) or bool(self._by_code(text.strip().upper()))

    def _by_code(self, code: str) -> list[str]:
        return sorted(
            record.reference
            for record in self._records.values()
            if code in values_of(record, "ref")
        )

    def _by_id(self, beginning: str) -> list[str]:
        """References that begin with this, or whose record id does, sorted."""
        if not beginning:
            return []
        names = {**{ref: ref for ref in self._records}, **self._aliases}
        found = {
            shown
            for name, shown in names.items()
            if name.startswith(beginning) or name.partition("/")[2].startswith(beginning)
        }
        return sorted(found)
