"""Files on their way into a desk: batches, links, what is remembered, and alerts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from meshaid import limits
from meshaid.core.imports import read_file
from meshaid.core.slips import Reading
from meshaid.desk import Desk
from meshaid.errors import InvalidInput, StoreFull
from meshaid.intake import ENDED, Imported, Intake, import_file, own_reading, recalled
from meshaid.opening import open_home
from meshaid.outlet import export_board
from tests.cli.calls import NOON, done, found
from tests.core.samples import sample


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found(tmp_path / "home")
    with open_home(tmp_path / "home") as opened:
        yield Desk(opened.replica, random=Random(5).randbytes)


def bring(desk: Desk, source: str | bytes, **said: Any) -> Imported:
    data = source.encode() if isinstance(source, str) else source
    return import_file(desk, data, NOON, reading=Reading(**{"start": NOON, **said}))


def rows(desk: Desk, kind: str = "need", status: str = "all") -> list[dict[str, Any]]:
    return [row.as_json() for row in desk.board(NOON).rows(kind=kind, status=status)]


def lines(count: int) -> str:
    return "id,kind,title\n" + "".join(f"r{i},need,Water {i}\n" for i in range(count))


def test_a_better_reading_of_a_known_file_says_that_rows_stay_as_they_are(desk: Desk) -> None:
    table = "what,where it is\nSoup,North\nTents,South\nRice,\n"
    first = bring(desk, table, kind="need")
    assert (first.imported, first.known, first.differing) == (3, 0, 0)
    again = bring(desk, table, kind="need")
    assert (again.imported, again.known, again.differing) == (0, 3, 0)
    better = bring(desk, table, kind="need", columns={"where it is": "area"})
    assert (better.imported, better.known, better.differing) == (0, 3, 2)
    sorted_anew = bring(desk, table, kind="need", labels={"rice": "goods"})
    assert (sorted_anew.known, sorted_anew.differing) == (3, 1)
    assert {row["area"] for row in rows(desk)} == {None}


def test_what_was_changed_since_differs_from_its_file_and_states_do_not(desk: Desk) -> None:
    bring(desk, lines(3))
    changed, closed, _ = sorted(rows(desk), key=lambda row: row["title"])
    desk.edit(changed["id"], {"title": "Milk"}, NOON)
    desk.close(closed["id"], "received", NOON)
    again = bring(desk, lines(3))
    assert (again.imported, again.known, again.differing) == (0, 3, 1)


# ---- batches


def test_each_batch_is_one_transaction(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IMPORT_BATCH", 4)
    written: list[int] = []
    write_all = desk.replica.write_all
    monkeypatch.setattr(
        desk.replica,
        "write_all",
        lambda changes: (written.append(len(changes)), write_all(changes)),
    )
    told: list[tuple[int, int]] = []
    imported = import_file(
        desk, lines(10).encode(), NOON, told=lambda done, total: told.append((done, total))
    )
    assert (imported.imported, written, told) == (10, [4, 4, 2], [(4, 10), (8, 10)])


def test_an_import_that_was_killed_goes_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after any batch and started again: every row once, every link whole."""
    monkeypatch.setattr(limits, "IMPORT_BATCH", 3)
    source = (
        "id,kind,title,duplicate_of\n"
        + "".join(f"r{i},need,Water {i},{f'r{19 - i}' if i < 10 else ''}\n" for i in range(20))
    ).encode()
    for steps in range(8):
        table = read_file(source, Reading(start=NOON))
        intake = Intake(desk, table, NOON, reading=Reading(start=NOON))
        for _ in range(min(steps, 1)):
            intake.step()
        held = {row["id"]: row for row in rows(desk)}
        assert all(
            row.get("duplicate_of") in held for row in held.values() if "duplicate_of" in row
        )
    done = bring(desk, source)
    assert (done.known, done.imported) == (20 - done.imported, 20 - done.known)
    by_title = {row["title"]: row for row in rows(desk)}
    assert len(by_title) == len(rows(desk)) == 20
    for number in range(10):
        target = by_title[f"Water {19 - number}"]["id"]
        assert by_title[f"Water {number}"]["duplicate_of"] == target
    assert done.unresolved == ()
    assert bring(desk, source).imported == 0


def test_links_in_a_circle_are_reported(desk: Desk) -> None:
    done = bring(desk, "id,kind,title,duplicate_of\na,need,A,b\nb,need,B,a\nc,need,C,c\n")
    assert done.imported == 3
    assert done.unresolved == ((3, "duplicate_of"), (4, "duplicate_of"))


