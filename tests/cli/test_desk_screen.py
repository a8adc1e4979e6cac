"""What a volunteer at a desk reads while slips are typed in on a terminal."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.cli.calls import NOON, call, done, found
from tests.cli.terminal import terminal

AT_NOON = ("--now", str(NOON))
NARROW = (40, 24)
"""Columns and lines of a small terminal."""
WATER = ("--category", "water.drinking", "--quantity", "40", "--unit", "L", "--area", "Quay")


def test_is_it_one_of_these(home: Path) -> None:
    first = done("need", "Drinking water for ten", *WATER, home=home)["ref"]
    with terminal(*AT_NOON, "need", "Drinking water for ten", *WATER, home=home) as shown:
        asked = shown.until("is on the board")
        assert "Is it one of these?" in asked
        assert f"{first[0]} {first[1:4]} {first[4:]} · Drinking water for ten · 40 L" in asked
        shown.until(f"--reason duplicate --duplicate-of {first}")
        assert shown.ended() == 0
    assert len(done("board", home=home)["records"]) == 2


def test_nothing_alike_is_nothing_to_say(home: Path) -> None:
    with terminal(*AT_NOON, "need", "Blankets", home=home) as shown:
        assert "Is it one" not in shown.until("is on the board")
        assert shown.ended() == 0


def test_a_script_is_not_held_up(home: Path) -> None:
    done("need", "Drinking water for ten", *WATER, home=home)
    result = call("need", "Drinking water for ten", *WATER, home=home)
    assert result.exit_code == 0
    assert "Is it one" not in result.output


def test_a_passphrase_is_asked_for_once(tmp_path: Path) -> None:
    home, secret = tmp_path / "home", tmp_path / "secret"
    secret.write_text("correct horse\n", encoding="utf-8")
    found(home, "--passphrase-file", str(secret))
    with terminal(*AT_NOON, "need", "Blankets", home=home) as shown:
        shown.until("Passphrase of this home")
        shown.press("correct horse\r")
        assert "Passphrase" not in shown.until("is on the board")
        assert shown.ended() == 0


def test_a_long_meeting_shows_that_it_goes_on(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with terminal("sync", address, "--timeout", "3", home=home) as shown:
            shown.until(f"Meeting {address} until both boards are equal")
            shown.press("\x03")
            assert shown.ended() == 1
    assert "Traceback" not in shown.text


def test_a_short_meeting_shows_nothing_of_it(home: Path) -> None:
    with terminal("sync", "127.0.0.1:9", home=home) as shown:
        assert "Meeting" not in shown.until("Error:")
        assert shown.ended() == 3


def test_a_visitors_slip_has_its_claim_code(tmp_path: Path) -> None:
    home = tmp_path / "hub"
    found(home, "--kind", "hub", "--letter", "C")
    told = call("need", "Blankets", "--on-behalf-of", "h07", home=home).stdout
    assert "Claim code " in told
    assert "only this once" in told
    assert "Claim code" not in call("need", "Tea", home=home).stdout
    kept = done("need", "Soup", "--on-behalf-of", "h07", "--no-claim", home=home)
    assert "claim_code" not in kept


def test_a_sealed_contact_is_pointed_at_and_not_shown(home: Path) -> None:
    ref = done("need", "Blankets", home=home)["ref"]
    assert "contact" not in call("show", ref, home=home).stdout
    done("contact", "add", ref, "021 123 4567", "--to", "stewards", home=home)
    told = call("show", ref, home=home).stdout
    assert f"meshaid contact show {ref}" in told
    assert "4567" not in told + call("board", "--json", home=home).stdout


def test_what_a_hub_tells_of_itself(tmp_path: Path, home: Path) -> None:
    hub = tmp_path / "hub"
    found(hub, "--kind", "hub", "--letter", "C")
    told = call("hub", "--areas", "Quay; Old town", "--receiving", home=hub).stdout
    assert "areas" in told
    assert "Quay; Old town" in told
    assert "No emergency text yet" in told
    row = done("hub", "--emergency", "Ring the bell.", home=hub)
    assert (row["kind"], row["emergency"], row["areas"]) == (
        "hub",
        "Ring the bell.",
        "Quay; Old town",
    )
    assert "No emergency" not in call("hub", home=hub).stdout
    refused = call("hub", "--areas", "Quay", home=home)
    assert (refused.exit_code, "no hub" in refused.stderr) == (2, True)


def test_remarks_are_no_wider_than_the_terminal(home: Path) -> None:
    with terminal(*AT_NOON, "need", "Call 07 555 0142", home=home, size=NARROW) as shown:
        assert shown.ended() == 0
        told = shown.text.splitlines()
    assert max(map(len, told)) <= 40
    assert "Everybody here will read this." in " ".join(" ".join(told).split())
    fields = ("--quantity", "lots", "--urgency", "soon", "--people", "0")
    with terminal(*AT_NOON, "need", "Soup", *fields, home=home, size=NARROW) as shown:
        assert shown.ended() == 2
        told = shown.text.splitlines()
    assert max(map(len, told)) <= 40
    assert "people: must be a whole number from 1 to 10000" in " ".join(" ".join(told).split())
    assert "  was written." in told
