"""Alerts of authorities (CAP 1.2), as notices.

A radio operator brings a file; nobody has checked who made it, so a notice of it says `import` as
its source. One alert is one notice, with its texts by language; polygons and circles are not kept.
An Update takes the place of what it names, a Cancel takes it back. What is not for the public, a
test, a draft, or of an exercise elsewhere (or real in an exercise) is refused as a whole.

The parser is expat, in which a document type, and with it every entity, is an error here: so a
small file stays small, and nothing outside it is ever read.
Source: docs/protocol.md, "Import and export" (CAP); OASIS CAP-v1.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NoReturn, final
from xml.parsers import expat

from meshaid import limits
from meshaid.core.cells import shortened
from meshaid.core.fields import Language
from meshaid.core.records import validate_fields
from meshaid.core.slips import Slip, SlipTable
from meshaid.core.times import parse_time
from meshaid.errors import InvalidInput

FORMAT: Final = "cap"
"""The format's name inside import keys."""

_NAMESPACE: Final = "urn:oasis:names:tc:emergency:cap:1.2"
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d")
_NAME: Final = re.compile(r"[^\s,<&]{1,150}")
_REQUIRED: Final = ("identifier", "sender", "sent", "status", "msgType", "scope")
_REQUIRED_INFO: Final = ("category", "event", "urgency", "severity", "certainty")
_SEVERITIES: Final = ("extreme", "severe", "moderate", "minor", "unknown")
_TOPICS: Final = {"Met": "weather", "Infra": "lifeline", "Transport": "lifeline"}
_CERTAIN: Final = frozenset({"Observed", "Likely"})
_LANGUAGE: Final = "en-US"
"""What CAP says of an info block without a language."""

Fields = dict[str, list[str]]


@final
@dataclass(slots=True)
class _Alert:
    """What is read of the file: the texts of the elements that matter, in their order."""

    fields: Fields = field(default_factory=dict)
    infos: list[Fields] = field(default_factory=list)


def read_cap(source: bytes, *, exercise: bool) -> SlipTable:
    """Read one alert.

    Args:
      source: the XML file, at most limits.CAP_BYTES bytes.
      exercise: whether the community is an exercise: it takes only alerts of exercises, any other
        only actual ones.
    Returns:
      A table with one notice (none for a Cancel), and with the alerts that it ends, by their
      "sender,identifier,sent".
    Raises:
      InvalidInput: it is no such alert, or none for this board; the text says why.
    """
    if len(source) > limits.CAP_BYTES:
        raise InvalidInput(f"the alert is larger than {limits.CAP_BYTES} bytes")
    alert = _Reader().read(source)
    triple = _checked(alert.fields, exercise=exercise)
    kind = alert.fields["msgType"][0]
    named = _references(alert.fields)
    if kind != "Alert" and not named:
        raise InvalidInput(f"this {kind} names no alert in `references`")
    table = SlipTable(format=FORMAT)
    if kind == "Cancel":
        table.ended = named
        return table
    if not alert.infos:
        raise InvalidInput("this alert says nothing: it has no `info`")
    replaced = max(named, key=_sent_of) if kind == "Update" else ""
    table.ended = [name for name in named if name != replaced] if kind == "Update" else []
    table.rows.append(_slip(alert, triple, replaced, table))
    return table


def _checked(fields: Fields, *, exercise: bool) -> str:
    """The alert's "sender,identifier,sent", once it is known to be one for this board."""
    for name in _REQUIRED:
        if len(fields.get(name, ())) != 1:
            raise InvalidInput(f"this alert must have one `{name}`")
    for name in ("identifier", "sender"):
        if _NAME.fullmatch(fields[name][0]) is None:
            raise InvalidInput(f"{name}: must not hold a blank, a comma, `<` or `&`")
    _moment("sent", fields["sent"][0])
    status, kind = fields["status"][0], fields["msgType"][0]
    if status not in ("Actual", "Exercise"):
        raise InvalidInput("status: only Actual alerts are taken, in an exercise only Exercise")
    if exercise != (status == "Exercise"):
        where = "this community is an exercise" if exercise else "this community is no exercise"
        raise InvalidInput(f"status: the alert says {status}, but {where}")
    if kind not in ("Alert", "Update", "Cancel"):
        raise InvalidInput("msgType: only Alert, Update and Cancel are taken")
    if fields["scope"][0] != "Public":
        raise InvalidInput("scope: the alert is not for the public")
    return ",".join(fields[name][0] for name in ("sender", "identifier", "sent"))


def _references(fields: Fields) -> list[str]:
    """The alerts that this one names, each once."""
    named = list(dict.fromkeys(" ".join(fields.get("references", ())).split()))
    if len(named) > limits.CAP_REFERENCES:
        raise InvalidInput(f"references: names more than {limits.CAP_REFERENCES} alerts")
    for name in named:
        if name.count(",") != 2:
            raise InvalidInput("references: must be sender,identifier,sent of other alerts")
        _moment("references", name.rpartition(",")[2])
    return named


def _sent_of(triple: str) -> int:
    return _moment("references", triple.rpartition(",")[2])


def _moment(name: str, text: str) -> int:
    if _MOMENT.fullmatch(text) is None:
        raise InvalidInput(f"{name}: must be a time such as 2026-03-14T09:20:00+13:00, never Z")
    try:
        return parse_time(text)
    except InvalidInput as error:
        raise InvalidInput(f"{name}: {error}") from None


# ---- the notice


