"""A second reader and writer of Automerge changes, in Python, for tests that alter them.

It shares nothing with the native module and nothing with `core/delta.py`. Source: the binary format
of Automerge (https://automerge.org/automerge-binary-format-spec/), change chunks: magic, checksum,
type 1, length; body: deps, actor, seq, start_op, time, message, other actors, columns, extra.

`parse` gives a `Change` whose operations can be altered; `encode` writes it with the right checksum
and in the canonical form (`Change.columns` set: exactly these columns instead of the operations').
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

MAGIC = b"\x85\x6f\x4a\x83"
MAKE_MAP, PUT, MAKE_LIST, DELETE, MAKE_TEXT, INCREMENT, MAKE_TABLE, MARK = range(8)
OBJECT_ACTOR, OBJECT_COUNTER, KEY_ACTOR, KEY_COUNTER, KEY, INSERT = 1, 2, 17, 19, 21, 52
ACTION, VALUE_META, VALUE, PRED_COUNT, PRED_ACTOR, PRED_COUNTER = 66, 86, 87, 112, 113, 115

T = TypeVar("T")
OpId = tuple[int, bytes]
"""(counter, actor)."""

# Type codes of values, in the low four bits of their meta number.
NULL, FALSE, TRUE, UINT, INT, FLOAT, TEXT, BYTES, COUNTER, TIMESTAMP = range(10)


@dataclass(frozen=True, slots=True)
class Value:
    """A scalar as it stands in the file: type code and bytes."""

    code: int
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Op:
    """One operation on a map; `obj` is None for the root."""

    action: int
    obj: OpId | None
    key: str
    value: Value = Value(NULL)
    pred: tuple[OpId, ...] = ()
    insert: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """A change taken apart."""

    deps: tuple[bytes, ...]
    actor: bytes
    seq: int
    start_op: int
    ops: tuple[Op, ...]
    time: int = 0
    message: bytes = b""
    extra: bytes = b""
    kind: int = 1
    others: tuple[bytes, ...] | None = None
    """The list of other actors, when not what the operations need."""
    columns: tuple[tuple[int, bytes], ...] | None = None
    """The columns, when not what the operations give."""

    def op_id(self, index: int) -> OpId:
        """The id of the operation at `index`."""
        return self.start_op + index, self.actor


def value_of(scalar: str | float | bytes | None) -> Value:
    """The value that a scalar is written as."""
    match scalar:
        case None:
            return Value(NULL)
        case bool():
            return Value(TRUE if scalar else FALSE)
        case int():
            return Value(INT, signed(scalar))
        case float():
            return Value(FLOAT, struct.pack("<d", scalar))
        case str():
            return Value(TEXT, scalar.encode())
        case bytes():
            return Value(BYTES, scalar)


# ---- numbers


def unsigned(number: int) -> bytes:
    """Unsigned LEB128 in its shortest form."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def signed(number: int) -> bytes:
    """Signed LEB128 in its shortest form."""
    out = bytearray()
    while not -64 <= number < 64:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number & 0x7F)
    return bytes(out)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise ValueError("the change ends early")
        self.at += count
        return self.data[self.at - count : self.at]

    def more(self) -> bool:
        return self.at < len(self.data)

    def unsigned(self) -> int:
        number = shift = 0
        while True:
            (byte,) = self.take(1)
            number |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return number

    def signed(self) -> int:
        start = self.at
        number = self.unsigned()
        bits = 7 * (self.at - start)
        return number - (1 << bits) if number >> (bits - 1) else number

    def prefixed(self) -> bytes:
        return self.take(self.unsigned())

    def text(self) -> str:
        return self.prefixed().decode()


# ---- columns


def _read_runs(data: bytes, read: Callable[[_Reader], T]) -> list[T | None]:
    reader = _Reader(data)
    entries: list[T | None] = []
    while reader.more():
        length = reader.signed()
        if length > 0:
            entries += [read(reader)] * length
        elif length < 0:
            entries += [read(reader) for _ in range(-length)]
        else:
            entries += [None] * reader.unsigned()
    return entries


