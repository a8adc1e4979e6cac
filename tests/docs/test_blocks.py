"""What README and manual show is run, and the output they show is what comes out."""

from __future__ import annotations

import ast
import inspect
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import trio

from tests.docs.blocks import (
    ROOT,
    Block,
    Command,
    blocks_of,
    commands_of,
    documents,
    fits,
    is_story,
)

SECONDS = 60
SPOKEN = re.compile(r"\b[A-Z] \d{3} \d{3}\b")
BLOCKS = [block for document in documents() for block in blocks_of(document)]
IN_PARTS = {block.document: block.part_of for block in BLOCKS if block.part_of}
"""Documents that tell a program part by part, with the file that holds it."""
PYTHON = [
    block
    for block in BLOCKS
    if block.language in {"python", "py"} and block.document not in IN_PARTS
]
PROGRAM = [sys.executable, "-m", "meshaid"]


def shell_commands(document: Path) -> list[Command]:
    """The commands of a document that begin with `meshaid`, in order."""
    found = [block for block in BLOCKS if block.document == document and block.runs]
    console = [block for block in found if block.language == "console"]
    commands = [command for block in console for command in commands_of(block)]
    return [command for command in commands if command.words.split()[0] == "meshaid"]


def environment() -> dict[str, str]:
    """A plain terminal of 100 columns."""
    return os.environ | {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "100", "TZ": "UTC"}


@contextmanager
def background(words: list[str], folder: Path) -> Iterator[None]:
    """A command that runs until the document ends; it must end well when told to."""
    with subprocess.Popen(
        words, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first, f"{shlex.join(words)} ended without a word"
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            printed, _ = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, (first + printed).decode()


def with_codes(words: str, shown: str) -> str:
    """The words with `L…` as the spoken code of that letter which was shown last."""
    codes = {code[0]: code.replace(" ", "") for code in SPOKEN.findall(shown)}
    return re.sub(r"\b([A-Z])…", lambda match: codes[match[1]], words)


@pytest.mark.parametrize(
    "document",
    [document for document in documents() if shell_commands(document) and not is_story(document)],
    ids=lambda document: str(document.relative_to(ROOT)),
)
def test_console_blocks(document: Path, tmp_path: Path) -> None:
    """Each `$ meshaid ...` of a document works, and prints what the document says."""
    shown = ""
    with ExitStack() as running:
        for command in shell_commands(document):
            where = f"{document.relative_to(ROOT)}:{command.line}: {command.words}"
            words = PROGRAM + shlex.split(with_codes(command.words, shown), comments=True)[1:]
            if command.background:
                running.enter_context(background(words, tmp_path))
                continue
            done = subprocess.run(
                words,
                cwd=tmp_path,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=SECONDS,
                check=False,
            )
            printed = done.stdout.decode()
            shown += printed
            assert done.returncode == 0, f"{where}\n{printed}"
            if command.output:
                assert fits(command.output, printed), f"{where}\n{printed}"


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_blocks(block: Block, tmp_path: Path) -> None:
    """Each Python block compiles; those not marked `not run` run under trio, with a fresh home."""
    text = "\n" * (block.line - 1) + block.text
    code = compile(text, str(block.document), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if not block.runs:
        return
    home = tmp_path / "home"
    made = [*PROGRAM, "--home", str(home), "init", "--community", "Riverside", "--as", "Ana"]
    subprocess.run(made, env=environment(), check=True, capture_output=True, timeout=SECONDS)
    names: dict[str, object] = {"home": home, "__name__": "block"}

    async def run() -> None:
        with trio.fail_after(SECONDS):
            result = eval(code, names)  # noqa: S307 - our own documents
            if inspect.isawaitable(result):
                await result

    trio.run(run)


@pytest.mark.parametrize(
    ("document", "program"), IN_PARTS.items(), ids=lambda it: str(it).rpartition("/")[2]
)
def test_a_program_told_in_parts(
    document: Path, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All parts in order are the file; each runs, and so does what the page tries out with them."""
    blocks = [block for block in BLOCKS if block.document == document and block.runs]
    python = [block for block in blocks if block.language == "python"]
    parts = [block.text for block in python if block.part_of]
    assert "\n\n".join(parts) == (ROOT / program).read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "told"}
    for block in python:
        text = "\n" * (block.line - 1) + block.text
        exec(compile(text, str(document), "exec"), names)  # noqa: S102 - our own documents


def test_blocks_are_found(tmp_path: Path) -> None:
    """The reader of blocks itself: languages, marks, continued lines, output, background."""
    document = ROOT / "README.md"
    path = tmp_path / "page.md"
    path.write_text(
        "text\n\n```console\n$ meshaid a \\\n    b\none …\n\n$ meshaid run &\n```\n\n"
        "<!-- not run: it is long -->\n\n```python\nx = 1\n```\n",
        encoding="utf-8",
    )
    told = tmp_path / "told.md"
    told.write_text("<!-- at desk2 09:30 -->\n<!-- part of a/b.py -->\n```python\n```\n", "utf-8")
    assert is_story(told)
    assert [block.part_of for block in blocks_of(told)] == ["a/b.py"]
    console, python = blocks_of(path)
    assert not is_story(path)
    assert (console.language, console.line, console.runs) == ("console", 4, True)
    assert (python.language, python.text, python.runs) == ("python", "x = 1\n", False)
    shown, running = commands_of(console)
    assert (shown.words, shown.output, shown.background) == ("meshaid a b", "one …", False)
    assert (running.words, running.output, running.background) == ("meshaid run", "", True)
    assert fits("one …\nthree", "one two  \nthree\n")
    assert not fits("one …", "two")
    assert with_codes("edit L… X…", "X 123 456\nL 000 001\nX 654 321") == "edit L000001 X654321"
    assert document.exists()
