"""The model of the roster (`../shared/model/roster.py`), run on the worlds of worlds.py.

The model hashes the names of its cards; here it gets the real ids and hashes in their place, so
that both sides order and cap alike.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from meshaid.core.caps import member_rank
from tests.worlds import CAPS, invite_key, member_card, member_id

FOLDER = Path(__file__).resolve().parent.parent.parent / "shared" / "model"


def load(name: str) -> ModuleType:
    """Import a file of the model. Raises FileNotFoundError where it does not lie here."""
    path = FOLDER / f"{name}.py"
    if not path.exists():
        raise FileNotFoundError(path)
    spec = importlib.util.spec_from_file_location(f"model_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class ModelWorld:
    """One world in the model's own cards."""

    def __init__(self, model: ModuleType, steps: Sequence[Sequence[Any]]) -> None:
        self._model = model
        self._invites = {
            invite_key(*step[1:]).public.hex(): tuple(step[1:])
            for step in steps
            if step[0] == "invite"
        }
        model.CAP = CAPS.members_per_invite
        model.digest_of = self._digest_of
        self._steps = steps
        self.cards = [self._card_of(step) for step in steps]

    def _digest_of(self, value: tuple[Any, ...]) -> str:
        if len(value) == 3:
            return invite_key(*value).public.hex()
        if len(value) == 2:
            return member_rank(bytes.fromhex(value[0]), member_id(value[1])).hex()
        invite, member, counter, name = value
        return member_card(self._invites[invite], member, counter, name).hash.hex()

    def _invite_id(self, number: int) -> str:
        return invite_key(*self._steps[number][1:]).public.hex()

    def _name(self, name: str | int) -> str:
        return self._invite_id(name) if isinstance(name, int) else name

    def _card_of(self, step: Sequence[Any]) -> Any:
        kind, *rest = step
        model = self._model
        if kind == "invite":
            return model.Invite(*rest)
        if kind == "member":
            number, member, counter, name = rest
            return model.Member(self._invite_id(number), member, counter, name)
        if kind == "device":
            member, device, number = rest
            return model.Device(member, device, self._invite_id(number) if number >= 0 else "")
        signer, target_kind, target, stay = rest
        named = frozenset(map(self._name, stay))
        place = tuple(target) if isinstance(target, list) else self._name(target)
        return model.Removal(signer, target_kind, place, named)

    def outcome(self, cards: Iterable[Any] | None = None) -> dict[str, Any]:
        """The model's roster in the form of `World.outcome`."""
        model = self._model
        roster = model.Roster(self.cards if cards is None else cards)
        acting = {card for card in roster.removals if roster.hands(card)}
        first = {card: number for number, card in reversed(list(enumerate(self.cards)))}
        return {
            "members": sorted([m, name, status] for m, (name, status) in roster.members.items()),
            "devices": sorted([member, device] for member, device in roster.devices),
            "stewards": sorted(roster.stewards),
            "effective": sorted(first[card] for card in roster.ever | acting),
        }