def _slip(alert: _Alert, triple: str, replaced: str, table: SlipTable) -> Slip:
    infos = alert.infos
    for info in infos:
        for name in _REQUIRED_INFO:
            if not info.get(name):
                raise InvalidInput(f"an `info` of this alert has no `{name}`")
    first = infos[0]
    sent = _moment("sent", alert.fields["sent"][0])
    expires = [_moment("expires", text) for info in infos for text in info.get("expires", ())]
    effective = [_moment("effective", text) for info in infos for text in info.get("effective", ())]
    areas = "; ".join(dict.fromkeys(area for info in infos for area in info.get("areaDesc", ())))
    entered: dict[str, object] = {
        "title": shortened(_heading(first), 80),
        "topic": _topic(infos),
        "certainty": "confirmed" if _is_certain(infos) else "unconfirmed",
        "severity": min(map(_severity, infos), key=_SEVERITIES.index),
        "source": "import",
        "intake_channel": "import",
        "area": shortened(areas, 40),
        "created_at": sent,
        "observed_at": sent,
        "effective_at": min(effective, default=sent),
        "expires_at": max(expires, default=sent + limits.NOTICE_HOURS * 3600),
        "ext_id": triple,
        **_texts(infos, areas if len(areas) > 40 else "", table),
    }
    fields = validate_fields("notice", entered)
    fields["import_key"] = table.key_of(triple)
    links = {"supersedes": replaced} if replaced else {}
    return Slip(1, triple, "notice", MappingProxyType(fields), MappingProxyType(links))


def _heading(info: Fields) -> str:
    return (info.get("headline") or info["event"])[0]


def _topic(infos: Iterable[Fields]) -> str:
    told = (category for info in infos for category in info["category"])
    return next((_TOPICS[category] for category in told if category in _TOPICS), "hazard")


def _is_certain(infos: Iterable[Fields]) -> bool:
    return all(info["certainty"][0] in _CERTAIN for info in infos)


def _severity(info: Fields) -> str:
    word = info["severity"][0].casefold()
    return word if word in _SEVERITIES else "unknown"


def _texts(infos: Sequence[Fields], areas: str, table: SlipTable) -> dict[str, object]:
    """The words of the first language as the text, and where there are more, those of each."""
    by_language: dict[str, list[str]] = {}
    for info in infos:
        language = _tag(info.get("language", [_LANGUAGE])[0])
        parts = [*info.get("headline", info["event"]), *info.get("description", ())]
        by_language.setdefault(language, []).extend([*parts, *info.get("instruction", ())])
    first, *others = by_language
    opening = [areas] if areas else []
    own = by_language[first]
    text = "\n".join([*opening, *(own[1:] if len(own[0]) <= 80 else own)])
    told: dict[str, object] = {"lang": first, "text": _at_most(text, table)}
    if others:
        texts = {tag: _at_most("\n".join(parts), table) for tag, parts in by_language.items()}
        kept = _that_fit(texts)
        if len(kept) < len(texts):
            table.notes.append((1, "some of its languages were left out: it is too long"))
        told["texts"] = kept
    return told


def _tag(language: str) -> str:
    """The language's tag as a record can hold it; `und`, undetermined, for what is none."""
    try:
        return Language().parse(language.replace("_", "-"))
    except InvalidInput:
        return "und"


def _at_most(text: str, table: SlipTable) -> str:
    if len(text) > 700:
        table.notes.append((1, "its text was shortened"))
    return shortened(text, 700)


def _that_fit(texts: Mapping[str, str]) -> dict[str, str]:
    """The first languages, as many as one record may hold."""
    kept: dict[str, str] = {}
    room = limits.CAP_TEXT_BYTES
    for tag, text in texts.items():
        room -= len(text.encode())
        if room < 0 or len(kept) == limits.MAX_INNER_ENTRIES:
            break
        kept[tag] = text
    return kept


# ---- the file


@final
class _Reader:
    """Expat's calls, as an alert. Elements of other namespaces (a signature) are passed over."""

    def __init__(self) -> None:
        self._alert = _Alert()
        self._path: list[str] = []
        self._text: list[str] = []

    def read(self, source: bytes) -> _Alert:
        """Read the whole file. Raises InvalidInput."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.EntityDeclHandler = _refuse_doctype
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        try:
            parser.Parse(source, True)
        except (expat.ExpatError, LookupError, ValueError) as error:
            raise InvalidInput(
                f"this is no well-formed XML ({type(error).__name__}); ask for the file again"
            ) from None
        return self._alert

    def _begin(self, name: str, attributes: object) -> None:
        del attributes
        namespace, _, local = name.rpartition(" ")
        if not self._path and (namespace, local) != (_NAMESPACE, "alert"):
            raise InvalidInput("this is no CAP 1.2 alert")
        self._path.append(local if namespace == _NAMESPACE else "")
        if len(self._path) > limits.CAP_DEPTH:
            raise InvalidInput("the alert is nested too deeply")
        if self._path == ["alert", "info"]:
            if len(self._alert.infos) == limits.CAP_INFOS:
                raise InvalidInput(f"the alert has more than {limits.CAP_INFOS} info blocks")
            self._alert.infos.append({})
        self._text.clear()

    def _end(self, name: str) -> None:
        del name
        path, text = self._path, " ".join("".join(self._text).split())
        if text and len(path) == 2:
            self._alert.fields.setdefault(path[1], []).append(text)
        elif text and path[:2] == ["alert", "info"] and len(path) == 3:
            self._alert.infos[-1].setdefault(path[2], []).append(text)
        elif text and path == ["alert", "info", "area", "areaDesc"]:
            self._alert.infos[-1].setdefault("areaDesc", []).append(text)
        self._path.pop()
        self._text.clear()


def _refuse_doctype(*_: object) -> NoReturn:
    raise InvalidInput("an alert must not have a document type or entities; this one is refused")
