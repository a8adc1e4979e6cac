"""contact and claim: what people type, what they are told, and what never reaches the history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from meshaid.errors import StoreFull
from tests.cli.calls import NOON, call, done, failed, found

TEXT = "Rosa, 555 0123"


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    folder = tmp_path / "hub"
    found(folder, "--kind", "hub", "--letter", "C")
    return folder


@pytest.fixture
def slip(hub: Path) -> Any:
    """A slip on somebody's behalf: `ref` and `claim_code`."""
    return done("need", "Insulin", "--on-behalf-of", "F7", home=hub)


def text_of(home: Path, ref: str) -> list[str]:
    shown = done("contact", "show", ref, home=home)
    return [contact["text"] for contact in shown["contacts"]]


# ---- contact
def test_add_show_erase(hub: Path, slip: Any) -> None:
    ref = slip["ref"]
    added = done("contact", "add", ref, TEXT, "--to", "stewards", "--to", "C", home=hub)
    assert added["text"] == TEXT
    assert [reader["name"] for reader in added["readers"]] == ["Anna"]
    assert text_of(hub, ref) == [TEXT]
    assert done("contact", "erase", ref, home=hub) == {"erased": 1}
    shown = done("contact", "show", ref, home=hub)
    assert (shown["contacts"], shown["sealed"], shown["hidden"]) == ([], 0, False)


@pytest.mark.parametrize("typed", [f"{TEXT}\n", TEXT])
def test_the_text_may_come_from_a_pipe(hub: Path, slip: Any, typed: str) -> None:
    result = call("contact", "add", slip["ref"], "--to", "C", home=hub, input=typed)
    assert result.exit_code == 0, result.stderr
    assert TEXT not in result.output, "what was sealed is not repeated"
    assert text_of(hub, slip["ref"]) == [TEXT]


def test_somebody_at_a_terminal_is_asked(
    hub: Path, slip: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshaid.cli.notes.on_terminal", lambda: True)
    result = call("contact", "add", slip["ref"], "--to", "C", home=hub, input=f"{TEXT}\n")
    assert result.exit_code == 0, result.stderr
    assert "How can they be reached" in result.stderr
    assert text_of(hub, slip["ref"]) == [TEXT]


def test_the_same_for_more_readers(hub: Path, slip: Any) -> None:
    done("contact", "add", slip["ref"], TEXT, "--to", "stewards", home=hub)
    again = done("contact", "add", slip["ref"], "--same", "--to", "C", home=hub)
    assert again["text"] == TEXT
    assert text_of(hub, slip["ref"]) == [TEXT]


def test_pages_for_people(hub: Path, slip: Any) -> None:
    ref = slip["ref"]
    assert "no contact at this record" in call("contact", "show", ref, home=hub).stdout
    added = call("contact", "add", ref, TEXT, "--to", "C", home=hub).stdout
    assert "Who may read it:\n  Anna" in added
    shown = call("contact", "show", ref, home=hub).stdout
    assert f"{TEXT}\n  Anna" in shown
    later = ["--now", str(NOON + 80 * 3600)]
    assert "has expired" in call(*later, "contact", "show", ref, home=hub).stdout
    assert "Erased here" in call("contact", "erase", ref, home=hub).stdout
    assert all(len(line) <= 80 for line in f"{added}{shown}".splitlines())


def test_a_contact_is_erased_in_time_by_any_command(hub: Path, slip: Any) -> None:
    """The next command after its day erases it; a wrong --now or clock before does not show it."""
    ref = slip["ref"]
    done("contact", "add", ref, TEXT, "--to", "C", home=hub)
    end = NOON + 72 * 3600
    for moment, left in ((end - 1, [TEXT]), (end, []), (end + 14 * 86_400 - 1, [])):
        result = call("--now", str(moment), "contact", "show", ref, "--json", home=hub)
        assert [c["text"] for c in json.loads(result.stdout)["contacts"]] == left
    assert call("--now", str(end + 14 * 86_400), "board", home=hub).exit_code == 0
    assert text_of(hub, ref) == [], "it is gone, not hidden"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["add", "REF", TEXT], "Missing option '--to'"),
        (["add", "REF", TEXT, "--to", "Nobody"], "no member has this name"),
        (["add", "REF", TEXT, "--to", "Z"], "no hub has this letter"),
        (["add", "REF", TEXT, "--same", "--to", "C"], "not both"),
        (["add", "REF", "--same", "--to", "C"], "no contact yet"),
        (["add", "REF", "--to", "C"], "TEXT is empty"),
        (["add", "REF", "x" * 501, "--to", "C"], "at most 500 characters"),
        (["add", "C999999", TEXT, "--to", "C"], "misheard"),
        (["erase", "REF"], "no contact at this record"),
        (["show", "aaaaaaaa"], "nothing on this board answers"),
    ],
)
def test_what_is_told_when_it_fails(hub: Path, slip: Any, words: list[str], told: str) -> None:
    words = [slip["ref"] if word == "REF" else word for word in words]
    text = failed(2, "contact", *words, home=hub)
    assert told in text
    assert TEXT not in text


