"""The executable model beside real documents: both must say the same of every event.

The model is `model/documents.py` of the design, found as ../shared/model beside the checkout. It is
an oracle and no part of this project, so what needs it is skipped elsewhere; its answers to 2,000
worlds are kept in `tests/vectors/document_worlds.json.gz`. Two rules are added to it here:

- two branches of one actor that a removal names count up to where they part (the model lets both
  count, and then a document holds one (actor, seq) twice);
- a run whose last change is held changes nothing, its signature included.
"""

from __future__ import annotations

import importlib.util
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from meshaid.core.delta import Run
from tests.document_worlds import ACTORS, Abstract, K, Place, World, meet

MODEL = Path(__file__).resolve().parents[2] / "shared" / "model" / "documents.py"
_ACTOR_NAMES = ("X.0", "X.1", "Y.0", "Z.0")
_DEVICE_NAMES = ("X", "Y", "Z")


def load_model() -> ModuleType | None:
    """The model, or None when it does not lie beside this checkout."""
    if not MODEL.exists():
        return None
    spec = importlib.util.spec_from_file_location("documents_model", MODEL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    assert module.K == K
    return module


def oracle_of(model: ModuleType) -> Any:
    """The model's store with the two rules that are added here."""

    class Oracle(model.Store):  # type: ignore[misc, name-defined]
        def within_cut(self, change: Any) -> bool:
            if not super().within_cut(change):
                return False
            if all(r.device != model.device_of(change.actor) for r in self.removals):
                return True
            stay = [
                c.seq
                for c in self.changes.values()
                if c.actor == change.actor and super(Oracle, self).within_cut(c)
            ]
            parted = min((seq for seq in stay if stay.count(seq) > 1), default=None)
            return parted is None or change.seq < parted

        def accept(self, run: Any) -> str:
            return "ok" if run[-1].hash in self.changes else str(super().accept(run))

    return Oracle()


class Watched(Place):
    """A store whose every event also happens to the model; it writes down what came of each."""

    def __init__(self, world: World, model: ModuleType, number: int, log: list[list[Any]]) -> None:
        super().__init__(world)
        self.number, self.log = number, log
        self._model = model
        self._oracle = oracle_of(model)

        class Named(model.Change):  # type: ignore[misc, name-defined]
            """A model change whose hash is that of the real change in `content`."""

            __slots__ = ()

            @property
            def hash(self) -> str:
                return str(self.content)

        names = [digest.hex() for digest in world.hashes]
        self._changes = [
            Named(
                _ACTOR_NAMES[change.actor],
                world.seqs[i],
                names[change.prev] if change.prev >= 0 else "",
                tuple(sorted(names[dep] for dep in change.deps)),
                names[i],
                change.bad,
            )
            for i, change in enumerate(world.changes)
        ]

    def deliver(self, run: Run) -> str:
        numbers = self.world.numbers(run)
        verdict = super().deliver(run)
        assert verdict == self._oracle.accept(tuple(self._changes[i] for i in numbers))
        return verdict

    def miss(self, run: Run) -> None:
        numbers = self.world.numbers(run)
        assert self._oracle.judge(tuple(self._changes[i] for i in numbers)) == "wait"

    def feed(self, numbers: Sequence[int]) -> str:
        verdict = self.deliver(self.world.run(numbers))
        self.log.append(["run", self.number, [*numbers], verdict])
        return verdict

    def cut(self, device: int, numbers: Sequence[int]) -> None:
        super().cut(device, numbers)
        named = frozenset(self.world.hashes[i].hex() for i in numbers)
        self._oracle.removals.add(self._model.Removal(_DEVICE_NAMES[device], named))
        self.log.append(["cut", self.number, device, [*numbers]])

    def learn_cuts(self, other: Place) -> None:
        super().learn_cuts(other)
        assert isinstance(other, Watched)
        self._oracle.removals |= other._oracle.removals

    def drop(self, number: int) -> bool:
        went = super().drop(number)
        self._oracle.drop(self.world.hashes[number].hex())
        assert went == (self.world.hashes[number].hex() not in self._oracle.signed)
        self.log.append(["drop", self.number, number, went])
        return went

    def compare(self) -> None:
        """The same counts, with the same clock, and the same signatures may go."""
        index = self.world.index
        counted = [index[bytes.fromhex(name)] for name in self._oracle.counted()]
        assert self.counted() == sorted(counted)
        clock = {
            ACTORS[_ACTOR_NAMES.index(actor)]: (length, bytes.fromhex(head))
            for actor, (length, head) in self._oracle.clock().items()
        }
        assert self.document.clock() == clock
        signed = {name for name in self._oracle.signed if self._oracle.droppable(name)}
        assert self.droppable() == sorted(index[bytes.fromhex(name)] for name in signed)

    def view(self) -> None:
        self.compare()
        self.log.append(["view", self.number, self.counted(), self.droppable()])


def draw_world(chance: random.Random, size: int = 12) -> list[Abstract]:
    """Changes with forks, bad ones, and any cross naming (one of an actor, as the gate demands)."""
    changes: list[Abstract] = []
    for number in range(chance.randint(2, size)):
        actor = chance.randrange(4)
        own = [i for i in range(number) if changes[i].actor == actor]
        prev = -1
        if own:
            prev = own[-1] if chance.random() < 0.7 else chance.choice([-1, *own])
        named: dict[int, int] = {}
        for other in chance.sample(range(number), min(number, chance.choice([0, 0, 1, 1, 2]))):
            if changes[other].actor != actor:
                named.setdefault(changes[other].actor, other)
        deps = tuple(sorted(named.values()))
        changes.append(Abstract(actor, prev, deps, chance.random() < 0.06))
    return changes


def draw_runs(chance: random.Random, world: World) -> list[list[int]]:
    """Runs that end anywhere and are one to four changes long, as every change was signed."""
    runs = []
    for number in range(len(world.changes)):
        for length in {1, chance.randint(1, 4)}:
            run = [number]
            while len(run) < length and (prev := world.changes[run[0]].prev) >= 0:
                run.insert(0, prev)
            runs.append(run)
    return runs


def play(seed: int, model: ModuleType) -> tuple[World, list[list[Any]]]:
    """One drawn world on three real stores beside the model; returns it with its events."""
    chance = random.Random(seed)
    world = World(draw_world(chance))
    log: list[list[Any]] = []
    places = [Watched(world, model, number, log) for number in range(3)]
    items: list[tuple[int, list[int]]] = [(-1, run) for run in draw_runs(chance, world)]
    for _ in range(chance.choice([0, 0, 0, 1, 2])):
        named = chance.sample(range(len(world.changes)), chance.randint(0, 2))
        items.append((chance.randrange(3), named))
    for place in places:
        _feed(chance, place, chance.choices(items, k=chance.randint(0, 2 * len(items))))
    for _ in range(2):
        pairs = [(0, 1), (1, 2), (0, 2)]
        chance.shuffle(pairs)
        for i, j in pairs:
            meet(places[i], places[j])
            log.append(["meet", i, j, places[i].counted()])
            places[i].compare()
            places[j].compare()
            _shake(chance, places[i])
    assert places[0].counted() == places[1].counted() == places[2].counted()
    for place in places:
        place.check_views()
    return world, log


def _feed(chance: random.Random, place: Watched, items: list[tuple[int, list[int]]]) -> None:
    """Deliver in this order, waiting runs again after each success, signatures dropped at times."""
    waiting: list[list[int]] = []
    for device, numbers in items:
        if device >= 0:
            place.cut(device, numbers)
            continue
        verdict = place.feed(numbers)
        if verdict == "wait":
            waiting.append(numbers)
        while verdict == "ok" and waiting:
            verdicts = [(run, place.feed(run)) for run in waiting]
            waiting = [run for run, given in verdicts if given == "wait"]
            verdict = "ok" if any(given == "ok" for _, given in verdicts) else "wait"
        _shake(chance, place)
    place.view()


def _shake(chance: random.Random, place: Watched) -> None:
    """Drop some signatures that may be dropped, in a drawn order."""
    if chance.random() < 0.3:
        held = sorted(place.world.index[h] for h in place.document.signatures())
        chance.shuffle(held)
        for number in held:
            place.drop(number)
        place.view()
