"""Records: written through one door, read through another.

Writing (`new_record`, `edit_fields`, `close_fields`) takes what a person or a program entered and
gives the fields to put into the author's document, or raises InvalidInput. Reading (`read_record`)
takes whatever a document holds and never raises: what does not fit the schema is "not readable".
Both are pure; the clock's reading and the spoken code come in as arguments.
Source: docs/protocol.md, "Records".
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, final

from meshaid.core import categories
from meshaid.core.fields import CODE, Value
from meshaid.core.schema import CLOSED_REASONS, KINDS, Kind
from meshaid.core.texts import did_you_mean, one_of
from meshaid.core.together import check_together, faults_together
from meshaid.errors import InvalidInput

Held = Value | Mapping[str, Sequence[str]]
"""A value as a document holds it; a map's entries may still be lists, the winner first."""

FIXED: Final = frozenset({"created_at", "rev", "ref", "import_key"})
"""Set when a record is made and never edited: what differs there is no question to anybody."""
_ENDS: Final = frozenset(
    {"status", "closed_reason", "duplicate_of", "certainty", "state", "expires_at", "hold_until"}
)
"""What ends or pauses a record; that must be possible whatever else an older record lacks."""
_PLAIN: Final = (str, int)
"""Types of nearly all values; asking for them is ten times quicker than asking for a Mapping."""


@final
@dataclass(frozen=True, slots=True, repr=False)
class Record:
    """One record as a document shows it. Its repr holds no content."""

    reference: str
    """Member id, slash, record id."""
    kind: str
    """The kind's code, known or not; empty if the record names none."""
    fields: Mapping[str, Value]
    """Every field but `kind`, known or not, with Automerge's winner."""
    conflicts: Mapping[str, tuple[Value, ...]]
    """Fields that hold several different values, the winner first."""
    readable: bool
    reason: str = ""
    """Why it is not readable: a field and its type, never its content."""
    folded: tuple[str, ...] = ()
    """References of other copies of one import that this record stands for (see the board)."""

    def __repr__(self) -> str:
        return f"<Record {self.kind or '?'} {self.reference} readable={self.readable}>"

    @property
    def member(self) -> str:
        """The id of the member who owns the document."""
        return self.reference.partition("/")[0]

    @property
    def id(self) -> str:
        """The record id within its document."""
        return self.reference.partition("/")[2]

    def text(self, name: str) -> str:
        """A field that is a string, or empty."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> int | None:
        """A field that is an integer, or None."""
        value = self.fields.get(name)
        return value if type(value) is int else None

    def flag(self, name: str) -> bool:
        """Whether a field is true; a missing one is not."""
        return self.fields.get(name) is True


# ---- reading


def read_record(reference: str, held: Mapping[str, Sequence[Held]]) -> Record:
    """The record that a document holds under this reference. Never raises for what it holds.

    Args:
      reference: member id, slash, record id.
      held: every field with its values, Automerge's winner first.
    Returns:
      A Record. It is not readable if it lacks `kind` or `created_at`, or if a known field's winner
      has the wrong type or length. A kind that this version does not know is readable as it is.
      A conflicting value that does not fit is left out of `conflicts`.
    """
    values = {name: _read_values(found) for name, found in held.items() if found}
    kind_code = values.pop("kind", [""])[0]
    if not isinstance(kind_code, str) or CODE.fullmatch(kind_code) is None:
        kind_code = ""
    kind = KINDS.get(kind_code)
    reason = _fault(kind_code, kind, values)
    several = {name: found for name, found in sorted(values.items()) if len(found) > 1}
    if kind is not None:
        for name in several.keys() & kind.fields.keys():
            fits = kind.fields[name].fits
            several[name] = [v for i, v in enumerate(several[name]) if i == 0 or fits(v)]
    return Record(
        reference=reference,
        kind=kind_code,
        fields=MappingProxyType({name: found[0] for name, found in values.items()}),
        conflicts=MappingProxyType(
            {name: tuple(found) for name, found in several.items() if len(found) > 1}
        ),
        readable=not reason,
        reason=reason,
    )


def _fault(code: str, kind: Kind | None, values: Mapping[str, Sequence[Value]]) -> str:
    if not code:
        return "kind: missing, or not a code"
    if kind is None:
        return ""
    if "created_at" not in values:
        return "created_at: missing"
    known = kind.fields
    unfit = {n for n, found in values.items() if n in known and not known[n].fits(found[0])}
    first = next((name for name in known if name in unfit), "") if unfit else ""
    return f"{first}: does not fit {known[first]!r}" if first else ""


def _read_values(found: Sequence[Held]) -> list[Value]:
    if len(found) == 1:  # nearly always
        return [_plain(found[0])]
    return distinct(map(_plain, found))


def same_value(left: Value, right: Value) -> bool:
    """Equality that tells 1 from True and 1.0, as documents do."""
    return type(left) is type(right) and left == right


def distinct(values: Iterable[Value]) -> list[Value]:
    """Each value once, as `same_value` tells them apart, in the order of the first of each."""
    found: dict[Hashable, Value] = {}
    for value in values:
        found.setdefault(_told_apart(value), value)
    return [*found.values()]


def _told_apart(value: Value) -> Hashable:
    """What is equal for the same values only: a member may hold thousands in one field, too many
    to compare each with each."""
    return type(value), (frozenset(value.items()) if isinstance(value, Mapping) else value)


def _plain(value: Held) -> Value:
    """A map's entries reduced to their winners, in order of their keys."""
    if isinstance(value, _PLAIN) or not isinstance(value, Mapping):
        return value
    winners = {
        key: text if isinstance(text, str) else text[0] for key, text in value.items() if text
    }
    return dict(sorted(winners.items()))


