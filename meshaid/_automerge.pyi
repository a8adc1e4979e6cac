"""The native module: Automerge behind the gate (docs/protocol.md, "The gate").

Hashes have 32 bytes, actors 36 (device signing key 32, install nonce 4), a genesis actor 16. Wrong
types raise TypeError, wrong lengths and shapes ValueError; nothing happened then. Whatever else
goes wrong raises `meshaid.errors.DocumentPoisoned`, and that document answers so from then on.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias, final

_Scalar: TypeAlias = str | int | bool | bytes | float | None
_Edit: TypeAlias = (
    tuple[Literal["make"], str]
    | tuple[Literal["put"], str, str, _Scalar]
    | tuple[Literal["delete"], str, str]
    | tuple[Literal["put_in"], str, str, str, str]
    | tuple[Literal["delete_in"], str, str, str]
    | tuple[Literal["remake"], str, Mapping[str, _Scalar | Mapping[str, str]]]
)
_Standing: TypeAlias = Literal["member", "other", "unknown"]

RULES: Final[tuple[str, ...]]
"""Names of the gate's rules, "G1" to "G17", in their order."""

def genesis(actor: bytes) -> bytes:
    """Raw bytes of the genesis change of the document of `actor` (16 bytes)."""

def change_hash(raw: bytes) -> bytes:
    """The hash of a well-formed raw change; ValueError for anything else."""

@final
class Caps:
    """The caps of the gate, part of the format; defaults as in `meshaid.limits`."""

    def __new__(
        cls,
        *,
        change_bytes: int = ...,
        ops: int = ...,
        preds: int = ...,
        deps: int = ...,
        other_actors: int = ...,
        depth: int = ...,
        key_bytes: int = ...,
        string_bytes: int = ...,
        record_fields: int = ...,
        record_bytes: int = ...,
        inner_entries: int = ...,
        epoch_changes: int = ...,
        epoch_bytes: int = ...,
        epoch_records: int = ...,
        seq: int = ...,
    ) -> Caps: ...
    @property
    def change_bytes(self) -> int: ...
    @property
    def ops(self) -> int: ...
    @property
    def preds(self) -> int: ...
    @property
    def deps(self) -> int: ...
    @property
    def other_actors(self) -> int: ...
    @property
    def depth(self) -> int: ...
    @property
    def key_bytes(self) -> int: ...
    @property
    def string_bytes(self) -> int: ...
    @property
    def record_fields(self) -> int: ...
    @property
    def record_bytes(self) -> int: ...
    @property
    def inner_entries(self) -> int: ...
    @property
    def epoch_changes(self) -> int: ...
    @property
    def epoch_bytes(self) -> int: ...
    @property
    def epoch_records(self) -> int: ...
    @property
    def seq(self) -> int: ...

@final
class Meta:
    """What is known of one accepted change."""

    @property
    def hash(self) -> bytes: ...
    @property
    def actor(self) -> bytes: ...
    @property
    def seq(self) -> int: ...
    @property
    def deps(self) -> tuple[bytes, ...]:
        """All of them, ascending, the own previous change included."""

    @property
    def prev(self) -> bytes:
        """Hash of the actor's own previous change; b"" when it is the first."""

    @property
    def start_op(self) -> int: ...
    @property
    def ops(self) -> int: ...
    @property
    def max_op(self) -> int: ...
    @property
    def size(self) -> int:
        """Raw bytes."""

    def __eq__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Verdict:
    """The gate's answer to a run."""

    @property
    def outcome(self) -> Literal["accepted", "waiting", "refused"]: ...
    @property
    def rule(self) -> str:
        """The rule that refused or waits; "" when accepted."""

    @property
    def detail(self) -> str:
        """Types, sizes and positions; never content."""

    @property
    def missing(self) -> tuple[bytes, ...]:
        """Unknown deps, while waiting on G3."""

    @property
    def metas(self) -> tuple[Meta, ...]:
        """Of the whole run, when accepted."""

    @property
    def forks(self) -> tuple[int, ...]:
        """Seqs of the run at which another change of the actor is known (G6); no refusal."""

@final
class Document:
    """Tables of all accepted changes of one document, and the Automerge cache of what counts.

    Calls from several threads take turns; heavy ones run without the interpreter's lock.
    """

    def __new__(cls, genesis: bytes, *, caps: Caps | None = None, without: str = "") -> Document:
        """A document that holds its genesis (raw bytes) only.

        `without` switches one rule off, for the tests that prove each rule.
        """

    def check(
        self,
        actor: bytes,
        standing: _Standing,
        run: Sequence[bytes],
    ) -> Verdict:
        """Judge a run, consecutive raw changes of `actor`; changes nothing.

        Changes that are held already may be part of it. `standing` is that of the run's device
        towards the member: an "other" is refused, an "unknown" waits.
        """

    def accept(
        self,
        actor: bytes,
        standing: _Standing,
        run: Sequence[bytes],
    ) -> Verdict:
        """Judge a run and, when accepted, enter all of it into the tables, not into the cache."""

    def restore(self, raws: Sequence[bytes]) -> tuple[Meta, ...]:
        """Enter changes from the own store, accepted before, in causal order, of any branch."""

    def apply(self, hashes: Sequence[bytes]) -> tuple[str, ...]:
        """Bring accepted changes into the cache in causal order, in one step.

        Returns the ids of the records that they wrote to. ValueError when one is unknown, comes too
        early, or would make two changes of one (actor, seq) count.
        """

    def rebuild(self, hashes: Sequence[bytes]) -> None:
        """Throw the cache away and build it from the genesis and these changes, as `apply` does."""

    def applied(self) -> int:
        """The number of changes in the cache, the genesis not counted."""

    def heads(self) -> tuple[bytes, ...]:
        """Heads of the cache, ascending; the genesis when nothing else is there."""

    def edit(self, actor: bytes, ops: Sequence[_Edit]) -> bytes | None:
        """Write one change of `actor` upon what the cache holds; None when it changes nothing.

        The cache holds it then, the tables do not: `accept` comes next, and until then further
        edits and applies raise ValueError. Also ValueError, with nothing written: a shape that the
        gate would refuse, too many edits for one change, an actor that has changes in the tables
        which the cache does not hold.
        """

    def edits(self, change: bytes) -> tuple[_Edit, ...]:
        """What an accepted change does, on whatever branch it stands, as `edit` takes it.

        A put that settled a conflict by its winner comes as that put. ValueError when the change is
        not held.
        """

    def records(self, ids: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
        """The records of these ids, or all, with every value that stands, the winner first.

        Record id to {"maps": count, "fields": {field: [(value, counter, actor, hash), ...]}}; the
        value of a map inside a record is {key: [(text, counter, actor), ...]}.

        A value comes with the operation that wrote it (counter, actor) and the hash of its change,
        None while an own edit has not been accepted. Several maps of one record id are merged field
        by field; `maps` is their number.
        """

    def record_ids(self) -> tuple[str, ...]: ...
    def changes_since(self, heads: Sequence[bytes]) -> tuple[bytes, ...]:
        """Raw changes of the cache that are not in the past of `heads`, without the genesis."""

    def export(self) -> bytes:
        """A standard Automerge file for other programs."""

    def save(self) -> bytes:
        """The cache as a file for `load`."""

    def load(self, data: bytes) -> None:
        """Take a cache that `save` wrote; everything in it must be in the tables."""

    def statistics(self) -> dict[str, int]:
        """Counts over all branches: changes, bytes, records, actors, chains, ops; and applied."""

    @property
    def poisoned(self) -> bool: ...
