"""Records: written through one door, read through another.

Writing (`new_record`, `edit_fields`, `close_fields`) takes what a person or a program entered and
gives the fields to put into the author's document, or raises InvalidInput. Reading (`read_record`)
takes whatever a document holds and never raises: what does not fit the schema is "not readable".
Both are pure; the clock's reading and the spoken code come in as arguments.
Source: docs/protocol.md, "Records".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, final

from meshaid.core import categories
from meshaid.core.fields import CODE, Value
from meshaid.core.schema import CLOSED_REASONS, KINDS, Kind
from meshaid.errors import InvalidInput

Held = Value | Mapping[str, Sequence[str]]
"""A value as a document holds it; a map's entries may still be lists, the winner first."""

_FIXED: Final = frozenset({"created_at", "rev", "ref", "import_key"})
"""Set when a record is made and never edited."""
_ENDS: Final = frozenset(
    {"status", "closed_reason", "duplicate_of", "certainty", "state", "expires_at", "hold_until"}
)
"""What ends or pauses a record; that must be possible whatever else an older record lacks."""
_NEED_WORDS: Final = ("title", "text", "people", "ext_code", "quantity", "unit")
"""What a `private` need must not say: the rest stays on paper at the desk."""

_PLAIN: Final = (str, int)
"""Types of nearly all values; asking for them is ten times quicker than asking for a Mapping."""

_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"pledge": ("need",), "receipt": ("need", "result"), "flag": ("target", "reason")}
)


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
    values = {name: _distinct(found) for name, found in held.items() if found}
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


def same_value(left: Value, right: Value) -> bool:
    """Equality that tells 1 from True and 1.0, as documents do."""
    return type(left) is type(right) and left == right


def _distinct(found: Sequence[Held]) -> list[Value]:
    if len(found) == 1:  # nearly always
        return [_plain(found[0])]
    distinct: list[Value] = []
    for value in map(_plain, found):
        if not any(same_value(value, seen) for seen in distinct):
            distinct.append(value)
    return distinct


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
        raise InvalidInput(f"kind: must be one of {', '.join(KINDS)}")
    return kind


def validate_fields(kind: str, entered: Mapping[str, object]) -> dict[str, Value]:
    """What somebody entered, as the values to write: texts cleaned, amounts in thousandths.

    Empty text and None mean that the field is not given. Entered values are not written values:
    2 is an amount of two, and comes out as 2000, so nothing is passed through here twice.

    Raises:
      InvalidInput: an unknown kind or field, or a value that does not fit; it names the field.
    """
    known = kind_named(kind).fields
    written: dict[str, Value] = {}
    for name, value in entered.items():
        if name not in known or name == "rev":
            raise InvalidInput(f"{name}: no field of kind {kind}, which has {', '.join(known)}")
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        try:
            written[name] = known[name].parse(value)
        except InvalidInput as error:
            raise InvalidInput(f"{name}: {error}") from None
    return written


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
    known = kind_named(kind)
    fields: dict[str, Value] = {"kind": kind, **written}
    created_at = fields.setdefault("created_at", now)
    if ref:
        fields.setdefault("ref", ref)
    if kind in ("need", "offer"):
        fields.setdefault("category", categories.OTHER)
    if kind == "need":
        fields.setdefault("urgency", "today")
    if known.hours is not None and type(created_at) is int:
        fields.setdefault("expires_at", created_at + known.hours * 3600)
    fields["rev"] = 1
    check_together(kind, fields)
    return fields


def new_record(kind: str, entered: Mapping[str, object], *, now: int, ref: str) -> dict[str, Value]:
    """The fields of a new record, `kind` included, from what somebody entered.

    A need or an offer is fine with a title alone: category `other`, a need's urgency `today`.

    Raises:
      InvalidInput: as `validate_fields` and `complete_record`.
    """
    return complete_record(kind, validate_fields(kind, entered), now=now, ref=ref)


