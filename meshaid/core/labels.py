"""What people call things, and the category that they mean by it.

Tables of other tools name their categories and items in their own words. A whole label is looked
up first, then the words in it, those of several words before single ones. A hub's own choice comes
before both. What nothing tells stays in `other`: the list of those labels says which words, or
which categories, are missing.
Source: docs/protocol.md, "Import and export" (labels).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from meshaid.core.categories import CATEGORIES, OTHER

_WHOLE: Final = """
cleanup equiment = goods.tools
power supply / generators = power.generator
essential goods / household = goods.household
food security = food | alimentación = food | nourriture = food | seguridad alimentaria = food
wash = water | water, sanitation and hygiene = water | agua = water | eau = water
salud = health | santé = health | nutrition = food.baby
alojamiento = shelter | abri = shelter | emergency shelter and nfi = shelter
emergency telecommunications = info.comms | telecommunication / it = info.comms
protection = safety.protection | protección = safety.protection
logistics = transport | logística = transport | early recovery = work
essential goods = goods.household | non-food items = goods.household | nfi = goods.household
translator = info.language | skills (services) = work.hands | cash transfers = goods.money
"""
_WORDS: Final = """
water.drinking: drinking water, potable water, bottled water, bottles of water, water bottle,
  agua potable, eau potable, water
water.washing: washing water, water for flushing, flushing, water tank, bladder
water.treatment: water filter, water treatment, water purification, purification, chlorine
food.meals: ready meal, hot meal, cooked meal, meal, cooking, soup, food service
food.groceries: canned food, comida enlatada, grocery, groceries, rice, flour, lentil, bean, food
food.baby: baby food, infant formula, formula, diaper, nappy, nappies
health.firstaid: first aid, bandage
health.medicine: medicine, medication, drug, vaccine, pharmacy, medical kit
health.device: ventilator, oxygen, wheelchair, stethoscope, thermometer, crutch, capr, papr
health.protective: n95, n95s, mask, face shield, gown, glove, goggle, bootie, coverall, respirator,
  protective, protection equipment, ppe, swab
health: medical treatment
hygiene.supplies: hygiene kit, higiene, dignity kit, sanitizer, sanitiser, soap, toothbrush,
  toothpaste, sanitary pad, hygiene, disinfectant, disinfecting, wipe, alcohol, bleach, towel,
  razor, hair comb, nail clipper, washing powder
hygiene.toilets: toilet, latrine, shower, sanitary equipment
shelter.stay: temporary housing, housing, shelter for, bed for, accommodation, evacuation center,
  evacuation centre
shelter.bedding: blanket, bedding, bed sheet, pillow, mattress, sleeping bag, frazada, colcha
shelter.cover: tarpaulin, tarp, tent, plastic sheet, cgi sheet, shelter kit, shelter tool kit, lona,
  tienda familiar, mosquito net, mosquitero, shelter repair
shelter.warmth: heater, warm room, cool room
goods.clothing: clothing, clothes, shoe, coat, underwear, panties, uniform, jacket
goods.household: non-food item, non-food, nfi, kitchen set, kitchen, cooking pot,
  cooking utensil, household, jerry can, jerrycan, bucket, saucepan, plate, mug, spoon, stove,
  knife, candle, curtain, cup, container, bidones, kit de cocina, dustbin, dish wash, cloth
goods.tools: tool kit, tool, cleaning kit, cleaning, hand saw, chainsaw, crowbar, hammer, nail,
  shear, rope, broom, broomstick, dust pan, hoe, wiper, kit de herramientas, machete
goods.money: cash, voucher, money
power.charging: charger, charging, power bank
power.generator: generator, power supply, electricity
power.fuel: fuel, diesel, petrol, gasoline, propane, kerosene
power.light: lamp, lantern, torch, flashlight, battery, batteries
work.hands: volunteer, helping hand, lift at least, stand for, sit for, climb stairs, labour, labor
work.cleanup: cleanup, clean-up, debris, sweeper, mud
work.repair: repair, plumber, plumbing, electrician, carpenter, construction, building architect,
  facility maintenance
work.machines: pump, heavy machinery, excavator, tractor
transport.people: driving, ride, bus, boat, car, pilot, evacuation
transport.goods: truck driving, truck, delivery, transport, transportation, warehouse
care.children: child care, childcare
care.adults: elderly care, elderly, disabled
care.pets: pet care, pet, animal, dog, cat, goat, chicken, veterinary
care.talk: psychosocial support, psychology, counselling, counseling, mental health
info.guidance: information, guidance, incident command
info.language: translation, translator, interpreting, interpreter, sign language, language, braille
info.paperwork: legal aid, legal advice, lawyer, paperwork, benefits administration, accounting
info.comms: radio, telephone, computer, telecommunication, internet, data entry
safety.rescue: search and rescue, search & rescue, rescue, fire suppression
"""
_SPLIT: Final = re.compile(r"[,;\n]| and ")
_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def plain(label: str) -> str:
    """A label as it is compared: NFKC, lower case, single blanks."""
    return " ".join(unicodedata.normalize("NFKC", label).casefold().split())


def _whole_labels() -> Iterator[tuple[str, str]]:
    for category in CATEGORIES.values():
        yield category.code, category.code
        yield plain(category.label), category.code
    for pair in _WHOLE.strip().replace("\n", "|").split("|"):
        label, _, code = pair.partition("=")
        yield plain(label), code.strip()


def _stem(word: str) -> str:
    """A word without the English plural, so that masks are a mask."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _words(text: str) -> tuple[str, ...]:
    return tuple(_stem(word) for word in _WORD.findall(plain(text)))


def _phrases() -> Iterator[tuple[tuple[str, ...], str]]:
    for line in re.sub(r"\n  ", " ", _WORDS.strip()).split("\n"):
        code, _, phrases = line.partition(":")
        for phrase in phrases.split(","):
            yield _words(phrase), code


_BY_LABEL: Final = dict(_whole_labels())
_BY_PHRASE: Final = dict(_phrases())
_LONGEST: Final = max(map(len, _BY_PHRASE))


def category_called(label: str, chosen: Mapping[str, str]) -> str:
    """The category whose code, name or chosen name is exactly this label, or empty.

    Args:
      chosen: codes by `plain` labels that somebody chose; they come first.
    """
    return chosen.get(plain(label)) or _BY_LABEL.get(plain(label), "")


def category_named(label: str, chosen: Mapping[str, str]) -> str:
    """The category code that a label means, or empty.

    A list of things ("masks, gloves, gowns") has the category of most of them. `chosen` as in
    `category_called`.
    """
    whole = category_called(label, chosen)
    if whole:
        return whole
    found = [_of_thing(thing, chosen) for thing in _SPLIT.split(label) if thing.strip()]
    known = Counter(code for code in found if code and code != OTHER)
    if not known:
        return OTHER if OTHER in found else ""
    return known.most_common(1)[0][0]


def _of_thing(thing: str, chosen: Mapping[str, str]) -> str:
    return category_called(thing, chosen) or _by_words(_words(thing))


def _by_words(words: tuple[str, ...]) -> str:
    """The category of the longest phrase that stands in the words; of equal ones the first."""
    for length in range(min(_LONGEST, len(words)), 0, -1):
        for begin in range(len(words) - length + 1):
            code = _BY_PHRASE.get(words[begin : begin + length])
            if code:
                return code
    return ""
