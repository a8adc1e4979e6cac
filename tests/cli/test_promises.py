"""Promises and receipts on the command line, with a node that runs and without one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calls import NOON, call, done, failed, found, running

HOUR = 3_600


@pytest.fixture(params=["alone", "through a node"])
def place(request: pytest.FixtureRequest, home: Path) -> Iterator[Path]:
    """A home, with a node running on it in every second test."""
    if request.param == "alone":
        yield home
    else:
        with running(home, "--now", str(NOON)):
            yield home


def water(home: Path, *options: str) -> str:
    """A need of 40 L of water; gives its code."""
    ref: str = done("need", "Water", "--quantity", "40", "--unit", "L", *options, home=home)["ref"]
    return ref


def shown(ref: str, home: Path, *options: str) -> Any:
    return done("show", ref, *options, home=home)


def page(*words: str, home: Path) -> str:
    """A page as one line."""
    result = call(*words, home=home)
    assert result.exit_code == 0, result.stderr
    return " ".join(result.stdout.split())


def test_from_promise_to_receipt(place: Path) -> None:
    ref = water(place)
    pledge = done("pledge", ref, "--quantity", "25", "--eta", "2h", home=place)
    assert (pledge["kind"], pledge["quantity"], pledge["eta"]) == ("pledge", "25", NOON + 2 * HOUR)
    assert shown(ref, place)["status"] == "part-pledged"
    name = pledge["id"].partition("/")[2][:8]
    assert done("accept", name, home=place)["kind"] == "receipt"
    assert done("handed-over", name, home=place)["status"] == "handed_over"
    done("receive", name, "--quantity", "20", "--more-coming", "--condition", "good", home=place)
    need = shown(ref, place)
    assert (need["received"], need["promised"], need["still_open"]) == ("20", "5", "15")
    told = page("show", ref, home=place)
    for part in (
        "40 L asked · 5 L promised · 20 L received · 15 L still open",
        "Promises (1)",
        f"{name} 25 L",
        "Answers and receipts (2)",
        "20 L received, good, more is coming",
        "(in 2 h)",
    ):
        assert part in told


def test_what_a_person_reads_after_promising(place: Path) -> None:
    ref = water(place)
    told = page("pledge", ref, "--quantity", "25", home=place)
    assert "is written: 25 L for" in told
    assert "Water." in told
    assert "meshaid handed-over " in told
    over = call("pledge", ref, "--quantity", "35", home=place)
    assert over.exit_code == 0
    assert "60 L" in over.stdout + over.stderr
    assert "20 L more than asked" in page("show", ref, home=place)


@pytest.mark.parametrize(
    ("verb", "state"), [("withdraw", "withdrawn"), ("failed", "failed"), ("returned", "returned")]
)
def test_promises_that_come_to_nothing(place: Path, verb: str, state: str) -> None:
    ref = water(place)
    name = done("pledge", ref, home=place)["id"]
    assert shown(ref, place)["status"] == "pledged"
    assert done(verb, name, home=place)["status"] == state
    assert shown(ref, place)["status"] == "open"


@pytest.mark.parametrize("verb", ["decline", "not-received"])
def test_answers_that_open_the_need_again(place: Path, verb: str) -> None:
    ref = water(place)
    name = done("pledge", ref, home=place)["id"]
    assert done(verb, name, "--text", "thank you", home=place)["status"] in (
        "declined",
        "not_received",
    )
    assert shown(ref, place)["status"] == "open"


def test_a_need_is_received_without_a_promise(place: Path) -> None:
    ref = water(place)
    done("receive", ref, "--quantity", "40", home=place)
    assert shown(ref, place)["status"] == "received"


def test_parts_of_what_says_no_amount(place: Path) -> None:
    ref = done("need", "Hands", home=place)["ref"]
    name = done("pledge", ref, "--part", home=place)["id"]
    assert shown(ref, place)["status"] == "part-pledged"
    done("receive", name, "--whole", home=place)
    assert shown(ref, place)["status"] == "received"


def test_a_promise_that_ran_out_is_asked_about(place: Path) -> None:
    ref = water(place)
    done("pledge", ref, "--hold-until", "90m", home=place)
    late = str(NOON + 2 * HOUR)
    assert shown(ref, place, "--now", late)["status"] == "open"
    assert "still coming?" in page("show", ref, "--now", late, home=place)


def test_pause_and_reopen(place: Path) -> None:
    ref = water(place)
    assert done("pause", ref, home=place)["status"] == "paused"
    assert "paused" in page("board", home=place)
    assert "open again" in page("reopen", ref, home=place)
    done("close", ref, "--reason", "mistake", home=place)
    assert done("reopen", ref, home=place)["status"] == "open"


def test_from_ones_own_offer(place: Path) -> None:
    ref = water(place)
    offer = done("offer", "Tank", "--quantity", "100", "--unit", "L", home=place)["ref"]
    done("pledge", ref, "--offer", offer, home=place)
    assert shown(offer, place)["status"] == "part-taken"


# ---- what goes wrong
@pytest.mark.parametrize("words", ["tomorrow", "2x", "14:30", "", "5"])
def test_times_that_are_none(home: Path, words: str) -> None:
    ref = water(home)
    result = call("pledge", ref, "--eta", words, home=home)
    if words == "5":  # seconds since 1970 are a time, if a strange one
        assert result.exit_code == 0
    else:
        assert result.exit_code == 2
        assert "--eta" in result.stderr
        assert "2h" in result.stderr or "90m" in result.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("pledge", "C482921"), "misheard"),
        (("pledge", "zzzz"), "nothing on this board"),
        (("withdraw", "zzzz"), "nothing on this board"),
        (("receive", "zzzz"), "nothing on this board"),
        (("flag", "zzzz", "--reason", "spam"), "nothing on this board"),
        (("pause", "zzzz"), "nothing on this board"),
    ],
)
def test_names_that_nothing_answers_to(home: Path, words: tuple[str, ...], told: str) -> None:
    assert told in failed(2, *words, home=home)


def test_quantities_that_are_none(home: Path) -> None:
    ref = water(home)
    for wrong in ("0", "-3", "many", "1.2345", "1e3"):
        assert "quantity" in failed(2, "pledge", ref, "--quantity", wrong, home=home)
    assert shown(ref, home)["related"] == []


def test_answering_a_need_instead_of_a_promise(home: Path) -> None:
    ref = water(home)
    failed(2, "accept", ref, home=home)
    assert shown(ref, home)["related"] == []


def test_two_members(tmp_path: Path, home: Path) -> None:
    ben, invite = tmp_path / "ben", tmp_path / "invite"
    done("invite", "--file", invite, home=home)
    done("join", invite, "--as", "Ben", home=ben)
    ref = water(home)
    with running(home, "--now", str(NOON)) as node:
        done("sync", node.address, home=ben)
        name = done("pledge", ref, "--quantity", "40", home=ben)["id"]
        assert "another member" in failed(2, "close", ref, "--reason", "mistake", home=ben)
        done("sync", node.address, home=ben)
        assert "from Ben" in page("show", ref, home=home)
        assert "another member" in failed(2, "withdraw", name, home=home)
        done("decline", name, home=home)
        done("sync", node.address, home=ben)
    assert "no longer wanted" in page("show", name, home=ben)


def test_lists_of_promises_name_their_needs(home: Path) -> None:
    ref = water(home)
    done("pledge", ref, "--quantity", "25", home=home)
    shown_code = f"{ref[0]} {ref[1:4]} {ref[4:]}"
    assert f"for {shown_code} Water 25 L" in page("board", "--kind", "pledge", home=home)
    done("receive", ref, "--quantity", "5", home=home)
    assert f"for {shown_code} Water 5 L" in page("board", "--kind", "receipt", home=home)


def test_json_of_a_promise_is_one_row_with_what_it_is_about(home: Path) -> None:
    ref = water(home)
    told = json.loads(call("pledge", ref, "--json", home=home).stdout)
    assert told["about"]["ref"] == ref
    assert told["warnings"] == []
    assert told["need_ref"] == ref


def test_an_exercise_says_so(tmp_path: Path) -> None:
    home = tmp_path / "home"
    found(home, "--exercise")
    ref = water(home)
    for words in (("pledge", ref), ("receive", ref), ("pause", ref), ("report",), ("match",)):
        assert call(*words, home=home).stdout.startswith(" EXERCISE  Riverside")


def test_two_devices_with_two_answers(home: Path, tmp_path: Path) -> None:
    ref = water(home)
    laptop, link = tmp_path / "laptop", tmp_path / "link"
    done("link", "--file", link, home=home)
    done("join", link, "--label", "laptop", home=laptop)
    with running(home, "--now", str(NOON)) as node:
        done("sync", node.address, home=laptop)
        done("edit", ref, "--quantity", "25", home=laptop)
        done("edit", ref, "--quantity", "30", home=home)
        done("sync", node.address, home=laptop)
        for place in (home, laptop):
            told = page("show", ref, home=place)
            assert "quantity: 2 answers: 25 / 30" in told or "2 answers: 30 / 25" in told
            assert f"meshaid edit {ref} --quantity VALUE" in told
            assert "2 answers: quantity" in page("board", home=place)
        done("edit", ref, "--quantity", "25", home=laptop)
        done("sync", node.address, home=laptop)
        assert shown(ref, home)["conflicts"] == {}
        assert "25 L asked" in page("show", ref, home=home)
