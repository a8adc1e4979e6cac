"""CAP 1.2 alerts: what becomes a notice, what is refused, and what no file can do to us."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid import limits
from meshaid.core.cap import read_cap
from meshaid.core.fields import Value
from meshaid.core.records import complete_record
from meshaid.core.slips import Slip, SlipTable, import_key
from meshaid.errors import InvalidInput
from tests.core.boards import NOW, reference, stored
from tests.core.samples import DATA, read, sample

FLOOD = "warnings.example.org,example-flood-001,2026-03-14T09:20:00+13:00"
UPDATE = "warnings.example.org,example-flood-002,2026-03-13T22:05:00-00:00"
INFO = (
    "<info><category>Geo</category><event>Slip</event><urgency>Expected</urgency>"
    "<severity>Minor</severity><certainty>Likely</certainty></info>"
)


def alert(inside: str = INFO, **changed: str) -> bytes:
    """A small alert; an empty value takes an element away."""
    parts = {
        "identifier": "x-1",
        "sender": "a.example",
        "sent": "2026-03-14T09:20:00+13:00",
        "status": "Actual",
        "msgType": "Alert",
        "scope": "Public",
        **changed,
    }
    head = "".join(f"<{name}>{text}</{name}>" for name, text in parts.items() if text)
    return f'<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">{head}{inside}</alert>'.encode()


def info(**changed: str) -> str:
    parts = {
        "category": "Met",
        "event": "Storm",
        "urgency": "Expected",
        "severity": "Severe",
        "certainty": "Observed",
        **changed,
    }
    inside = "".join(f"<{name}>{text}</{name}>" for name, text in parts.items() if text)
    return f"<info>{inside}</info>"


def only(table: SlipTable) -> Slip:
    assert table.refused == []
    (slip,) = table.rows
    made = complete_record("notice", slip.fields, now=NOW, ref="")
    assert stored(reference("ada", "x"), made).readable
    return slip


def notice(source: bytes, *, exercise: bool = False) -> dict[str, Value]:
    return dict(only(read_cap(source, exercise=exercise)).fields)


# ---- the samples


def test_an_alert_in_two_languages_is_one_notice() -> None:
    slip = only(read_cap(sample("cap/flood_alert.xml"), exercise=False))
    assert (slip.row_id, slip.kind, dict(slip.links)) == (FLOOD, "notice", {})
    texts = slip.fields["texts"]
    assert isinstance(texts, dict)
    assert list(texts) == ["en", "es"]
    assert texts["es"].startswith("El río se desbordó en Bridge End\nEl río está 0,4 m")
    text = str(slip.fields["text"])
    assert text.startswith("The river is 0.4 m above the danger mark & still rising.\nLeave ground")
    assert {n: v for n, v in slip.fields.items() if n not in ("text", "texts")} == {
        "title": "River over its banks at Bridge End",
        "topic": "weather",
        "certainty": "confirmed",
        "severity": "severe",
        "source": "import",
        "intake_channel": "import",
        "area": "Bridge End; Riverside South",
        "created_at": 1_773_433_200,
        "observed_at": 1_773_433_200,
        "effective_at": 1_773_433_200,
        "expires_at": 1_773_475_200,
        "ext_id": FLOOD,
        "lang": "en",
        "import_key": import_key(FLOOD, format_name="cap"),
    }


def test_no_polygon_and_no_circle_is_kept() -> None:
    fields = notice(sample("cap/flood_alert.xml"))
    for number in ("174.76", "-41.3", "2.5"):
        assert number not in str(fields)


def test_an_update_takes_the_place_of_what_it_names() -> None:
    table = read_cap(sample("cap/flood_update.xml"), exercise=False)
    assert dict(only(table).links) == {"supersedes": FLOOD}
    assert table.ended == []
    assert table.key_of(FLOOD) == only(read(sample("cap/flood_alert.xml"))).import_key


def test_of_several_an_update_supersedes_the_newest_and_ends_the_others() -> None:
    old = "a.example,x-0,2026-03-13T09:20:00+13:00"
    table = read_cap(alert(msgType="Update", references=f"{FLOOD}\n {old}"), exercise=False)
    assert dict(only(table).links) == {"supersedes": FLOOD}
    assert table.ended == [old]


def test_a_cancel_takes_back_what_it_names() -> None:
    table = read_cap(sample("cap/flood_cancel.xml"), exercise=False)
    assert (table.rows, table.ended) == ([], [FLOOD, UPDATE])


def test_an_exercise_is_taken_only_in_an_exercise_and_nothing_else_there() -> None:
    assert notice(sample("cap/exercise.xml"), exercise=True)["title"] == (
        "EXERCISE: strong earthquake"
    )
    with pytest.raises(InvalidInput, match="no exercise"):
        read_cap(sample("cap/exercise.xml"), exercise=False)
    for path in sorted(Path(DATA, "cap").glob("flood*.xml")):
        with pytest.raises(InvalidInput, match="is an exercise"):
            read_cap(path.read_bytes(), exercise=True)


def test_it_is_known_by_its_content() -> None:
    assert read(sample("cap/flood_alert.xml")).format == "cap"
    assert read(b"\xef\xbb\xbf  " + alert()).format == "cap"
    assert read(sample("cap/exercise.xml"), exercise=True).format == "cap"


# ---- what is refused


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (alert(status="Test"), "status"),
        (alert(status="System"), "status"),
        (alert(status="Draft"), "status"),
        (alert(status="Invented"), "status"),
        (alert(msgType="Ack"), "msgType"),
        (alert(msgType="Error"), "msgType"),
        (alert(scope="Restricted"), "scope"),
        (alert(scope="Private"), "scope"),
        (alert(sent="2026-03-14T09:20:00Z"), "never Z"),
        (alert(sent="2026-03-14T09:20:00"), "sent"),
        (alert(sent="2026-13-14T09:20:00+00:00"), "sent"),
        (alert(identifier="a b"), "identifier"),
        (alert(identifier="a,b"), "identifier"),
        (alert(sender="a&lt;b"), "sender"),
        (alert(sender="a&amp;b"), "sender"),
        (alert(msgType="Update"), "references"),
        (alert(msgType="Cancel"), "references"),
        (alert(msgType="Update", references="a,b"), "references"),
        (alert(msgType="Update", references="a,b,2026-03-14"), "references"),
        (alert(msgType="Cancel", references=" ".join(f"a,{i},{FLOOD.rpartition(',')[2]}"
               for i in range(limits.CAP_REFERENCES + 1))), "more than"),
        (alert(""), "no `info`"),
        (alert(INFO * (limits.CAP_INFOS + 1)), "info blocks"),
        (alert(info(event="")), "no `event`"),
        (alert(info(severity="")), "no `severity`"),
        (alert(info(expires="tomorrow")), "expires"),
        *((alert(**{name: ""}), name) for name in
          ("identifier", "sender", "sent", "status", "msgType", "scope")),
        (alert(INFO + "<scope>Public</scope>"), "one `scope`"),
        (b"<alert/>", "no CAP 1.2"),
        (alert().replace(b"cap:1.2", b"cap:1.1"), "no CAP 1.2"),
        (b"<html></html>", "no CAP 1.2"),
        (b"<alert", "well-formed"),
        (alert() + b"<more/>", "well-formed"),
        (alert().replace(b"</alert>", b""), "well-formed"),
        (b"", "well-formed"),
        (alert("<a>" * 40 + "</a>" * 40), "nested"),
        (alert(" " * limits.CAP_BYTES), "larger than"),
        (b'<?xml version="1.0" encoding="no-such"?>' + alert(), "well-formed"),
    ],
)  # fmt: skip
def test_alerts_that_are_refused(source: bytes, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        read_cap(source, exercise=False)


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)


@pytest.mark.parametrize(
    "before",
    [
        BOMB,
        '<!DOCTYPE x SYSTEM "http://example.org/x.dtd">',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://example.org/p"> %p;]>',
        "<!DOCTYPE x>",
    ],
)
def test_a_document_type_is_refused_before_anything_of_it_is_used(before: str) -> None:
    source = before.encode() + alert(info(headline="&c;" if before is BOMB else "x"))
    with pytest.raises(InvalidInput, match="document type or entities"):
        read_cap(source, exercise=False)


def test_an_entity_without_a_document_type() -> None:
    with pytest.raises(InvalidInput, match="well-formed"):
        read_cap(alert(info(headline="&e;")), exercise=False)


def test_a_signature_within_is_passed_over() -> None:
    signature = '<s:Signature xmlns:s="urn:s"><s:info><s:event>No</s:event></s:info></s:Signature>'
    assert notice(alert(signature + INFO))["title"] == "Slip"
    assert notice(alert(INFO + signature))["title"] == "Slip"


# ---- the notice


@pytest.mark.parametrize(
    ("categories", "topic"),
    [("Met", "weather"), ("Infra", "lifeline"), ("Transport", "lifeline"), ("Geo", "hazard"),
     ("CBRNE", "hazard"), ("Odd", "hazard")],
)  # fmt: skip
def test_topics(categories: str, topic: str) -> None:
    assert notice(alert(info(category=categories)))["topic"] == topic


@pytest.mark.parametrize(
    ("certainty", "told"),
    [("Observed", "confirmed"), ("Likely", "confirmed"), ("Possible", "unconfirmed"),
     ("Unlikely", "unconfirmed"), ("Unknown", "unconfirmed")],
)  # fmt: skip
def test_certainty(certainty: str, told: str) -> None:
    assert notice(alert(info(certainty=certainty)))["certainty"] == told
    both = alert(info(certainty="Observed") + info(certainty=certainty))
    assert notice(both)["certainty"] == told


def test_of_several_blocks_the_worst_and_the_longest_counts() -> None:
    fields = notice(
        alert(
            info(severity="Minor", expires="2026-03-14T12:00:00+13:00", area="")
            + info(severity="Extreme", expires="2026-03-14T15:00:00+13:00")
        )
    )
    assert (fields["severity"], fields["expires_at"]) == ("extreme", 1_773_453_600)


def test_without_an_end_it_ends_after_48_hours() -> None:
    fields = notice(alert())
    assert fields["expires_at"] == 1_773_433_200 + 48 * 3600
    assert (fields["title"], fields["lang"], "text" in fields) == ("Slip", "en-US", False)


def test_long_words_are_shortened_and_said_so() -> None:
    table = read_cap(
        alert(
            info(headline="Long " * 40, description="word " * 400).replace(
                "</info>", "<area><areaDesc>" + "Bridge End " * 9 + "</areaDesc></area></info>"
            )
        ),
        exercise=False,
    )
    fields = only(table).fields
    assert len(str(fields["title"])) <= 80
    assert len(str(fields["text"])) <= 700
    assert len(str(fields["area"])) <= 40
    assert str(fields["text"]).startswith("Bridge End Bridge End")
    assert table.notes == [(1, "its text was shortened")]


def test_many_long_languages_fit_into_one_record() -> None:
    blocks = "".join(info(language=f"x{tag}", description="水" * 699) for tag in "abcdefghijklmno")
    table = read_cap(alert(blocks), exercise=False)
    texts = only(table).fields["texts"]
    assert isinstance(texts, dict)
    assert 0 < len(texts) < 12
    assert (1, "some of its languages were left out: it is too long") in table.notes


@pytest.mark.parametrize(
    ("told", "tag"), [("pt_BR", "pt-BR"), ("*", "und"), ("zh-Hant-TW-x-private", "und")]
)
def test_languages_that_are_written_otherwise(told: str, tag: str) -> None:
    assert notice(alert(info(language=told)))["lang"] == tag


@given(st.binary() | st.text().map(lambda text: alert(info(headline=text))))
def test_any_bytes_are_read_or_refused(source: bytes) -> None:
    try:
        table = read_cap(source, exercise=False)
    except InvalidInput as error:
        assert str(error)  # noqa: PT017
        return
    assert len(table.rows) == 1


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="<&>"), max_size=30)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"headline": TEXTS},
            optional={"language": TEXTS, "description": TEXTS, "severity": TEXTS, "event": TEXTS},
        ),
        min_size=1,
        max_size=4,
    )
)
def test_what_is_read_can_be_written(infos: list[dict[str, str]]) -> None:
    try:
        table = read_cap(alert("".join(info(**each) for each in infos)), exercise=False)
    except InvalidInput:
        return
    only(table)