# ---- writing


def kind_named(code: str) -> Kind:
    """The schema of a kind.

    Raises:
      InvalidInput: this version writes no such kind.
    """
    kind = KINDS.get(code)
    if kind is None:
        raise InvalidInput(fields={"kind": one_of(code, KINDS)})
    return kind


def validate_fields(kind: str, entered: Mapping[str, object]) -> dict[str, Value]:
    """What somebody entered, as the values to write: texts cleaned, amounts in thousandths.

    Empty text and None mean that the field is not given. Entered values are not written values:
    2 is an amount of two, and comes out as 2000, so nothing is passed through here twice.

    Raises:
      InvalidInput: an unknown kind; or fields that are unknown or whose values do not fit, all of
        them at once in its `fields`.
    """
    written, faults = _parsed(kind_named(kind), entered)
    if faults:
        raise InvalidInput(fields=faults)
    return written


def _parsed(kind: Kind, entered: Mapping[str, object]) -> tuple[dict[str, Value], dict[str, str]]:
    """The values to write, and for each field that does not fit what would be right."""
    written: dict[str, Value] = {}
    faults: dict[str, str] = {}
    for name, value in entered.items():
        known = kind.fields.get(name)
        if known is None or name == "rev":
            faults[name] = _no_field(kind, name)
        elif value is not None and not (isinstance(value, str) and not value.strip()):
            try:
                written[name] = known.parse(value)
            except InvalidInput as error:
                faults[name] = str(error)
    return written, faults


def _no_field(kind: Kind, name: str) -> str:
    meant = did_you_mean(name, kind.fields) or f", which has {', '.join(kind.fields)}"
    return f"no field of kind {kind.code}{meant}"


def complete_record(
    kind: str, written: Mapping[str, Value], *, now: int, ref: str
) -> dict[str, Value]:
    """The fields of a new record, `kind` included, from validated ones.

    Args:
      written: what `validate_fields` or `read_slips` gave.
      now: seconds since 1970, for `created_at` unless given.
      ref: the spoken code, unless given; empty for kinds that nobody asks for aloud.
    Raises:
      InvalidInput: the fields do not go together (see `check_together`).
    """
    fields = _completed(kind_named(kind), written, now=now, ref=ref)
    check_together(kind, fields)
    return fields


def _completed(
    known: Kind, written: Mapping[str, Value], *, now: int, ref: str
) -> dict[str, Value]:
    kind = known.code
    fields: dict[str, Value] = {"kind": kind, **written}
    created_at = fields.setdefault("created_at", now)
    if ref:
        fields.setdefault("ref", ref)
    if kind in ("need", "offer"):
        fields.setdefault("category", categories.OTHER)
    if kind == "need":
        fields.setdefault("urgency", "now" if fields.get("life_threatening") is True else "today")
    if known.hours is not None and type(created_at) is int:
        fields.setdefault("expires_at", created_at + known.hours * 3600)
    fields["rev"] = 1
    return fields


