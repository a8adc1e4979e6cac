"""Which sealed notes are held, in memory: by name, by what they are about, and what is erased.

Rows only; the notes' bytes stay in the ledger. Here is also which notes are too many: a rule about
content alone, so that honest devices that hold the same notes keep the same ones. Of one record, of
one member and of all, those with the smallest ids stay, as with cards: who floods has to grind for
ever smaller ones, and pushes out only its own member's.
Source: docs/protocol.md, "Sealed notes".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Final, TypeAlias

from meshaid import limits
from meshaid.core.ledger import NoteRow
from meshaid.core.notes import NAME_BYTES

About: TypeAlias = tuple[bytes, bytes]
"""Author (32 bytes) and subject (10 bytes)."""

ERASURE: Final = "erasure"


class NoteIndex:
    """Rows of notes. `own` is this device: what it signed itself is never too many."""

    def __init__(self, own: bytes) -> None:
        self._own = own
        self._rows: dict[bytes, NoteRow] = {}
        self._names: dict[bytes, bytes] = {}
        self._about: dict[About, set[bytes]] = {}
        self._by_author: dict[bytes, set[bytes]] = {}
        self._bytes: Counter[bytes] = Counter()
        self._erases: dict[bytes, tuple[bytes, ...]] = {}
        self._erased: Counter[tuple[bytes, bytes]] = Counter()
        self._total_bytes = 0

    # ---- what is there
    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[NoteRow]:
        """All rows, as they are now."""
        return iter(tuple(self._rows.values()))

    def get(self, note_id: bytes) -> NoteRow | None:
        return self._rows.get(note_id)

    def named(self, name: bytes) -> NoteRow | None:
        """The row of the note whose id begins with these 16 bytes."""
        note_id = self._names.get(name)
        return self._rows[note_id] if note_id is not None else None

    def about(self, author: bytes, subject: bytes) -> list[NoteRow]:
        """The rows about one subject, in the order of their ids."""
        return [self._rows[note_id] for note_id in sorted(self._about.get((author, subject), ()))]

    def erasures(self, author: bytes, subject: bytes) -> list[frozenset[bytes]]:
        """What each erasure about one subject names, in the order of their ids."""
        rows = self.about(author, subject)
        return [frozenset(self._erases[row.id]) for row in rows if row.id in self._erases]

    def erased_by(self, note_id: bytes) -> frozenset[bytes]:
        """The ids that this erasure names."""
        return frozenset(self._erases.get(note_id, ()))

    def is_erased(self, author: bytes, name: bytes) -> bool:
        """Whether a held erasure of this author names this note of its own."""
        return (author, name[:NAME_BYTES]) in self._erased

    def highest_number(self, author: bytes) -> int:
        """The highest number on this author's notes; 0 when there are none."""
        rows = (self._rows[note_id] for note_id in self._by_author.get(author, ()))
        return max((row.number for row in rows), default=0)

    # ---- coming and going
    def add(self, row: NoteRow, erased: Iterable[bytes] = ()) -> None:
        """Hold a row, in place of one with the same id.

        Args:
          erased: the ids that an erasure names.
        """
        self.drop(row.id)
        self._rows[row.id] = row
        self._names[row.id[:NAME_BYTES]] = row.id
        self._about.setdefault((row.author, row.subject), set()).add(row.id)
        self._by_author.setdefault(row.author, set()).add(row.id)
        self._bytes[row.author] += row.size
        self._total_bytes += row.size
        if named := tuple(erased):
            self._erases[row.id] = named
            self._erased.update((row.author, each[:NAME_BYTES]) for each in named)

    def drop(self, note_id: bytes) -> None:
        """Forget a row; one that is not held is no error."""
        row = self._rows.pop(note_id, None)
        if row is None:
            return
        del self._names[note_id[:NAME_BYTES]]
        self._about[row.author, row.subject].discard(note_id)
        self._by_author[row.author].discard(note_id)
        self._bytes[row.author] -= row.size
        self._total_bytes -= row.size
        for erased in self._erases.pop(note_id, ()):
            key = (row.author, erased[:NAME_BYTES])
            self._erased[key] -= 1
            if not self._erased[key]:
                del self._erased[key]

    # ---- too many
    def surplus(self, touched: Collection[About]) -> set[bytes]:
        """The ids of notes that are too many after notes about these came in."""
        gone: set[bytes] = set()
        for about in set(touched):
            gone |= self._beyond(self._about.get(about, set()), limits.NOTES_PER_RECORD)
        for author in {author for author, _ in touched}:
            held = self._by_author.get(author, set())
            if len(held) > limits.NOTES_PER_MEMBER or (
                self._bytes[author] > limits.NOTE_BYTES_PER_MEMBER
            ):
                gone |= self._beyond(
                    held - gone, limits.NOTES_PER_MEMBER, limits.NOTE_BYTES_PER_MEMBER
                )
        if len(self) > limits.MAX_NOTES or self._total_bytes > limits.MAX_NOTES_BYTES:
            gone |= self._beyond_all(gone)
        return gone

    def _beyond(self, held: Iterable[bytes], count: int, size: int | None = None) -> set[bytes]:
        """Of these, what is beyond so many notes or bytes; erasures are counted by themselves."""
        gone: set[bytes] = set()
        rows = [self._rows[note_id] for note_id in sorted(held)]
        for erasures in (False, True):
            left, room = count, size
            for row in rows:
                if (row.kind == ERASURE) is not erasures:
                    continue
                left -= 1
                room = None if room is None else room - row.size
                if (left < 0 or (room is not None and room < 0)) and row.device != self._own:
                    gone.add(row.id)
        return gone

    def _beyond_all(self, gone: set[bytes]) -> set[bytes]:
        """What the members with most lose so that all fit again; ties by member id.

        Too many notes are taken from who has most of them, too many bytes from who has most bytes:
        few large notes of a flooder do not push out the small ones of a hub.
        """
        counts = Counter({author: len(held) for author, held in self._by_author.items()})
        sizes = Counter(self._bytes)
        for row in (self._rows[note_id] for note_id in gone):
            counts[row.author] -= 1
            sizes[row.author] -= row.size
        count, size = counts.total(), sizes.total()
        left: dict[bytes, list[bytes]] = {}
        lost: set[bytes] = set()
        while count > limits.MAX_NOTES or size > limits.MAX_NOTES_BYTES:
            most = counts if count > limits.MAX_NOTES else sizes
            author = max(most, key=lambda one: (most[one], one))
            if author not in left:
                left[author] = sorted(self._by_author[author] - gone)
            if not left[author]:
                break
            row = self._rows[left[author].pop()]
            counts[author] -= 1
            sizes[author] -= row.size
            if row.device != self._own:
                lost.add(row.id)
                count, size = count - 1, size - row.size
        return lost
