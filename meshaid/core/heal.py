"""Which of a device's own changes must be written again because they do not count.

A device whose changes are left out (by its own fork after a restored backup, or by a sibling's)
writes each left-out branch again, in order, under a new actor of its own, upon what counts of what
it had seen. The branches stand side by side, with each other and with what others wrote meanwhile:
none overwrites what its author had not seen, and a person sees both values.

A left-out change is **done** when it stands again: when another actor of the device has a counting
change with equal edits that the left-out one had not seen. Where a device made equal edits twice,
one after the other, as many copies are needed as there are steps; equal edits that had not seen
each other, as an original and its copy when both are left out, need one.
Edits are compared by what they leave behind per field, so a copy may take more operations.
Source: docs/protocol.md, "Healing"; DESIGN section 7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from meshaid.core.fork import DEVICE_BYTES, Change, History

Edit: TypeAlias = tuple[Any, ...]
"""As `_automerge.Document.edit` takes and `edits` gives them: kind, record id, field, ..."""
Target: TypeAlias = tuple[str, ...]
"""What an edit sets: (record id, field), or (record id, field, key) inside a map."""
Effect: TypeAlias = dict[Target, Edit]
"""The last edit of each target, in order."""
Fields: TypeAlias = Mapping[str, Sequence[Sequence[Any]]]
"""Field to the values that stand, winner first; the value is the first item of each."""


class LeftOut:
    """The changes of one device that do not count, and which of them stand again already."""

    def __init__(
        self, history: History, device: bytes, edits: Callable[[bytes], Sequence[Edit]]
    ) -> None:
        self._history = history
        self._device = device
        counted = history.counted()
        own = [c for c in history.changes.values() if c.actor[:DEVICE_BYTES] == device]
        effects = {change.hash: effect_of(edits(change.hash)) for change in own}
        self._keys = {h: _key(effect) for h, effect in effects.items() if effect}
        self._left = [c for c in own if c.hash not in counted and c.hash in self._keys]
        self._tips = self._own_tips() if self._left else {}
        self._like: dict[object, list[Change]] = {}
        for change in own:
            if change.hash in counted and change.hash in self._keys:
                self._like.setdefault(self._keys[change.hash], []).append(change)
        self._written: dict[object, list[Change]] = {}
        self._steps: dict[bytes, int] = {}
        self._count_steps()

    def _own_tips(self) -> dict[bytes, dict[bytes, bytes]]:
        """Per change and actor of the device the highest change in the past, itself included."""
        changes = self._history.changes
        tips: dict[bytes, dict[bytes, bytes]] = {}
        for change in changes.values():
            merged: dict[bytes, bytes] = {}
            for dep in change.deps:
                if not merged:
                    merged = tips.get(dep, merged)
                elif (other := tips.get(dep, merged)) is not merged:
                    merged = dict(merged)
                    for actor, tip in other.items():
                        mine = merged.get(actor)
                        if mine is None or changes[mine].seq < changes[tip].seq:
                            merged[actor] = tip
            if change.actor[:DEVICE_BYTES] == self._device:
                merged = {**merged, change.actor: change.hash}
            tips[change.hash] = merged
        return tips

    def _saw(self, later: Change, earlier: Change) -> bool:
        """Whether `earlier` lies in the past of `later`."""
        tip = self._tips[later.hash].get(earlier.actor, b"")
        for change_hash in self._history.own_chain(tip):
            if self._history.changes[change_hash].seq <= earlier.seq:
                return change_hash == earlier.hash
        return False

    def _count_steps(self) -> None:
        alike: dict[object, list[Change]] = {}
        for change in self._left:
            before = alike.setdefault(self._keys[change.hash], [])
            seen = (self._steps[old.hash] for old in before if self._saw(change, old))
            self._steps[change.hash] = 1 + max(seen, default=0)
            before.append(change)

    def is_done(self, change: Change) -> bool:
        """Whether this left-out change stands again.

        Of the copies written since this object was made, those count whose originals neither saw
        this change nor were seen by it: where one saw the other, each needs its own.
        """
        key = self._keys[change.hash]
        copies = sum(
            copy.actor != change.actor and not self._saw(change, copy)
            for copy in self._like.get(key, ())
        )
        written = sum(
            not self._saw(change, original) and not self._saw(original, change)
            for original in self._written.get(key, ())
        )
        return copies + written >= self._steps[change.hash]

    def note_written(self, change: Change) -> None:
        """A copy of this left-out change was written just now."""
        self._written.setdefault(self._keys[change.hash], []).append(change)

    def branches(self) -> list[list[Change]]:
        """The branches to write again, of each what is not done, in its order; oldest end first."""
        pending = {change.hash for change in self._left if not self.is_done(change)}
        branches = []
        covered: set[bytes] = set()
        for change in reversed(self._left):
            if change.hash in pending and change.hash not in covered:
                chain = [h for h in self._history.own_chain(change.hash) if h in pending]
                covered.update(chain)
                branches.append([self._history.changes[h] for h in reversed(chain)])
        return branches[::-1]


class Seen:
    """What counts of what a branch had seen, as it grows from change to change."""

    def __init__(self, history: History) -> None:
        self._changes = history.changes
        self._places = {change: place for place, change in enumerate(history.in_order())}
        self._walked: set[bytes] = set()

    def start_branch(self) -> None:
        """Forget what was given out: another branch comes next."""
        self._walked.clear()

    def more(self, change: Change) -> list[bytes]:
        """What counts in the past of this change and was not given out before, in causal order."""
        found = []
        todo = list(change.deps)
        while todo:
            change_hash = todo.pop()
            if change_hash not in self._walked and change_hash in self._changes:
                self._walked.add(change_hash)
                todo += self._changes[change_hash].deps
                if change_hash in self._places:
                    found.append(change_hash)
        return sorted(found, key=self._places.__getitem__)


def effect_of(edits: Iterable[Edit]) -> Effect:
    """What edits leave behind: the last one of each field or inner key, in order."""
    effect: Effect = {}
    for edit in edits:
        kind, record, *rest = edit
        if kind == "make":
            continue
        inside = kind in ("put_in", "delete_in")
        target = (record, *rest[: 2 if inside else 1])
        effect.pop(target, None)
        if not inside:
            for other in [t for t in effect if t[:2] == target]:
                del effect[other]
        effect[target] = edit
    return effect


def _key(effect: Effect) -> object:
    """Equal for equal effects; True, 1 and 1.0 are told apart."""
    return tuple(sorted((target, edit[0], _typed(edit)) for target, edit in effect.items()))


def _typed(edit: Edit) -> str:
    return "" if edit[0].startswith("delete") else f"{type(edit[-1]).__name__}:{edit[-1]!r}"


def again(effect: Effect, shown: Mapping[str, Fields]) -> list[Edit]:
    """Edits that have this effect upon the shown records, and that always write something.

    Automerge writes nothing for a value that is shown already, and then nothing would tell later
    that the change stands again; so such a value is taken out and put back.
    """
    edits: list[Edit] = []
    made = set(shown)
    for target, edit in effect.items():
        record, field = target[:2]
        values = shown.get(record, {}).get(field, ())
        if record not in made:
            made.add(record)
            edits.append(("make", record))
        edits += _forced(target, edit, [value[0] for value in values])
    return edits


def _forced(target: Target, edit: Edit, values: list[Any]) -> list[Edit]:
    kind, record, field = edit[:3]
    if kind == "put":
        same = len(values) == 1 and _typed((*edit[:3], values[0])) == _typed(edit)
        return [("delete", record, field), edit] if same else [edit]
    if kind == "delete":
        return [edit] if values else [("put", record, field, None), edit]
    inner = next((value for value in values if isinstance(value, dict)), {})
    texts = [text[0] for text in inner.get(target[2], ())]
    if kind == "put_in":
        same = texts == [edit[4]]
        return [("delete_in", *target), edit] if same else [edit]
    return [edit] if texts else [("put_in", *target, ""), edit]
