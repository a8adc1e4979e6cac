"""`node.board` does what the command line does: one story is told on three homes, by verbs of the
control socket, by calls, and by calls that wait; and every answer is the same."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trio

from meshaid import blocking, commands
from meshaid.entry import Entered
from meshaid.errors import InvalidInput
from meshaid.file_verbs import imported_json
from tests.shell.street import LOOPBACK, NOON, Street

OF_THE_COMMUNITY = {"heading", "status", "peers", "invite", "link"}
"""Verbs that are not about the board."""
CSV = b"id,kind,title,quantity,unit\n1,need,Milk,3,L\n2,offer,Tea,x,kg\n"
OWN_NAMES = re.compile(r"[a-z2-7]{52}|\b[a-z2-7]{16}\b|\b[A-Z][0-9]{6}\b")
"""Ids and spoken codes, which every home draws for itself."""


def plain(answer: Any) -> Any:
    """What a call gave, as the verb says it."""
    return answer.as_json() if hasattr(answer, "as_json") else answer


def entered(answer: Entered) -> Any:
    warnings = [caution.as_json() for caution in answer.warnings]
    code = {"claim_code": answer.claim_code} if answer.claim_code else {}
    return {"id": answer.row.id, "ref": answer.row.record.text("ref"), "warnings": warnings, **code}


def without_warnings(answer: Any) -> Any:
    return {key: value for key, value in plain(answer).items() if key != "warnings"}


def exported(answer: Any) -> Any:
    return {
        "format": answer.format,
        "records": answer.records,
        "exercise": answer.exercise,
        "left_out": dict(answer.left_out),
        "data": base64.b64encode(answer.data).decode(),
    }


@dataclass(frozen=True)
class Step:
    """One thing that somebody does; `{name}` stands for the id that an earlier step was kept as."""

    verb: str
    arguments: dict[str, Any]
    call: str
    args: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    keep: str = ""
    of_call: Callable[[Any], Any] = plain
    of_verb: Callable[[Any], Any] = lambda answer: answer


def said(verb: str, ref: str, *, keep: str = "", **options: Any) -> Step:
    """A step about one record whose verb and call have the same arguments."""
    name = "need" if verb == "pledge" else "ref"
    call = verb.replace("-", "_")
    return Step(verb, {name: ref, **options}, call, (ref,), options, keep)


def written(kind: str, keep: str, **fields: Any) -> Step:
    arguments = {"kind": kind, "fields": fields}
    return Step("add", arguments, "enter", (kind,), fields, keep, entered)


WATER = {"title": "Water", "quantity": "40", "unit": "L", "area": "Cedar"}
HUB = {"title": "Cedar School", "areas": "Cedar; Mill", "emergency": "Ring the bell."}
STORY = [
    Step("hub", {"fields": HUB}, "hub", (), HUB, "hub", plain, without_warnings),
    Step("emergency", {"area": "Mill"}, "emergency", ("Mill",)),
    written("need", "water", **WATER),
    written("need", "again", title="Water for us", area="Cedar"),
    written("offer", "packs", title="Bottled water", quantity="8", unit="pack", area="Cedar"),
    written("notice", "notice", title="Boil water", text="ask 0123456789"),
    Step("check", {"kind": "need", "fields": WATER}, "check", ("need",), WATER),
    Step(
        "match",
        {},
        "match",
        (),
        {},
        "",
        lambda found: {"of": found.of, "total": found.total},
        lambda told: {"of": told["of"], "total": told["total"]},
    ),
    Step(
        "duplicates",
        {"ref": "{water}"},
        "duplicates",
        ("{water}",),
        {},
        "",
        lambda found: [(pair.record.id, pair.other.id, pair.mine) for pair in found],
        lambda told: [(c["record"]["id"], c["other"]["id"], c["mine"]) for c in told["candidates"]],
    ),
    Step(
        "edit",
        {"ref": "{packs}", "fields": {"per_pack": "9", "per_unit": "L"}},
        "edit",
        ("{packs}",),
        {"per_pack": "9", "per_unit": "L"},
        "",
        plain,
        without_warnings,
    ),
    said("pledge", "{water}", keep="pledge", offer="{packs}", quantity="3", unit="pack"),
    said("accept", "{pledge}", text="at the back door"),
    said("handed-over", "{water}"),
    said("receive", "{pledge}", keep="receipt", quantity="1", unit="pack", more_coming=True),
    said("not-received", "{pledge}"),
    said("decline", "{pledge}"),
    said("failed", "{pledge}"),
    said("returned", "{pledge}"),
    said("pledge", "{water}", keep="second", whole=True),
    said("withdraw", "{second}"),
    said("receive", "{water}", whole=False, condition="damaged"),
    said("flag", "{again}", keep="flag", reason="duplicate", other="{water}"),
    said("hide", "{notice}", reason="spam"),
    Step(
        "board",
        {"hidden": True, "sort": "newest", "limit": 2},
        "page",
        (),
        {"hidden": True, "sort": "newest", "limit": 2},
    ),
    said("unhide", "{notice}"),
    said("pause", "{water}"),
    Step(
        "board",
        {"text": "water", "mine": True, "status": "all"},
        "page",
        (),
        {"text": "water", "mine": True, "status": "all"},
    ),
    said("reopen", "{water}"),
    Step(
        "close",
        {"ref": "{again}", "reason": "duplicate", "duplicate_of": "{water}"},
        "close",
        ("{again}", "duplicate"),
        {"duplicate_of": "{water}"},
    ),
    Step("show", {"ref": "{water}"}, "look", ("{water}",)),
    Step("report", {}, "report"),
    Step(
        "contact-add",
        {"ref": "{water}", "text": "at No. 7", "to": ["stewards"]},
        "contact_add",
        ("{water}", "at No. 7"),
        {"to": ["stewards"]},
        "",
        lambda found: found.text,
        lambda told: told["text"],
    ),
    Step(
        "contact-show",
        {"ref": "{water}"},
        "contact_show",
        ("{water}",),
        {},
        "",
        lambda found: [c.text for c in found.contacts],
        lambda told: [c["text"] for c in told["contacts"]],
    ),
    Step(
        "contact-erase",
        {"ref": "{water}"},
        "contact_erase",
        ("{water}",),
        {},
        "",
        lambda count: {"erased": count},
    ),
    Step(
        "import",
        {"data": base64.b64encode(CSV).decode()},
        "import_file",
        (CSV,),
        {},
        "",
        imported_json,
    ),
    Step(
        "export",
        {"format": "csv", "kind": "notice"},
        "export",
        ("csv",),
        {"kind": "notice"},
        "",
        exported,
        lambda told: told,
    ),
]


class Ticking:
    """A clock that is a minute later with each step, so that nothing is left to the ids' order."""

    def __init__(self) -> None:
        self.minutes = 0

    def __call__(self) -> float:
        return float(NOON + 60 * self.minutes)


