"""The fenced blocks of our documents, and how those of the kind `console` are run.

A block right after a line `<!-- not run: REASON -->` is left out. In a console block each line
`$ meshaid ...` is a command; the lines below it are its output, where `…` stands for anything. A
command that ends with ` &` goes on in the background until the document ends.

Two kinds of document are run otherwise than block by block: a story, which `tools/story.py` plays,
has lines `<!-- at DESK ... -->`; a program told in parts has lines `<!-- part of PATH -->`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^(`{3,}|~{3,})\s*\{?([\w-]*)\}?.*$")
NOT_RUN = re.compile(r"<!-- not run: \S.* -->")
AT = re.compile(r"<!-- at (\w+)(?: (\d\d):(\d\d))?(?: = (\S+))? -->")
"""Whose desk the next blocks of a story are at, from when on, and where others reach it."""
PART = re.compile(r"<!-- part of (\S+) -->")
"""The next block is a part of this file; all its parts in order are the file."""


@dataclass(frozen=True)
class Block:
    """A fenced block: `line` is the number of its first line inside the fence."""

    document: Path
    line: int
    language: str
    text: str
    before: str
    """The last line above the fence that is not empty."""

    @property
    def runs(self) -> bool:
        """Whether it is no block that is only shown."""
        return NOT_RUN.fullmatch(self.before) is None

    @property
    def part_of(self) -> str:
        """The file that this block is a part of, from the root; empty for none."""
        match = PART.fullmatch(self.before)
        return match[1] if match else ""

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Command:
    """One `$` line of a console block with the output written below it."""

    line: int
    words: str
    background: bool
    output: str


def documents() -> list[Path]:
    """Every document that we wrote by hand, sorted."""
    folders = [ROOT, ROOT / "docs", ROOT / "docs/decisions", ROOT / "examples/drill"]
    folders += [ROOT / "meshaid/data", ROOT / "tests/data", ROOT / "tests/vectors"]
    folders += [ROOT / "benchmarks", ROOT / "examples", ROOT / "newsfragments"]
    return sorted(path for folder in folders for path in folder.glob("*.md"))


def is_story(document: Path) -> bool:
    """Whether its console blocks are one story, played by `tools/story.py`."""
    return any(map(AT.fullmatch, document.read_text(encoding="utf-8").splitlines()))


def blocks_of(document: Path) -> Iterator[Block]:
    """Every fenced block of a document, in order."""
    fence = ""
    language = before = ""
    first = 0
    inside: list[str] = []
    for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), 1):
        if fence:
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                yield Block(document, first, language, "\n".join(inside) + "\n", before)
                fence = before = ""
            else:
                inside.append(line)
        elif match := FENCE.match(line.strip()):
            fence, language = match[1], match[2]
            first, inside = number + 1, []
        elif line.strip():
            before = line.strip()
    assert not fence, f"{document}: the fence above line {first} is never closed"


def commands_of(block: Block) -> Iterator[Command]:
    """The commands of a console block; a `\\` at the end of a line continues it."""
    lines = block.text.splitlines()
    number = 0
    while number < len(lines):
        start = number
        if not lines[number].startswith("$ "):
            number += 1
            continue
        words = lines[number].removeprefix("$ ")
        while words.endswith("\\") and number + 1 < len(lines):
            number += 1
            words = words.removesuffix("\\") + lines[number].strip()
        number += 1
        output: list[str] = []
        while number < len(lines) and not lines[number].startswith("$ "):
            output.append(lines[number])
            number += 1
        background = words.endswith(" &")
        text = "\n".join(output).strip("\n")
        yield Command(block.line + start, words.removesuffix(" &"), background, text)


def fits(written: str, printed: str) -> bool:
    """Whether `printed` is what a document wrote, `…` standing for anything."""
    pattern = ".*".join(re.escape(part) for part in tidy(written).split("…"))
    return re.fullmatch(pattern, tidy(printed), flags=re.DOTALL) is not None


def tidy(text: str) -> str:
    """Without blanks at line ends and without empty lines around it."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")