def test_a_link_to_a_row_of_an_earlier_file(desk: Desk) -> None:
    bring(desk, "id,kind,title\na,need,A\n")
    done = bring(desk, "id,kind,title,duplicate_of\nb,need,B,a\nx,need,X,nobody\n")
    assert done.unresolved == ((3, "duplicate_of"),)
    by_title = {row["title"]: row for row in rows(desk)}
    assert by_title["B"]["duplicate_of"] == by_title["A"]["id"]


def test_a_full_disk_keeps_what_earlier_batches_wrote(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "IMPORT_BATCH", 4)
    write_all, calls = desk.replica.write_all, []

    def full(changes: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise StoreFull("the disk is full")
        write_all(changes)

    monkeypatch.setattr(desk.replica, "write_all", full)
    with pytest.raises(StoreFull):
        bring(desk, lines(10))
    assert len(rows(desk)) == 4
    done = bring(desk, lines(10))
    assert (done.imported, done.known) == (6, 4)


def test_a_record_that_is_too_large_is_refused_alone(desk: Desk) -> None:
    texts = {f"x{letter}": "水" * 700 for letter in "abcdefghijk"}
    cell = json.dumps(texts, ensure_ascii=False).replace('"', '""')
    done = bring(desk, f'kind,title,texts\nnotice,a,\nnotice,b,"{cell}"\nnotice,c,\n')
    assert (done.imported, [line for line, _ in done.refused]) == (2, [3])
    assert sorted(row["title"] for row in rows(desk, "notice")) == ["a", "c"]


# ---- one row


def test_a_ref_is_kept_only_if_it_is_free(desk: Desk) -> None:
    bring(desk, "kind,title,ref\nneed,a,C482912\nneed,b,C482912\nneed,c,C482921\n")
    refs = {row["title"]: row["ref"] for row in rows(desk)}
    assert refs["a"] == "C482912"
    assert len(set(refs.values())) == 3


def test_whoever_brings_old_slips_says_that_they_hold_now(desk: Desk) -> None:
    bring(desk, sample("sahana-eden/historic_NYC_req_item.csv"))
    bring(desk, sample("sahana-eden/IFRC_Train_inv_req.csv"))
    assert len(rows(desk, status="open")) == 4
    assert {row["expires_at"] for row in rows(desk)} == {NOON + limits.NEED_HOURS * 3600}


def test_our_own_export_brings_nothing_new_here_and_everything_elsewhere(
    desk: Desk, tmp_path: Path
) -> None:
    from meshaid.core.publishing import Choice

    bring(desk, "id,kind,title,supersedes\n1,notice,a,\n2,notice,b,1\n3,need,c,\n")
    found(tmp_path / "other")
    for form in ("csv", "hxl", "hxl-json"):
        data = export_board(desk, form, NOON, Choice()).data
        assert bring(desk, data).imported == 0
    table = export_board(desk, "csv", NOON, Choice()).data
    with open_home(tmp_path / "other") as opened:
        other = Desk(opened.replica, random=Random(6).randbytes)
        assert bring(other, table).imported == 3
        assert bring(other, table).imported == 0
        old, new = sorted(rows(other, "notice"), key=lambda row: str(row["title"]))
        assert new["supersedes"] == old["id"]


def test_rows_of_an_exercise_stay_in_exercises(desk: Desk, tmp_path: Path) -> None:
    source = "kind,title,exercise\nneed,a,1\nneed,b,0\nneed,c,\n"
    done = bring(desk, source)
    assert (done.imported, done.refused[0][0]) == (2, 2)
    found(tmp_path / "drill", "--exercise")
    with open_home(tmp_path / "drill") as opened:
        drill = Desk(opened.replica, random=Random(6).randbytes)
        assert bring(drill, source).imported == 3


# ---- what is remembered


def test_what_labels_mean_is_remembered(desk: Desk) -> None:
    source = "item,category\nWidget,Odd Things\n"
    bring(desk, source, kind="offer", labels={"Odd  THINGS": "Tools and cleaning equipment"})
    bring(desk, "item,category\nGadget,odd things\n", kind="offer")
    assert {row["category"] for row in rows(desk, "offer")} == {"goods.tools"}
    other = own_reading(desk, Reading(labels={"odd things": "work"}))
    assert other.labels == {"odd things": "work"}
    with pytest.raises(InvalidInput, match="no such category"):
        own_reading(desk, Reading(labels={"a": "shoes"}))
    with pytest.raises(InvalidInput, match="no such category"):
        own_reading(desk, Reading(category="shoes"))
    with pytest.raises(InvalidInput, match="at most 200 characters"):
        own_reading(desk, Reading(labels={"a" * 201: "work"}))
    with pytest.raises(InvalidInput, match="kind"):
        own_reading(desk, Reading(kind="pledge"))


def test_only_so_many_labels_are_remembered(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IMPORT_REMEMBERED", 3)
    for number in range(5):
        kept = own_reading(desk, Reading(labels={f"label {number}": "work"})).labels
    assert list(own_reading(desk, Reading()).labels) == ["label 2", "label 3", "label 4"]
    assert "label 4" in kept


# ---- alerts


def test_an_alert_its_update_and_its_cancel(desk: Desk) -> None:
    first = bring(desk, sample("cap/flood_alert.xml"))
    assert (first.format, first.imported) == ("cap", 1)
    assert bring(desk, sample("cap/flood_alert.xml")).known == 1
    (row,) = rows(desk, "notice")
    assert row["status"] == "confirmed"  # whoever founded the community is a steward
    assert bring(desk, sample("cap/flood_update.xml")).imported == 1
    states = {row["title"]: row["status"] for row in rows(desk, "notice")}
    assert states["River over its banks at Bridge End"] == "superseded"
    assert bring(desk, sample("cap/flood_cancel.xml")).withdrawn == 2
    assert {row["status"] for row in rows(desk, "notice")} == {"withdrawn"}
    again = bring(desk, sample("cap/flood_cancel.xml"))
    assert (again.imported, again.withdrawn) == (0, 0)
    assert len(rows(desk, "notice")) == 2


def test_a_cancel_that_comes_first_is_remembered(desk: Desk) -> None:
    assert bring(desk, sample("cap/flood_cancel.xml")).withdrawn == 0
    assert len(recalled(desk, ENDED)) == 2
    done = bring(desk, sample("cap/flood_alert.xml"))
    assert (done.imported, done.known) == (0, 0)
    assert "has ended this one" in done.refused[0][1]


def test_an_update_that_comes_first_supersedes_when_the_older_one_comes(desk: Desk) -> None:
    done = bring(desk, sample("cap/flood_update.xml"))
    assert (done.imported, done.unresolved) == (1, ((1, "supersedes"),))
    late = bring(desk, sample("cap/flood_alert.xml"))
    assert late.imported == 0
    assert "has ended this one" in late.refused[0][1]


def test_another_member_s_notice_of_it_is_named(tmp_path: Path) -> None:
    anna, ben = tmp_path / "anna", tmp_path / "ben"
    found(anna)
    file = tmp_path / "invite"
    done("invite", "--file", file, home=anna)
    done("join", file, "--as", "Ben", home=ben)
    alert, cancel = tmp_path / "alert.xml", tmp_path / "cancel.xml"
    alert.write_bytes(sample("cap/flood_alert.xml"))
    cancel.write_bytes(sample("cap/flood_cancel.xml"))
    done("import", alert, home=anna)
    from tests.cli.calls import running

    with running(anna) as node:
        assert done("sync", node.address, home=ben)["equal"] is True
    told = done("import", cancel, home=ben)
    assert told["withdrawn"] == 0
    assert "other members" in told["notes"][0]["note"]


def test_a_single_record_that_is_too_large(desk: Desk) -> None:
    texts = json.dumps({f"x{letter}": "水" * 700 for letter in "abcdefghijk"}, ensure_ascii=False)
    cell = texts.replace('"', '""')
    done = bring(desk, f'kind,title,texts\nnotice,b,"{cell}"\n')
    assert (done.imported, [line for line, _ in done.refused]) == (0, [2])


def test_two_devices_draw_one_code_for_one_row(desk: Desk, tmp_path: Path) -> None:
    found(tmp_path / "other")
    with open_home(tmp_path / "other") as opened:
        other = Desk(opened.replica, random=Random(6).randbytes)
        assert bring(desk, lines(50)).imported == bring(other, lines(50)).imported == 50
        codes = {row["title"]: row["ref"] for row in rows(desk)}
        assert {row["title"]: row["ref"] for row in rows(other)} == codes
        assert len(set(codes.values())) == 50