class Names:
    """Each home's own ids and codes, by the order in which they are told."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self.kept: dict[str, str] = {}

    def resolved(self, value: Any) -> Any:
        """Arguments with the ids that were kept."""
        if isinstance(value, str):
            return value.format(**self.kept) if value.startswith("{") else value
        if isinstance(value, dict):
            return {key: self.resolved(entry) for key, entry in value.items()}
        return tuple(map(self.resolved, value)) if isinstance(value, tuple) else value

    def hidden(self, value: Any) -> Any:
        """An answer with a number for every name of its own."""
        if isinstance(value, str):
            return OWN_NAMES.sub(
                lambda match: self._known.setdefault(match[0], f"<{len(self._known)}>"), value
            )
        if isinstance(value, dict):
            return {key: self.hidden(entry) for key, entry in value.items() if key != "data"}
        return [*map(self.hidden, value)] if isinstance(value, list | tuple) else value

    def heard(self, step: Step, answer: Any) -> Any:
        if step.keep:
            self.kept[step.keep] = answer["id"]
        return self.hidden(answer)


@pytest.fixture
def homes(tmp_path: Path) -> list[Path]:
    """Three hubs of one name and letter that never meet."""
    folders = [tmp_path / name for name in ("verbs", "calls", "waits")]
    for folder in folders:
        folder.mkdir()
    return [Street(folder).found("Cedar", kind="hub", letter="C") for folder in folders]


async def by_verbs(street: Street, home: Path) -> list[Any]:
    names, told, clock = Names(), [], Ticking()
    async with street.runs(home, clock=clock) as host:
        for clock.minutes, step in enumerate(STORY):
            answer = await host.node.execute(step.verb, names.resolved(step.arguments), None)
            told.append(names.heard(step, step.of_verb(answer)))
    return told


async def by_calls(street: Street, home: Path) -> list[Any]:
    names, told, clock = Names(), [], Ticking()
    async with street.runs(home, clock=clock) as host:
        for clock.minutes, step in enumerate(STORY):
            call = getattr(host.node.board, step.call)
            answer = await call(*names.resolved(step.args), **names.resolved(step.options))
            told.append(names.heard(step, step.of_call(answer)))
    return told


def by_waiting(home: Path) -> list[Any]:
    names, told, clock = Names(), [], Ticking()
    with blocking.open_node(home, listen=LOOPBACK, mdns=False, clock=clock) as node:
        for clock.minutes, step in enumerate(STORY):
            call = getattr(node.board, step.call)
            answer = call(*names.resolved(step.args), **names.resolved(step.options))
            told.append(names.heard(step, step.of_call(answer)))
    return told


async def test_verbs_and_calls_give_the_same(street: Street, homes: list[Path]) -> None:
    verbs = await by_verbs(street, homes[0])
    calls = await by_calls(street, homes[1])
    waits = await trio.to_thread.run_sync(by_waiting, homes[2])
    for step, *answers in zip(STORY, verbs, calls, waits, strict=True):
        assert answers == [answers[0]] * 3, step.verb


def test_the_story_has_every_verb_of_the_board() -> None:
    told = {step.verb for step in STORY} | {"claim"}  # for claim see test_claims.py
    assert told == set(commands.VERBS) - OF_THE_COMMUNITY


FAULTS: list[tuple[str, tuple[Any, ...], dict[str, Any], set[str]]] = [
    ("add", ("wish",), {}, {"kind"}),
    ("check", ("wish",), {"title": "Tea"}, {"kind"}),
    ("page", (), {"kind": "wish", "sort": "price", "status": "foo"}, {"kind", "sort", "status"}),
    ("page", (), {"category": "wat", "limit": 3}, {"category"}),
    ("export", ("pdf",), {}, {"format"}),
    ("export", ("csv",), {"member": "nobody"}, {"member"}),
    ("export", ("csv",), {"status": "foo"}, {"status"}),
    ("export", ("automerge",), {}, {"member"}),
    ("import_file", (CSV,), {"format": "pdf"}, {"format"}),
    ("import_file", (CSV,), {"kind": "pledge"}, {"kind"}),
    ("import_file", (CSV,), {"category": "wat"}, {"category"}),
    ("import_file", (CSV,), {"labels": {"tents": "wat"}}, {"labels"}),
    ("close", ("{need}", "done"), {}, {"reason"}),
    ("close", ("{need}", "duplicate"), {"duplicate_of": "C482912"}, {"duplicate_of"}),
    ("claim", ("{need}", "{code}", "close"), {"reason": "done"}, {"reason"}),
    ("claim", ("{need}", "{code}", "clos"), {}, {"action"}),
    ("claim", ("{need}", "12345", "show"), {}, {"code"}),
    ("contact_add", ("{need}", "0123"), {"to": "nobody here"}, {"to"}),
    ("contact_add", ("{need}",), {"to": "stewards"}, {"text"}),
    ("flag", ("{need}", "done"), {}, {"reason"}),
    ("flag", ("{need}", "duplicate"), {"other": "C482912"}, {"other"}),
    ("hide", ("{need}", "old"), {}, {"reason"}),
    ("pledge", ("C482912",), {}, {"need"}),
    ("pledge", ("{offer}",), {}, {"need"}),
    ("pledge", ("{need}",), {"offer": "{need}"}, {"offer"}),
    ("pledge", ("{need}",), {"offer": "C482912"}, {"offer"}),
    ("receive", ("{need}",), {"condition": "old"}, {"condition"}),
    # values of a wrong type
    ("pledge", (5,), {"text": None}, {"need", "text"}),
    ("records", (), {"text": 5, "mine": "yes"}, {"text", "mine"}),
    ("page", (), {"limit": True}, {"limit"}),
    ("claim", ("{need}", 123456, 7), {}, {"code", "action"}),
    ("import_file", ("text",), {}, {"data"}),
    ("enter", ("need",), {"claim": 1, "title": "Tea"}, {"claim"}),
]


@pytest.mark.parametrize(("call", "args", "options", "named"), FAULTS)
async def test_every_argument_that_is_wrong_is_named(
    street: Street,
    call: str,
    args: tuple[Any, ...],
    options: dict[str, Any],
    named: set[str],
) -> None:
    async with street.runs(street.found("anna")) as anna:
        board = anna.node.board
        need = await board.enter("need", claim=True, title="Water")
        offer = await board.add_offer("Water")
        known = {"{need}": need.row.id, "{offer}": offer.id, "{code}": need.claim_code}

        def resolved(value: Any) -> Any:
            return known.get(value, value) if isinstance(value, str) else value

        with pytest.raises(InvalidInput) as error:
            await getattr(board, call)(
                *map(resolved, args), **{name: resolved(value) for name, value in options.items()}
            )
        assert error.value.fields.keys() == named
        assert all(error.value.fields.values())
