"""The options of every call: before the command and after it, and the time of one call."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from meshaid.cli.fields import describe
from meshaid.cli.live import clock_from
from meshaid.cli.main import main
from meshaid.cli.meanings import MEANINGS
from meshaid.core.fields import Bool
from meshaid.core.schema import KINDS
from tests.cli.calls import NOON, call, done

LATER = NOON + 80 * 3600
"""When what was written at NOON has expired."""


def invoke(*words: str, **environment: str) -> click.testing.Result:  # type: ignore[name-defined]
    return CliRunner().invoke(main, list(words), env=environment)


def test_before_and_after_the_command(home: Path) -> None:
    done("need", "Water", home=home)
    place, now = ("--home", str(home)), ("--now", str(NOON))
    told = {
        invoke(*words).stdout
        for words in (
            ("--json", *place, *now, "board"),
            ("board", "--json", *now, *place),
            (*place, "board", *now, "--json"),
            ("--json", *place, "board", "--json", *now),
        )
    }
    assert len(told) == 1
    assert len(json.loads(told.pop())["records"]) == 1


def test_after_the_words_of_edit(home: Path) -> None:
    ref = done("need", "Water", home=home)["ref"]
    words = ("edit", ref, "--quantity", "3", "--home", str(home), "--json", "--now", str(NOON))
    assert json.loads(invoke(*words, "--area", "Quay").stdout)["area"] == "Quay"


def test_the_later_one_counts(home: Path, tmp_path: Path) -> None:
    words = ("--home", str(tmp_path / "none"), "board", "--home", str(home), "--json")
    assert invoke(*words).exit_code == 0


def test_home_from_the_environment(home: Path, tmp_path: Path) -> None:
    assert invoke("board", MESHAID_HOME=str(home)).exit_code == 0
    none = str(tmp_path / "none")
    assert invoke("board", MESHAID_HOME=none).exit_code == 2
    assert invoke("board", "--home", str(home), MESHAID_HOME=none).exit_code == 0


def test_the_platforms_folder_without_any(tmp_path: Path) -> None:
    words = ("init", "--community", "C", "--as", "A")
    assert invoke(*words, XDG_DATA_HOME=str(tmp_path)).exit_code == 0
    assert (tmp_path / "meshaid" / "store.db").exists()


def test_the_time_of_one_call(home: Path) -> None:
    done("need", "Water", home=home)
    later = done("board", "--now", str(LATER), home=home)
    assert later.pop("warnings") == []
    assert later == {"records": [], "total": 0, "more": 0, "left_out": {"expired": 1}}
    expired = done("board", "--status", "expired", "--now", "2026-03-20T00:00Z", home=home)
    assert [row["title"] for row in expired["records"]] == ["Water"]
    assert "offset" in call("board", "--now", "2026-03-20T00:00", home=home).stderr


def test_a_clock_that_starts_elsewhere_advances() -> None:
    clock = clock_from(NOON)
    first = clock()
    assert NOON <= first <= clock()


@pytest.mark.parametrize("kind", ["need", "offer", "notice"])
def test_every_field_of_a_kind_is_an_option(kind: str) -> None:
    told = invoke(kind, "--help").stdout
    set_later = {"rev", "ref", "import_key", "status", "closed_reason", "duplicate_of", "title"}
    for name in KINDS[kind].fields.keys() - set_later:
        assert f"--{name.replace('_', '-')}" in told


def test_every_type_of_field_is_described() -> None:
    types = [of for kind in KINDS.values() for of in kind.fields.values()]
    assert all(describe(of).endswith(".") for of in types if not isinstance(of, Bool))
    assert {"", "1 to 10000."} <= {describe(of) for of in types}


def test_every_field_says_what_it_means() -> None:
    for kind in ("need", "offer", "notice", "hub"):
        context = click.Context(main.commands[kind])
        for option in main.commands[kind].get_params(context):
            if isinstance(option, click.Option) and not option.hidden:
                told = " ".join((option.help or "").split())
                assert len(told) > 12, option.name
                assert not told.startswith(("Text of", "A time such", "Codes with", "One of"))


def test_every_meaning_is_of_a_field() -> None:
    fields = {name for kind in KINDS.values() for name in kind.fields}
    assert set(MEANINGS) <= fields


def test_reasons_in_the_help_are_those_of_the_schema() -> None:
    from meshaid.core.schema import CLOSED_REASONS

    told = invoke("close", "--help").stdout
    assert all(reason in "".join(told.split()) for reason in CLOSED_REASONS)