def _runs(entries: Sequence[T | None], write: Callable[[T], bytes]) -> bytes:
    """Run-length form: equal neighbours are a run, others one literal, nulls are counted."""
    if all(entry is None for entry in entries):
        return b""
    out = bytearray()
    literal: list[T] = []

    def end_literal() -> None:
        if literal:
            out.extend(signed(-len(literal)) + b"".join(write(entry) for entry in literal))
            literal.clear()

    at = 0
    while at < len(entries):
        entry = entries[at]
        end = at
        while end < len(entries) and entries[end] == entry:
            end += 1
        if entry is None:
            end_literal()
            out.extend(b"\0" + unsigned(end - at))
        elif end - at == 1:
            literal.append(entry)
        else:
            end_literal()
            out.extend(signed(end - at) + write(entry))
        at = end
    end_literal()
    return bytes(out)


def _deltas(numbers: Iterable[int]) -> list[int]:
    before, out = 0, list[int]()
    for number in numbers:
        out.append(number - before)
        before = number
    return out


def _sums(deltas: Iterable[int | None]) -> list[int | None]:
    total, out = 0, list[int | None]()
    for delta in deltas:
        total += delta or 0
        out.append(None if delta is None else total)
    return out


def _booleans(flags: Sequence[bool]) -> bytes:
    out, last, count = bytearray(), False, 0
    for flag in flags:
        if flag != last:
            out += unsigned(count)
            last, count = flag, 0
        count += 1
    return bytes(out) + (unsigned(count) if count else b"")


def _read_booleans(data: bytes) -> list[bool]:
    reader, flags, flag = _Reader(data), list[bool](), False
    while reader.more():
        flags += [flag] * reader.unsigned()
        flag = not flag
    return flags


def columns_of(change: Change) -> tuple[tuple[int, bytes], ...]:
    """The canonical columns of the operations of a change."""
    actors = [change.actor, *(others_of(change) if change.others is None else change.others)]
    ops = change.ops
    number = {actor: index for index, actor in reversed(list(enumerate(actors)))}
    preds = [sorted(op.pred) for op in ops]
    flat = [pred for each in preds for pred in each]
    metas = [op.value.code | len(op.value.data) << 4 for op in ops]
    object_actors = [None if op.obj is None else number[op.obj[1]] for op in ops]
    object_counters = [None if op.obj is None else op.obj[0] for op in ops]
    columns = {
        OBJECT_ACTOR: _runs(object_actors, unsigned),
        OBJECT_COUNTER: _runs(object_counters, unsigned),
        KEY: _runs([op.key for op in ops], lambda key: _prefixed(key.encode())),
        INSERT: _booleans([op.insert for op in ops]),
        ACTION: _runs([op.action for op in ops], unsigned),
        VALUE_META: _runs(metas, unsigned),
        VALUE: b"".join(op.value.data for op in ops),
        PRED_COUNT: _runs([len(each) for each in preds], unsigned),
        PRED_ACTOR: _runs([number[actor] for _, actor in flat], unsigned),
        PRED_COUNTER: _runs(_deltas(counter for counter, _ in flat), signed),
    }
    return tuple((spec, data) for spec, data in columns.items() if data)


def others_of(change: Change) -> tuple[bytes, ...]:
    """The actors that the operations name besides the author, ascending."""
    named = {op.obj[1] for op in change.ops if op.obj is not None}
    named |= {actor for op in change.ops for _, actor in op.pred}
    return tuple(sorted(named - {change.actor}))


