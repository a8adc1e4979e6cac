"""What the shell completes when somebody presses Tab, and that it never hangs or asks."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from meshaid import control
from meshaid.cli import completing
from meshaid.cli.main import main
from tests.cli.calls import NOON, call, done, found, running
from tests.cli.test_screen import row


def completed(*words: str, home: Path | None = None) -> list[str]:
    """What Tab offers after these words, the last of which is begun."""
    line = ["meshaid", *(["--home", str(home)] if home else []), *words]
    told = CliRunner().invoke(
        main,
        [],
        prog_name="meshaid",
        env={
            "_MESHAID_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(line),
            "COMP_CWORD": str(len(line) - 1),
        },
    )
    assert told.exit_code == 0
    assert told.stderr == ""
    return [item.partition(",")[2] for item in told.stdout.splitlines() if item]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("pl",), ["pledge"]),
        (("re",), ["receive", "reopen", "report", "returned"]),
        (("need", "--urg"), ["--urgency"]),
        (("need", "Water", "--urgency", "to"), ["today", "tomorrow"]),
        (("need", "Water", "--category", "water.d"), ["water.drinking"]),
        (("need", "Water", "--unit", "gal"), ["gal_us", "gal_uk"]),
        (("need", "Water", "--delivery", "p"), ["pickup"]),
        (("close", "C482912", "--reason", "d"), ["done_by_others", "duplicate"]),
        (("flag", "C482912", "--reason", "s"), ["seems_done", "spam"]),
        (("hide", "C482912", "--reason", "p"), ["personal_data"]),
        (("receive", "C482912", "--condition", "d"), ["damaged"]),
        (("edit", "C482912", "--needed"), ["--needed-by"]),
        (("edit", "C482912", "--urgency", "w"), ["week"]),
        (("edit", "C482912", "--life-threatening", "y"), ["yes"]),
        (("edit", "C482912", "--colour", "b"), []),
        (("completion", "f"), ["fish"]),
    ],
)
def test_words(words: tuple[str, ...], offered: list[str]) -> None:
    assert sorted(completed(*words)) == sorted(offered)


def test_codes_of_open_records_through_a_node(home: Path) -> None:
    need, offer = done("need", "Water", home=home)["ref"], done("offer", "Tea", home=home)["ref"]
    ended = done("need", "Soup", home=home)["ref"]
    done("close", ended, "--reason", "mistake", home=home)
    with running(home, "--now", str(NOON)):
        assert completed("pledge", "X", home=home) == [need]
        assert completed("pledge", need, "--offer", "X", home=home) == [offer]
        assert sorted(completed("show", "X", home=home)) == sorted([need, offer])
        assert completed("show", need[:5].lower(), home=home) == [need]
        assert completed("edit", "X", home=home)


def test_nobodys_words_reach_the_command_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = row(ref="$(id)", title="a\n$(id)\x1b[31m")

    def answer(*_: object, **__: object) -> dict[str, object]:
        return {"records": [hostile]}

    monkeypatch.setattr(control, "ask", answer)
    assert completed("show", "", home=home) == ["r" * 8]


def test_without_a_node_nothing_is_opened(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done("need", "Water", home=home)
    monkeypatch.setattr("meshaid.store.Store.open", None)
    assert completed("pledge", "", home=home) == []


def test_a_locked_home_asks_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("correct horse\n", encoding="utf-8")
    found(tmp_path / "home", "--passphrase-file", str(secret))
    assert completed("pledge", "", home=tmp_path / "home") == []
    assert completed("pledge", "", home=tmp_path / "none") == []


def test_a_node_that_does_not_answer_is_not_waited_for(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completing, "_NODE_SECONDS", 0.01)
    with control.listening(home) as (listener, _):
        assert isinstance(listener, socket.socket)
        assert completed("show", "", home=home) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(shell: str) -> None:
    script = call("completion", shell)
    assert script.exit_code == 0
    assert "_MESHAID_COMPLETE" in script.stdout
    assert f"{shell}_complete" in script.stdout
    assert done("completion", shell) == {
        "shell": shell,
        "script": script.stdout.rstrip("\n") + "\n",
    }
    program = shutil.which(shell)
    if program:
        checked = subprocess.run(
            [program, "-n"], input=script.stdout, capture_output=True, text=True, check=False
        )
        assert (checked.returncode, checked.stderr) == (0, "")


def test_in_a_real_bash(tmp_path: Path) -> None:
    program = tmp_path / "meshaid"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nfrom meshaid.cli.main import main\n"
        'sys.exit(main(prog_name="meshaid"))\n',
        encoding="utf-8",
    )
    program.chmod(0o700)
    keys = (
        "source <(meshaid completion bash)\n"
        "COMP_WORDS=(meshaid need Water --urgency to); COMP_CWORD=4\n"
        '_meshaid_completion meshaid; echo "${COMPREPLY[@]}"\n'
    )
    told = subprocess.run(
        ["bash", "--norc"],
        input=keys,
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "PYTHONPATH": str(Path.cwd()),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert told.stdout.split() == ["today", "tomorrow"]