# ---- claim
def test_see_correct_and_close(hub: Path, slip: Any) -> None:
    ref, code = slip["ref"], slip["claim_code"]
    assert done("claim", ref, code, "show", home=hub)["title"] == "Insulin"
    edited = done("claim", ref, code, "edit", "--title", "Insulin, 2", "--quantity", "2", home=hub)
    assert (edited["title"], edited["flagged"]) == ("Insulin, 2", False)
    closed = done("claim", ref, code, "close", "--reason", "received", home=hub)
    assert (closed["status"], closed["closed_reason"]) == ("closed", "received")


def test_the_page_of_a_claim(hub: Path, slip: Any) -> None:
    page = call("claim", slip["ref"], slip["claim_code"], "show", home=hub)
    assert page.exit_code == 0, page.stderr
    assert "Insulin" in page.stdout


def test_wrong_codes_over_many_calls(hub: Path, slip: Any) -> None:
    """Each call is a process of its own; the tries are in the home."""
    ref, code = slip["ref"], slip["claim_code"]
    wrong = f"{(int(code) + 1) % 10**6:06}"
    names = [ref, slip["id"], slip["id"].partition("/")[2], ref.lower(), ref]
    for left, name in zip((4, 3, 2, 1, 0), names, strict=True):
        text = failed(4, "claim", name, wrong, "close", home=hub)
        assert (f"{left} more tr" if left else "No more tries") in text
        assert code not in text
    assert "5 wrong codes" in failed(4, "claim", ref, code, "close", home=hub)
    assert done("show", ref, home=hub)["status"] == "open"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["show", "--title", "x"], "takes no fields"),
        (["close", "--title", "x"], "takes no fields"),
        (["show", "--reason", "received"], "--reason is for close"),
        (["edit"], "Nothing to change"),
        (["open"], "Say what to do: show, close or edit"),
        (["close", "--reason", "tired"], "must be one of"),
    ],
)
def test_what_a_claim_is_told(hub: Path, slip: Any, words: list[str], told: str) -> None:
    assert told in failed(2, "claim", slip["ref"], slip["claim_code"], *words, home=hub)


def test_both_codes_may_have_blanks_as_on_the_paper(hub: Path, slip: Any) -> None:
    ref, code = slip["ref"], slip["claim_code"]
    spoken, pairs = (ref[0], ref[1:4], ref[4:]), (code[:2], code[2:4], code[4:])
    for words in ((ref, *pairs), (*spoken, code), (*spoken, *pairs), (" ".join(spoken), code)):
        assert done("claim", *words, "show", home=hub)["ref"] == ref
    edited = done("claim", *spoken, *pairs, "edit", "--title", "show", home=hub)
    assert edited["title"] == "show"
    assert "6 digits" in failed(2, "claim", ref, *pairs[:2], pairs[2][:1], "close", home=hub)
    assert "Both codes" in failed(2, "claim", ref, "show", home=hub)


def test_a_renewed_term(hub: Path, slip: Any) -> None:
    edited = done("claim", slip["ref"], slip["claim_code"], "edit", "--expires", "10d", home=hub)
    assert edited["expires_at"] == NOON + 10 * 86_400


def test_on_a_full_disk_reading_goes_on(
    hub: Path, slip: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreFull("The disk is full: nothing was written.")

    monkeypatch.setattr("meshaid.upkeep.tend", full)
    result = call("board", "--json", home=hub)
    assert result.exit_code == 0
    assert "The disk is full" in result.stderr
    assert slip["ref"] in result.stdout