def new_record(kind: str, entered: Mapping[str, object], *, now: int, ref: str) -> dict[str, Value]:
    """The fields of a new record, `kind` included, from what somebody entered.

    A need or an offer is fine with a title alone: category `other`, a need's urgency `today`, or
    `now` where a life is at risk.

    Raises:
      InvalidInput: as `validate_fields` and `complete_record`, with what both find in `fields`.
    """
    known = kind_named(kind)
    written, faults = _parsed(known, entered)
    fields = _completed(known, written, now=now, ref=ref)
    kept = {name: value for name, value in fields.items() if name not in faults}
    for name, sentence in faults_together(kind, kept, faults.keys()).items():
        faults.setdefault(name, sentence)
    if faults:
        raise InvalidInput(fields=faults)
    return fields


def edit_fields(record: Record, entered: Mapping[str, object], *, now: int) -> dict[str, Value]:
    """The fields to write for an edit: what differs, and `rev` one higher. Empty if nothing does.

    A value of None in the result means: delete the field. A field with conflicting values is
    written even if its winner stays, which settles it. Reopening what has expired gives it a new
    term from `now`, unless the edit sets one.

    Raises:
      InvalidInput: as `validate_fields`; or fields are set once, or do not go together.
    """
    _check_editable(record)
    parsed, faults = _parsed(KINDS[record.kind], entered)
    faults |= dict.fromkeys(sorted(entered.keys() & FIXED), "is set once, when the record is made")
    if faults:
        raise InvalidInput(fields=faults)
    written: dict[str, Value] = {**dict.fromkeys(entered), **parsed}
    if written.get("status") in ("open", "paused"):
        written = _reopened(record, written, now)
    changes = {
        name: value
        for name, value in written.items()
        if name in record.conflicts or not same_value(value, record.fields.get(name))
    }
    if not changes:
        return {}
    if not changes.keys() <= _ENDS:
        merged = {**record.fields, **changes}
        check_together(record.kind, {name: v for name, v in merged.items() if v is not None})
    return {**changes, "rev": next_revision(record)}


def next_revision(record: Record) -> int:
    """The `rev` of the next edit: one more than the record's, of two devices' counts the higher."""
    counts = record.conflicts.get("rev") or (record.fields.get("rev"),)
    return max((count for count in counts if type(count) is int), default=1) + 1


def close_fields(record: Record, reason: str, *, duplicate_of: str = "") -> dict[str, Value]:
    """The fields to write to close a record; empty if it is closed that way already.

    Needs and offers close with a reason. A notice has no status: closing withdraws it. A hub
    closes without a reason.

    Raises:
      InvalidInput: an unknown reason; a duplicate of nothing or of itself; or a kind that has an
        own `state` to edit instead.
    """
    _check_editable(record)
    if reason not in CLOSED_REASONS:
        raise InvalidInput(fields={"reason": one_of(reason, CLOSED_REASONS)})
    if record.kind == "notice":
        return edit_fields(record, {"certainty": "withdrawn"}, now=0)
    if record.kind == "hub":
        return edit_fields(record, {"status": "closed"}, now=0)
    if record.kind not in ("need", "offer"):
        raise InvalidInput(f"a {record.kind} is not closed; edit its state instead")
    changes: dict[str, object] = {"status": "closed", "closed_reason": reason}
    if duplicate_of == record.reference:
        raise InvalidInput(fields={"duplicate_of": "a record is no duplicate of itself"})
    if duplicate_of:
        changes["duplicate_of"] = duplicate_of
    return edit_fields(record, changes, now=0)


def _check_editable(record: Record) -> None:
    if record.kind not in KINDS or not record.readable:
        raise InvalidInput("this version cannot edit such a record; update meshaid on this device")


def _reopened(record: Record, written: Mapping[str, Value], now: int) -> dict[str, Value]:
    """What was closed loses how that was, and gets a new term if the old one is over."""
    reopened: dict[str, Value] = {**written}
    for name in ("closed_reason", "duplicate_of"):
        if name in record.fields:
            reopened.setdefault(name, None)
    term = KINDS[record.kind].hours
    if term is not None and has_expired(record, now):
        reopened.setdefault("expires_at", now + term * 3600)
    return reopened


def expires_at(record: Record) -> int | None:
    """When a record is hidden: as it says, else its kind's term after `created_at`, else never."""
    said = record.number("expires_at")
    if said is not None:
        return said
    kind, created_at = KINDS.get(record.kind), record.number("created_at")
    if kind is None or kind.hours is None or created_at is None:
        return None
    return created_at + kind.hours * 3600


def has_expired(record: Record, now: int) -> bool:
    """Whether a record is past its expiry by this clock."""
    end = expires_at(record)
    return end is not None and now > end
