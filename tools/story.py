"""Play a document of the kind `story`: every command at its desk, in one process, always alike.

In such a document a line `<!-- at DESK 09:30 = HOST:PORT -->` says at whose desk the blocks below
are, from what time on, and under which address others reach that desk; time and address may be
left out. A desk is a home in a fresh folder. Commands are a minute apart. `<!-- meet DESK DESK -->`
lets two desks meet, as they would by themselves where both run. A block below `<!-- file NAME -->`
is written into the folder, and so is what `<!-- copy PATH -->` names. A picture below a block shows
its last command; `<!-- shows WORDS -->` below the picture says what must stand in it.

Random bytes come from the desk and the words of each command, so the codes that a story shows stay
the same until the code that draws them changes. Then `Codes` knows the new one of each old one by
the outputs in which both stand, so that the story goes on and can be written anew.

Nothing leaves this computer: where a command says `sync HOST:PORT`, the desk with that address runs
as a node, on loopback, until the command is done.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, chdir, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import count, takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))

from click import unstyle  # noqa: E402

from tests.docs.blocks import AT, Block, blocks_of, commands_of  # noqa: E402

if TYPE_CHECKING:
    from meshaid.blocking import BlockingNode

MIDNIGHT: Final = 1_772_841_600
"""2026-03-07T00:00Z, a Saturday."""
WIDTH: Final = 80
PICTURE: Final = re.compile(r"!\[[^\]]*\]\(pictures/([\w-]+\.svg)\)")
_SHOWS: Final = re.compile(r"<!-- shows (.+) -->")
_FILE: Final = re.compile(r"<!-- file (\S+) -->")
_MOVES: Final = re.compile(r"(\n|\r|\x1b\[\?\d+[hl]|\x1b\[\d*A|\x1b\[H|\x1b\[2K)")
_MEET: Final = re.compile(r"<!-- meet (\w+) (\w+) -->")
_COPY: Final = re.compile(r"<!-- copy (\S+) -->")
_TERMINAL: Final[Mapping[str, str | None]] = {
    "FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": str(WIDTH), "LINES": "24", "TZ": "UTC",
    "NO_COLOR": None, "COLORTERM": None, "MESHAID_PASSPHRASE_FILE": None, "MESHAID_DEBUG": None,
}  # fmt: skip
"""The same for everybody, whatever the terminal is in which a story is played."""


@dataclass(frozen=True, slots=True)
class Told:
    """One command of a story: what the document says of it and what it printed."""

    line: int
    words: str
    written: str
    """The output that stands in the document; empty where it stands nowhere."""
    printed: str
    """With the colours of a terminal."""
    failed: bool
    """Whether it ended with another exit code than 0."""
    picture: str
    """The file of the picture that shows it; empty for none."""
    shows: tuple[str, ...] = ()
    """Words that must stand in the picture."""

    def renewed(self, codes: Codes) -> Told:
        """The same, its written output with the codes of today."""
        return replace(self, written=codes.renew(self.written))


class Codes:
    """Today's code in place of one that a story shows: `L 165 724`, `12 34 56`, or an id."""

    _SHAPES: Final = (
        re.compile(r"\b[A-Z] \d{3} \d{3}\b"),
        re.compile(r"\b\d\d \d\d \d\d\b"),
        re.compile(r"\b(?=[a-z]*[2-7])[a-z2-7]{8}\b"),
    )

    def __init__(self) -> None:
        self.new: dict[str, str] = {}

    def learn(self, written: str, printed: str) -> None:
        """Compare the codes of an output as it is written and as it was printed, in order."""
        for shape in self._SHAPES:
            for old, new in zip(shape.findall(written), shape.findall(printed), strict=False):
                self.new.setdefault(old, new)
                self.new.setdefault(old.replace(" ", ""), new.replace(" ", ""))

    def renew(self, text: str) -> str:
        """The text with today's codes."""
        if not self.new:
            return text
        old = "|".join(sorted(map(re.escape, self.new), key=len, reverse=True))
        return re.sub(rf"\b(?:{old})\b", lambda match: self.new[match[0]], text)


@dataclass(slots=True)
class Desk:
    """Where the commands of a block are typed."""

    home: Path
    now: int
    address: str = ""


