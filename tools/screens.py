"""Draw the screens of the volunteers' guide: what its commands print, as a terminal shows it.

The guide is played (`tools/story.py`). A picture that stands below a console block shows the last
command of that block with its output; every output that the guide writes out is compared. Run
without arguments to write docs/pictures/*.svg and the codes in the guide anew, which happens only
if every output is right; with --check to compare only. Exit 1 and a sentence for each difference.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))

from click import unstyle  # noqa: E402
from rich.cells import cell_len  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.segment import Segment  # noqa: E402
from rich.style import Style  # noqa: E402
from rich.text import Text  # noqa: E402

from tests.docs.blocks import fits  # noqa: E402
from tools.story import WIDTH, Codes, Told, pictures_named, play  # noqa: E402

GUIDE: Final = ROOT / "docs" / "volunteers.md"
TARGET: Final = ROOT / "docs" / "pictures"
CELL, LINE, EDGE = 8.4, 18, 12
"""Pixels: one column, one line, the margin."""
INK, GREY, GROUND, FRAME = "#1d3b40", "#5a6b6e", "#fcfdfd", "#7aa5aa"
COLOURS: Final = {
    1: "#b00020",
    2: "#1b6e2c",
    3: "#7a5600",
    4: "#1f4e9e",
    5: "#7b2d8b",
    6: "#0b6470",
}
"""A terminal's colours by their number, dark enough for the ground (contrast of 4.5 and more)."""


def picture(told: Told, title: str) -> str:
    """A terminal with one command and what it printed, as an SVG file that needs nothing else."""
    screen = Text.assemble(("$ ", "dim"), (told.words, "bold"), "\n")
    screen.append_text(Text.from_ansi(told.printed.rstrip("\n")))
    console = Console(width=WIDTH, color_system="standard", force_terminal=True)
    rows = console.render_lines(screen, pad=False)
    width = round(WIDTH * CELL) + 2 * EDGE
    height = len(rows) * LINE + 2 * EDGE
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" xml:space="preserve" role="img" font-family="monospace" '
        f'font-size="14" fill="{INK}">'
    )
    frame = (
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="6" '
        f'fill="{GROUND}" stroke="{FRAME}"/>'
    )
    lines = [part for number, row in enumerate(rows) for part in line_parts(number, row)]
    return "\n".join([head, f"<title>{escape(title)}</title>", frame, *lines, "</svg>", ""])


def line_parts(number: int, row: list[Segment]) -> Iterator[str]:
    """The pieces of one line, each set to its columns, whatever font there is."""
    column = 0
    y = EDGE + number * LINE + LINE - 5
    for said, style, _ in row:
        reverse = bool(style and style.reverse)
        words = said if reverse else said.strip()
        start = column if reverse else column + len(said) - len(said.lstrip())
        column += cell_len(said)
        if not words:
            continue
        x, length = f"{EDGE + start * CELL:.1f}", f"{cell_len(words) * CELL:.1f}"
        if reverse:
            yield f'<rect x="{x}" y="{y - 13}" width="{length}" height="{LINE}" fill="{INK}"/>'
        yield (
            f'<text x="{x}" y="{y}" textLength="{length}" lengthAdjust="spacingAndGlyphs"'
            f"{attributes(style)}>{escape(words)}</text>"
        )


def attributes(style: Style | None) -> str:
    """What a style of the terminal is in SVG."""
    if style is None:
        return ""
    fill = GROUND if style.reverse else GREY if style.dim else ""
    if style.color is not None and style.color.number is not None and not style.reverse:
        fill = COLOURS.get(style.color.number % 8, fill)
    told = f' fill="{fill}"' if fill else ""
    return told + (' font-weight="bold"' if style.bold else "")


def faults_of(told: Told) -> Iterator[str]:
    """What is wrong with one command of the guide."""
    where = f"{GUIDE.relative_to(ROOT)}:{told.line}: {told.words}"
    printed = unstyle(told.printed)
    if told.failed != ("Error: " in told.written):
        yield f"{where}\n{'failed' if told.failed else 'did not fail'}:\n{printed}"
    elif told.written and not fits(told.written, printed):
        yield f"{where}\nprinted:\n{printed}"
    plain = " ".join(printed.split())
    yield from (f"{where}\ndoes not show: {words}" for words in told.shows if words not in plain)


def main() -> int:
    """Write or check every picture, and check every output; 0 when all are as they should be."""
    check = sys.argv[1:] == ["--check"]
    text = GUIDE.read_text(encoding="utf-8")
    named = pictures_named(text)
    codes = Codes()
    faults: list[str] = []
    files: dict[Path, str] = {}
    for told in play(GUIDE, codes):
        faults += faults_of(told) if check else faults_of(told.renewed(codes))
        if told.picture:
            files[TARGET / told.picture] = picture(told, named[told.picture])
    files[GUIDE] = codes.renew(text)
    absent = named.keys() - {path.name for path in files}
    faults += [f"docs/pictures/{name} shows no command of the guide" for name in sorted(absent)]
    for path, content in files.items():
        if not check and not faults:
            path.write_text(content, encoding="utf-8")
        elif check and (not path.exists() or path.read_text(encoding="utf-8") != content):
            faults.append(f"{path.relative_to(ROOT)} is out of date: run `make reference`")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