def _ops(columns: dict[int, bytes], actors: Sequence[bytes]) -> tuple[Op, ...]:
    def numbers(spec: int) -> list[int | None]:
        return _read_runs(columns.get(spec, b""), _Reader.unsigned)

    actions = numbers(ACTION)
    count = len(actions)
    nothing: list[None] = [None] * count
    object_actors = numbers(OBJECT_ACTOR) or nothing
    object_counters = numbers(OBJECT_COUNTER) or nothing
    keys = _read_runs(columns.get(KEY, b""), _Reader.text)
    inserts = _read_booleans(columns.get(INSERT, b"")) or [False] * count
    metas = numbers(VALUE_META) or nothing
    values = _Reader(columns.get(VALUE, b""))
    pred_actors = iter(numbers(PRED_ACTOR))
    pred_counters = iter(_sums(_read_runs(columns.get(PRED_COUNTER, b""), _Reader.signed)))
    ops = []
    for index, preds in enumerate(numbers(PRED_COUNT) or [0] * count):
        actor, counter, meta = object_actors[index], object_counters[index], metas[index] or 0
        pred = [(next(pred_counters), next(pred_actors)) for _ in range(preds or 0)]
        ops.append(
            Op(
                action=actions[index] or 0,
                obj=None if actor is None or counter is None else (counter, actors[actor]),
                key=keys[index] or "",
                value=Value(meta & 15, values.take(meta >> 4)),
                pred=tuple((c or 0, actors[a or 0]) for c, a in pred),
                insert=inserts[index],
            )
        )
    return tuple(ops)


# ---- chunks


def _prefixed(data: bytes) -> bytes:
    return unsigned(len(data)) + data


def parse(raw: bytes) -> Change:
    """Take a change apart; ValueError when it is none or its checksum is wrong."""
    change = parse_header(raw)
    ops = _ops(dict(change.columns or ()), [change.actor, *(change.others or ())])
    return replace(change, ops=ops, others=None, columns=None)


def parse_header(raw: bytes) -> Change:
    """The same without the operations, which may be nonsense; the columns are left as they are."""
    reader = _Reader(raw)
    if reader.take(4) != MAGIC:
        raise ValueError("not a chunk")
    checksum, (kind,) = reader.take(4), reader.take(1)
    body = reader.prefixed()
    if reader.more() or kind != 1 or checksum != _digest(kind, body)[:4]:
        raise ValueError("not a change")
    reader = _Reader(body)
    deps = tuple(reader.take(32) for _ in range(reader.unsigned()))
    actor, seq, start_op = reader.prefixed(), reader.unsigned(), reader.unsigned()
    time, message = reader.signed(), reader.prefixed()
    others = tuple(reader.prefixed() for _ in range(reader.unsigned()))
    specs = [(reader.unsigned(), reader.unsigned()) for _ in range(reader.unsigned())]
    columns = tuple((spec, reader.take(length)) for spec, length in specs)
    extra = reader.take(len(body) - reader.at)
    return Change(deps, actor, seq, start_op, (), time, message, extra, kind, others, columns)


def encode(change: Change) -> bytes:
    """The raw bytes of a change, deps in the order given, with the right length and checksum."""
    others = others_of(change) if change.others is None else change.others
    columns = columns_of(change) if change.columns is None else change.columns
    body = b"".join(
        [
            unsigned(len(change.deps)),
            *change.deps,
            _prefixed(change.actor),
            unsigned(change.seq),
            unsigned(change.start_op),
            signed(change.time),
            _prefixed(change.message),
            unsigned(len(others)),
            *map(_prefixed, others),
            unsigned(len(columns)),
            *(unsigned(spec) + unsigned(len(data)) for spec, data in columns),
            *(data for _, data in columns),
            change.extra,
        ]
    )
    return frame(change.kind, body)


def frame(kind: int, body: bytes) -> bytes:
    """A chunk around a body, with the right checksum."""
    return MAGIC + _digest(kind, body)[:4] + bytes([kind]) + _prefixed(body)


def _digest(kind: int, body: bytes) -> bytes:
    return hashlib.sha256(bytes([kind]) + _prefixed(body)).digest()


def hash_of(raw: bytes) -> bytes:
    """The hash of a chunk."""
    return hashlib.sha256(raw[8:]).digest()


def with_column(change: Change, spec: int, data: bytes) -> Change:
    """The change with one column replaced or added."""
    columns = dict(columns_of(change)) | {spec: data}
    others = others_of(change) if change.others is None else change.others
    return replace(change, others=others, columns=tuple(sorted(columns.items())))
