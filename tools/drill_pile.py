"""The slips of a drill: needs, offers and notices, as people at five hubs would write them.

All people, places and words are invented (tools/drill_texts.json). The same seed gives the same
slips on every machine. Used by tools/make_drill.py.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

from tools.drill_answers import Units

TEXTS: Final[dict[str, Any]] = json.loads(
    Path(__file__).with_name("drill_texts.json").read_text(encoding="utf-8")
)
HUBS: Final[dict[str, dict[str, Any]]] = {hub["letter"]: hub for hub in TEXTS["hubs"]}
NEEDS: Final = 128
OFFERS: Final = 82
RETOLD_NEEDS: Final = 14
RETOLD_OFFERS: Final = 2

COLUMNS: Final = (
    *("id", "kind", "minute", "hub", "ref", "entered_by", "intake_channel", "on_behalf_of"),
    *("people", "slip", "category", "title", "text", "lang", "quantity", "unit", "per_pack"),
    *("per_unit", "urgency", "life_threatening", "area", "needed_by_minute"),
    *("available_until_minute", "range", "inexhaustible", "returnable", "topic", "certainty"),
    *("supersedes", "fulfilled_by", "closed_minute", "closed_reason", "truth_duplicate_of"),
)
EVENT_COLUMNS: Final = (
    *("id", "kind", "minute", "hub", "entered_by", "intake_channel", "on_behalf_of", "target"),
    *("other", "result", "quantity", "unit", "hold_until_minute", "text", "lang"),
)

Row = dict[str, Any]
"""A slip or an event: texts, but for `minute`, and `_order`, its place in the pile."""

_LIFE: Final = {("health.medicine", "vial"), ("health.device", "Wh")}
_ONCE: Final = frozenset(
    (
        *("safety.rescue", "work.machines", "power.generator", "transport.goods", "goods.money"),
        *("hygiene.toilets", "care.visit", "info.guidance", "info.paperwork", "other"),
    )
)
"""Happenings that are told once; everything else may be told once in each hub."""
_ALIKE: Final = frozenset(
    ("water.drinking", "food.meals", "shelter.stay", "shelter.bedding", "shelter.cover")
)
"""Categories whose texts all tell the same thing in other words."""
_QUIET: Final = frozenset({"private", "other", "info.guidance"})
"""Categories that nobody tells twice."""
_CHANNELS: Final = {
    "need": {"desk": 52, "paper": 14, "phone": 4, "radio": 6, "own_device": 12, "hub_page": 12},
    "offer": {"desk": 62, "own_device": 20, "hub_page": 12, "radio": 6},
}
_DAMM: Final = (
    *("0317598642", "7092154863", "4206871359", "1750983426", "6123045978"),
    *("3674209581", "5869720134", "8945362017", "9438617205", "2581436790"),
)


def spoken_code(letter: str, number: int) -> str:
    """A code to say aloud: its last digit finds every wrong one and every swap of two."""
    body, state = f"{number:05d}", 0
    for digit in f"{ord(letter) - 64:02d}{body}":
        state = int(_DAMM[state][int(digit)])
    return f"{letter}{body}{state}"


def arabic_digits(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))


class Pile:
    """All slips and events so far, in the order in which they were thought of."""

    def __init__(self, seed: str) -> None:
        self.chance = Random(seed)  # noqa: S311  a drill is no secret
        self.units = Units()
        self.rows: list[Row] = []
        self.notices: dict[str, Row] = {}
        self._refs: set[str] = set()
        self._heard: set[tuple[str, str, str]] = set()
        self._parties: dict[str, list[dict[str, Any]]] = {hub: [] for hub in HUBS}

    # ---- small things
    def pick(self, weighted: dict[str, int]) -> str:
        return self.chance.choices(list(weighted), list(weighted.values()))[0]

    def hub(self) -> str:
        return self.pick({letter: hub["weight"] for letter, hub in HUBS.items()})

    def desk(self, hub: str) -> str:
        return f"desk {self.chance.randint(1, HUBS[hub]['desks'])}"

    def _ref(self, hub: str) -> str:
        while True:
            ref = spoken_code(hub, self.chance.randrange(100_000))
            if ref not in self._refs:
                self._refs.add(ref)
                return ref

    def add(self, **fields: object) -> Row:
        row: Row = dict.fromkeys((*COLUMNS, *EVENT_COLUMNS), "")
        if not fields.keys() <= row.keys():
            raise KeyError(fields.keys() - row.keys())
        row.update({key: str(value) for key, value in fields.items()})
        row["minute"] = int(row["minute"])
        row["_order"] = len(self.rows)
        self.rows.append(row)
        return row

    def of_kind(self, kind: str) -> list[Row]:
        return [row for row in self.rows if row["kind"] == kind]

    # ---- needs
    def _party(self, hub: str, lang: str, *, many: bool) -> dict[str, Any]:
        """A household known to the hub: mostly a new one, sometimes one that came before."""
        known = [
            party
            for party in self._parties[hub]
            if party["lang"] == lang and (party["people"] > 1 or not many)
        ]
        if known and self.chance.random() < 0.25:
            return self.chance.choice(known)
        number = len(self._parties[hub]) + 1
        alone = 0 if many else 14
        party = {
            "tag": f"{hub}-h{number:02d}",
            "lang": lang,
            "area": self.chance.choice(HUBS[hub]["areas"]),
            "people": self.chance.choices([1, 2, 3, 4, 5, 6, 8], [alone, 20, 18, 20, 14, 9, 5])[0],
        }
        self._parties[hub].append(party)
        return party

    def _choose(self, lang: str, entries: Sequence[Row]) -> tuple[Row, list[Any]]:
        """An entry, by weight, among those with a text in this language, and one of its texts."""
        spoken = [e for e in entries if any(text[0] in (lang, "") for text in e["variants"])]
        entry = self.chance.choices(spoken, [entry["weight"] for entry in spoken])[0]
        return entry, self.chance.choice([v for v in entry["variants"] if v[0] in (lang, "")])

    def make_needs(self) -> None:
        for _ in range(NEEDS - RETOLD_NEEDS):
            self._make_need(self.hub())

    def _make_need(self, hub: str) -> None:
        entry, lang, said = self._news(hub)
        category = entry["category"]
        text_lang, title, text, unit, quantities = said
        party = self._party(hub, text_lang or lang, many="{p" in title + text)
        people = party["people"]
        if isinstance(quantities, str):  # "p3" means 3 for each person
            quantity = people * int(quantities[1:])
        else:
            quantity = self.chance.choice(quantities)
        words = {"p": people, "pa": arabic_digits(people)}
        urgency = self.chance.choice(entry["urgencies"].split())
        if category == "safety.rescue":
            people = quantity
        life = category == "safety.rescue" or (category, unit) in _LIFE
        minute = min(self.chance.randrange(172), self.chance.randrange(240)) + 1
        channel = self.pick(_CHANNELS["need"])
        if category in ("private", "safety.rescue"):
            channel = "desk"
        self.add(
            minute=minute,
            hub=hub,
            entered_by="" if channel in ("own_device", "hub_page") else self.desk(hub),
            kind="need",
            intake_channel=channel,
            on_behalf_of=party["tag"],
            category=category,
            people="" if category == "private" else people,
            title=title.format(**words),
            text=text.format(**words),
            lang=text_lang,
            quantity=quantity or "",
            unit=unit if quantity else "",
            urgency="now" if life else urgency,
            life_threatening=int(life),
            area=party["area"],
            ref=self._ref(hub),
            needed_by_minute=minute + self.chance.choice([40, 60, 90])
            if self.chance.random() < 0.15
            else "",
        )

    def _news(self, hub: str) -> tuple[Row, str, list[Any]]:
        """What nobody told here yet: one hub never hears the same words twice, some words are heard
        only once anywhere."""
        while True:
            lang = self.pick(HUBS[hub]["languages"])
            entry, said = self._choose(lang, TEXTS["needs"])
            words = (said[1], said[2], "" if entry["category"] in _ONCE else hub)
            if entry["category"] == "private" or words not in self._heard:
                self._heard.add(words)
                return entry, lang, said

    def make_needs_told_in_one_go(self) -> None:
        """Needs that a household tells together share a slip number, a minute and a desk."""
        seen: dict[tuple[str, str], list[Row]] = {}
        for row in self.of_kind("need"):
            if row["on_behalf_of"] and row["intake_channel"] in ("desk", "paper"):
                seen.setdefault((row["hub"], row["on_behalf_of"]), []).append(row)
        number = 0
        for rows in seen.values():
            group = [row for row in rows if not row["truth_duplicate_of"]]
            if len(group) < 2:
                continue
            number += 1
            for row in group[:3]:
                if row["needed_by_minute"]:
                    shift = rows[0]["minute"] - row["minute"]
                    row["needed_by_minute"] = str(int(row["needed_by_minute"]) + shift)
                row["slip"] = f"S{number:02d}"
                for name in ("minute", "entered_by", "intake_channel"):
                    row[name] = rows[0][name]

    # ---- the same told twice
    def make_retold_needs(self) -> None:
        """By the same household, or by a neighbour, here or at another hub."""
        originals = [
            row
            for row in self.of_kind("need")
            if row["minute"] < 140 and row["category"] not in _QUIET
        ]
        alike = self.chance.sample([row for row in originals if row["category"] in _ALIKE], 4)
        plain = self.chance.sample([row for row in originals if row not in alike], 10)
        for number in range(RETOLD_NEEDS):
            self._retell(number, alike.pop() if number % 3 == 2 else plain.pop())

    def _retell(self, number: int, first: Row) -> None:
        """Every third telling is in other words, at another hub."""
        hub = first["hub"]
        if number % 3 == 2:
            hub = self.chance.choice([letter for letter in HUBS if letter != hub])
        copy = {key: value for key, value in first.items() if not key.startswith("_")}
        copy |= {
            "minute": first["minute"] + self.chance.randint(4, 35),
            "hub": hub,
            "entered_by": self.desk(hub),
            "intake_channel": self.chance.choice(["desk", "paper", "phone"]),
            "ref": self._ref(hub),
            "truth_duplicate_of": first["_order"],
        }
        if number % 3:
            copy |= {"on_behalf_of": "", "people": "", "slip": ""}
            other = self._other_words(first) if number % 3 == 2 else []
            copy |= self._said_otherwise(first, other)
        self.add(**copy)

    def _other_words(self, first: Row) -> list[list[Any]]:
        return [
            variant
            for entry in TEXTS["needs"]
            if entry["category"] == first["category"] and entry["category"] in _ALIKE
            for variant in entry["variants"]
            if variant[3] == first["unit"] and variant[1] != first["title"]
        ]

    def _said_otherwise(self, first: Row, words: list[list[Any]]) -> Row:
        if words:
            lang, title, text = self.chance.choice(words)[:3]
            people = {"p": first["people"], "pa": arabic_digits(int(first["people"]))}
            return {"lang": lang, "title": title.format(**people), "text": text.format(**people)}
        title, text = TEXTS["retold"][first["lang"]]
        said = {"t": first["title"], "x": first["text"]}
        return {"title": title.format(**said), "text": text.format(**said)}

    # ---- offers and notices
    def make_offers(self) -> None:
        for _ in range(OFFERS - RETOLD_OFFERS):
            self._make_offer(self.hub())
        offers = [
            row
            for row in self.of_kind("offer")
            if row["intake_channel"] == "desk" and row["minute"] < 120
        ]
        for first in self.chance.sample(offers, RETOLD_OFFERS):
            copy = {key: value for key, value in first.items() if not key.startswith("_")}
            copy |= {
                "minute": first["minute"] + self.chance.randint(5, 25),
                "entered_by": self.desk(first["hub"]),
                "intake_channel": "paper",
                "ref": self._ref(first["hub"]),
                "truth_duplicate_of": first["_order"],
            }
            self.add(**copy)

    def _make_offer(self, hub: str) -> None:
        lang = self.pick(HUBS[hub]["languages"])
        entry, (text_lang, title, text, unit, quantities, *rest) = self._choose(
            lang, TEXTS["offers"]
        )
        options = rest[0] if rest else {}
        quantity = self.chance.choice(quantities)
        minute = min(self.chance.randrange(165), self.chance.randrange(210)) + 2
        channel = self.pick(_CHANNELS["offer"])
        self.add(
            minute=minute,
            hub=hub,
            entered_by=self.desk(hub) if channel in ("desk", "radio") else "",
            kind="offer",
            intake_channel=channel,
            on_behalf_of=f"{hub}-g{self.chance.randint(1, 60):02d}",
            category=entry["category"],
            title=title,
            text=text,
            lang=text_lang,
            quantity=quantity or "",
            unit=unit if quantity else "",
            per_pack=options.get("per_pack", ""),
            per_unit=options.get("per_unit", ""),
            area=self.chance.choice(HUBS[hub]["areas"]),
            ref=self._ref(hub),
            available_until_minute=max(minute + 20, options["until"]) if "until" in options else "",
            range=options.get("range", self.chance.choice(["hub", "hub", "anywhere"])),
            inexhaustible=options.get("inexhaustible", 0),
            returnable=options.get("returnable", 0),
        )

    def make_notices(self) -> None:
        for minute, hub, topic, certainty, lang, title, text, area, key, old in TEXTS["notices"]:
            row = self.add(
                minute=minute,
                hub=hub,
                entered_by=self.desk(hub),
                kind="notice",
                intake_channel="desk",
                topic=topic,
                certainty=certainty,
                lang=lang,
                title=title,
                text=text,
                area=area,
                life_threatening=int(key == "r2"),
                ref=self._ref(hub),
            )
            self.notices[key] = row
            if old:
                row["supersedes"] = self.notices[old]["_order"]