def edit_fields(record: Record, entered: Mapping[str, object], *, now: int) -> dict[str, Value]:
    """The fields to write for an edit: what differs, and `rev` one higher. Empty if nothing does.

    A value of None in the result means: delete the field. A field with conflicting values is
    written even if its winner stays, which settles it. Reopening what has expired gives it a new
    term from `now`, unless the edit sets one.

    Raises:
      InvalidInput: as `validate_fields`; or the field is fixed, or the fields do not go together.
    """
    _check_editable(record)
    for name in entered.keys() & _FIXED:
        raise InvalidInput(f"{name}: is set once, when the record is made")
    written: dict[str, Value] = dict.fromkeys(entered)
    written |= validate_fields(record.kind, entered)
    if written.get("status") == "open":
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
    return {**changes, "rev": (record.number("rev") or 1) + 1}


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
        raise InvalidInput(f"reason: must be one of {', '.join(CLOSED_REASONS)}")
    if record.kind == "notice":
        return edit_fields(record, {"certainty": "withdrawn"}, now=0)
    if record.kind == "hub":
        return edit_fields(record, {"status": "closed"}, now=0)
    if record.kind not in ("need", "offer"):
        raise InvalidInput(f"a {record.kind} is not closed; edit its state instead")
    changes: dict[str, object] = {"status": "closed", "closed_reason": reason}
    if duplicate_of == record.reference:
        raise InvalidInput("duplicate_of: a record is no duplicate of itself")
    if duplicate_of:
        changes["duplicate_of"] = duplicate_of
    return edit_fields(record, changes, now=0)


def _check_editable(record: Record) -> None:
    if record.kind not in KINDS or not record.readable:
        raise InvalidInput("this version cannot edit such a record; update meshaid on this device")


def _reopened(record: Record, written: Mapping[str, Value], now: int) -> dict[str, Value]:
    """Opening clears how it was closed, and renews a term that is over."""
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
    kind = KINDS.get(record.kind)
    created_at = record.number("created_at")
    if said is not None or kind is None or kind.hours is None or created_at is None:
        return said
    return created_at + kind.hours * 3600


def has_expired(record: Record, now: int) -> bool:
    """Whether a record is past its expiry by this clock."""
    end = expires_at(record)
    return end is not None and now > end


def check_together(kind: str, fields: Mapping[str, Value]) -> None:
    """Check what single fields cannot say. Only for entry; the view takes records as they are.

    Raises:
      InvalidInput: nothing says what it is about; a pack without contents; a private matter in
        words. The text names the field.
    """
    if ("per_pack" in fields) != ("per_unit" in fields):
        raise InvalidInput("per_pack: give it together with per_unit, as in 8 packs of 9 L")
    if "unit" in fields and "quantity" not in fields and kind in ("pledge", "receipt"):
        raise InvalidInput("quantity: give how many of the unit")
    category = fields.get("category")
    if kind == "need" and isinstance(category, str):
        _check_privacy(category, fields)
    says_what = "title" in fields or (kind == "notice" and "text" in fields)
    names_kind = category not in (None, categories.OTHER) and kind in ("need", "offer")
    if kind in ("need", "offer", "notice", "hub") and not (says_what or names_kind):
        raise InvalidInput(f"title: say in a few words what this {kind} is")
    for name in _REQUIRED.get(kind, ()):
        if name not in fields:
            raise InvalidInput(f"{name}: is needed in a {kind}")


def _check_privacy(category: str, fields: Mapping[str, Value]) -> None:
    if category == categories.PRIVATE:
        for name in _NEED_WORDS:
            if name in fields:
                raise InvalidInput(
                    f"{name}: leave it empty in a private need; keep it on paper at the desk"
                )
    elif categories.privacy_of(category) == 2:
        raise InvalidInput(
            "category: write a need of this kind as `private`, and keep its words on paper"
        )