class Stage:
    """The desks of one story and what happens at them. `play` first, since it sets randomness."""

    def __init__(self, folder: Path, codes: Codes) -> None:
        self._folder = folder
        self.codes = codes
        self._desks: dict[str, Desk] = {}
        self._at: Desk | None = None
        self._said: Counter[tuple[str, str]] = Counter()
        self._dice: Callable[[int], bytes] | None = None

    def go_to(self, name: str, hour: str | None, minute: str | None, address: str | None) -> None:
        """The next commands are typed at this desk; time never goes back."""
        now = self._at.now if self._at else MIDNIGHT
        if hour and minute:
            now = max(now, MIDNIGHT + int(hour) * 3_600 + int(minute) * 60)
        desk = self._desks.setdefault(name, Desk(self._folder / f"home-{name}", now))
        desk.now = now
        desk.address = address or desk.address or name
        self._at = desk

    def meet(self, one: str, other: str) -> None:
        """Make two desks equal. Raises SystemExit where they cannot meet."""
        at, self._at = self._at, replace(self._desks[one], now=self._at.now if self._at else 0)
        printed, code = self.call(f"meshaid sync {self._desks[other].address}")
        self._at = at
        if code:
            raise SystemExit(f"{one} and {other} do not meet: {printed}")

    def random(self, size: int) -> bytes:
        """In place of `os.urandom`: alike on every run for what commands draw."""
        if self._dice is None or current_thread() is not main_thread():
            return self._chance(size)
        return self._dice(size)

    _chance = staticmethod(os.urandom)

    def call(self, words: str) -> tuple[str, int]:
        """Type one command; what it printed, with colours, and its exit code."""
        from click.testing import CliRunner

        from meshaid.cli import live_board
        from meshaid.cli.main import main
        from meshaid.testing.world import Dice

        desk = self._at
        if desk is None:
            raise SystemExit(f"{words}: a line <!-- at DESK --> is missing above it")
        said = (desk.home.name, words)
        self._said[said] += 1
        self._dice = Dice(f"{said} {self._said[said]}")
        with ExitStack() as stack:
            stack.enter_context(patch.object(live_board, "_ticks", ctrl_c_after_the_first_page))
            arguments = self._reach(shlex.split(words)[1:], desk, stack)
            environment = {**_TERMINAL, "MESHAID_HOME": str(desk.home)}
            typed = ["--now", str(desk.now), *arguments]
            result = CliRunner().invoke(
                main, typed, env=environment, color=True, prog_name="meshaid"
            )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        desk.now += 60
        return what_stays(result.output), result.exit_code

    def _reach(self, arguments: list[str], desk: Desk, stack: ExitStack) -> list[str]:
        """Let nodes run that the command needs: that of an address which it names, for which it
        gets the real one, and for `watch` that of its own desk.
        """
        for other in self._desks.values():
            if other.address in arguments:
                real = self._run(other, desk.now, stack).listening[0]
                arguments = [real if word == other.address else word for word in arguments]
        if arguments[0] == "watch":
            self._run(desk, desk.now, stack)
        return arguments

    def _run(self, desk: Desk, now: int, stack: ExitStack) -> BlockingNode:
        from meshaid import blocking

        options: dict[str, Any] = {"listen": "127.0.0.1:0", "mdns": False}
        node = blocking.open_node(desk.home, clock=lambda: float(now), **options)
        return stack.enter_context(node)


@contextmanager
def ctrl_c_after_the_first_page() -> Iterator[Callable[[float], None]]:
    """What ends `meshaid watch` in a story, in place of signals and seconds."""

    def wait(seconds: float) -> None:
        del seconds
        raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        yield wait


def play(document: Path, codes: Codes) -> Iterator[Told]:
    """Every command of a story, in order, as it is done; it fills `codes`. Once for each process:
    meshaid must not be imported yet, since it keeps hold of `os.urandom`.

    Raises SystemExit where the document is no story that can be played.
    """
    os.environ["TZ"] = "UTC"
    time.tzset()
    with TemporaryDirectory() as folder, chdir(folder):
        stage = Stage(Path(folder), codes)
        os.urandom = stage.random
        yield from _scenes(document, stage, Path(folder))


def _scenes(document: Path, stage: Stage, folder: Path) -> Iterator[Told]:
    blocks = {block.line: block for block in blocks_of(document)}
    lines = document.read_text(encoding="utf-8").splitlines()
    inside: Block | None = None
    for number in count(1):
        if number > len(lines):
            return
        if number in blocks:
            inside = blocks[number]
            if match := _FILE.fullmatch(inside.before):
                (folder / match[1]).write_text(inside.text, encoding="utf-8")
            if inside.language == "console" and inside.runs:
                yield from _block(inside, stage, *_picture_below(inside, lines))
        line = lines[number - 1].strip()
        if match := AT.fullmatch(line):
            stage.go_to(*match.groups())
        elif match := _MEET.fullmatch(line):
            stage.meet(*match.groups())
        elif match := _COPY.fullmatch(line):
            shutil.copy(ROOT / match[1], folder)


def _picture_below(block: Block, lines: list[str]) -> tuple[str, tuple[str, ...]]:
    """The picture that stands between a block and the next words, and what it must show."""
    end = block.line + block.text.count("\n")
    below = [line for line in lines[end:] if line.strip()]
    match = PICTURE.match(below[0]) if below else None
    if match is None:
        return "", ()
    shows = takewhile(lambda found: found is not None, map(_SHOWS.fullmatch, below[1:]))
    return match[1], tuple(found[1] for found in shows if found)


def _block(block: Block, stage: Stage, picture: str, shows: tuple[str, ...]) -> Iterator[Told]:
    commands = [*commands_of(block)]
    for command in commands:
        words = stage.codes.renew(command.words)
        printed, code = stage.call(words)
        stage.codes.learn(command.output, unstyle(printed))
        told = Told(command.line, words, command.output, printed, code != 0, "")
        yield replace(told, picture=picture, shows=shows) if command is commands[-1] else told


def what_stays(printed: str) -> str:
    """What a terminal shows in the end: progress that was drawn over is gone."""
    lines, row, anew = [""], 0, False
    for part in _MOVES.split(printed):
        if part == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif part == "\r":
            anew = True
        elif match := re.fullmatch(r"\x1b\[(\d*)A", part):
            row -= int(match[1] or 1)
        elif part == "\x1b[H":
            row, anew = 0, True
        elif part == "\x1b[2K":
            lines[row] = ""
        elif part and not part.startswith("\x1b[?"):
            lines[row] = part if anew else lines[row] + part
            anew = False
    return "\n".join(lines)


def pictures_named(text: str) -> Mapping[str, str]:
    """File names of the pictures that a document shows, with the words said in their place."""
    named = re.findall(r"!\[([^\]]*)\]\(pictures/([\w-]+\.svg)\)", text)
    return {name: words for words, name in named}
