"""Draw the pictures of the architecture page from the tables that the code itself uses.

docs/pictures/layers.svg comes from the import contract in pyproject.toml, docs/pictures/session.svg
from the session's table of states. Run without arguments to write them, with --check to compare
only (exit 1 and a sentence for each that is out of date).
"""

from __future__ import annotations

import sys
import textwrap
import tomllib
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path

from meshaid.core.session import TABLE, State

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "pictures"
LINE = 18
"""Pixels from one line of text to the next."""
INK, PALE, FRAME = "#1d3b40", "#eef5f5", "#7aa5aa"


def text(x: int, y: int, words: str, *, bold: bool = False, anchor: str = "start") -> str:
    """One line of text; its baseline is at `y`."""
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}"{weight}>{escape(words)}</text>'


def box(x: int, y: int, width: int, height: int, *, fill: str = PALE) -> str:
    """A rectangle with round corners."""
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="{fill}" '
        f'stroke="{FRAME}"/>'
    )


def drawing(title: str, width: int, height: int, parts: list[str]) -> str:
    """A whole SVG file on a white ground, so that it can be read in the dark, too."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" font-family="sans-serif" font-size="13" fill="{INK}">'
    )
    tip = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
        f'markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z" fill="{INK}"/></marker></defs>'
    )
    ground = f'<rect width="{width}" height="{height}" fill="white"/>'
    return "\n".join([head, f"<title>{escape(title)}</title>", tip, ground, *parts, "</svg>", ""])


# ---- layers


def layers() -> list[list[str]]:
    """The layers of the import contract, the highest first, each a list of modules."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    named = next(contract for contract in contracts if contract["id"] == "layers")["layers"]
    return [[module.strip(" ()") for module in layer.split(":")] for layer in named]


def what_it_is(module: str) -> str:
    """The first words of a module's own docstring."""
    path = ROOT / "meshaid" / module / "__init__.py"
    if not path.exists():
        path = ROOT / "meshaid" / f"{module}.py"
    source = path.read_text(encoding="utf-8").lstrip()
    if not source.startswith('"""'):
        return "The protocol and the board, pure and sans-IO"
    first = source.removeprefix('"""').partition("\n")[0].partition('"""')[0]
    for end in (":", ";", ". "):
        first = first.partition(end)[0]
    return first.replace("`", "").rstrip(".,")


def layers_picture() -> str:
    """One band a layer; imports lead down."""
    parts: list[str] = []
    y = 16
    for layer in layers():
        lines = [(module, what_it_is(module)) for module in layer]
        height = 10 + LINE * len(lines)
        parts.append(box(60, y, 700, height))
        for number, (module, told) in enumerate(lines):
            line = y + LINE * (number + 1)
            parts.append(text(72, line, module, bold=True))
            parts.append(text(200, line, textwrap.shorten(told, 78, placeholder=" ...")))
        y += height + 6
    bottom = y - 6
    parts.append(f'<path d="M30 16V{bottom}" stroke="{INK}" marker-end="url(#tip)"/>')
    parts.append(
        f'<text transform="translate(24 {bottom // 2}) rotate(-90)" text-anchor="middle">'
        "imports point down</text>"
    )
    return drawing("Layers of meshaid: imports point down", 780, bottom + 16, parts)


# ---- the session


def moves() -> Iterator[tuple[State, State, list[str]]]:
    """(from, to, messages) of every way out of a state but BYE, which ends any of them."""
    yield State.HANDSHAKE, State.HELLO, ["(the handshake is done)"]
    for state, row in TABLE.items():
        targets: dict[State, list[str]] = {}
        for name, target in row.items():
            if target is not state and target is not State.CLOSED:
                targets.setdefault(target, []).append(name)
        for target, names in targets.items():
            yield state, target, names


def session_picture() -> str:
    """The states from top to bottom: what may be said inside, what leads on outside."""
    order = [*dict.fromkeys([State.HANDSHAKE, State.HELLO, State.ROSTER, *TABLE])]
    parts: list[str] = []
    places: dict[State, tuple[int, int]] = {}
    y = 16
    for state in order:
        stays = [name for name, target in TABLE[state].items() if target is state]
        lines = textwrap.wrap(", ".join(stays), 46)
        height = 12 + LINE * (1 + len(lines))
        parts.append(box(20, y, 380, height))
        parts.append(text(32, y + LINE, state.name, bold=True))
        for number, line in enumerate(lines):
            parts.append(text(32, y + LINE * (number + 2), line))
        places[state] = (y, height)
        y += height + 22
    for start, end, names in moves():
        parts += arrow(places[start], places[end], ", ".join(names))
    said = [state.name for state in order if TABLE[state].get("BYE") is State.CLOSED]
    parts.append(text(20, y, f"BYE leads from {', '.join(said)} to CLOSED."))
    return drawing("States of one side of a session", 760, y + 16, parts)


def arrow(start: tuple[int, int], end: tuple[int, int], label: str) -> list[str]:
    """A curve on the right from one box to another, with its label; ways up run farther out."""
    down = end[0] > start[0]
    leave = start[0] + (start[1] * 3 // 4 if down else start[1] // 3)
    arrive = end[0] + (end[1] // 4 if down else end[1] * 2 // 3)
    bend = (430 if down else 500) + abs(arrive - leave) // 2
    curve = f"M400 {leave}C{bend} {leave} {bend} {arrive} 402 {arrive}"
    path = f'<path d="{curve}" fill="none" stroke="{INK}" marker-end="url(#tip)"/>'
    beside = text(400 + (bend - 400) * 3 // 4 + 8, (leave + arrive) // 2 + 4, label)
    return [path, beside]


PICTURES: dict[str, Callable[[], str]] = {
    "layers.svg": layers_picture,
    "session.svg": session_picture,
}


def main() -> int:
    """Write or check every picture; 0 when all are as they should be."""
    check = sys.argv[1:] == ["--check"]
    stale = 0
    for name, picture in PICTURES.items():
        path = TARGET / name
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(picture(), encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != picture():
            print(f"docs/pictures/{name} is out of date: run `make reference`", file=sys.stderr)
            stale += 1
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
