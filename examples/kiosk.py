"""A street desk: one laptop on a table, for whoever passes by.

    python examples/kiosk.py [HOME]

Type `help`. Without HOME it uses the folder `street-desk`. The page docs/apps.md builds this
program step by step.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import meshaid
from meshaid import Row, blocking
from meshaid.blocking import BlockingBoard, BlockingNode, BlockingWatcher
from meshaid.errors import InvalidInput, MeshaidError
from meshaid.events import RecordAdded


def open_desk(home: Path, **options: Any) -> AbstractContextManager[BlockingNode]:
    """The desk's home as a running node; a new community if there is none yet."""
    if not home.exists():
        now = int(time.time())
        meshaid.found_home(home, community_name="Our street", name="Street desk", now=now)
    return blocking.open_node(home, **options)


def line(row: Row) -> str:
    """A record on one line: `X123456  need: Blankets, 6 piece (open)`."""
    told = row.as_json()
    amount = f", {told['quantity']} {told['unit'] or ''}".rstrip() if told["quantity"] else ""
    left = told.get("still_open")
    if left not in (None, told["quantity"]):
        amount += f", {left} still open"
    name = told["ref"] or row.id.partition("/")[2][:8]
    return f"{name}  {row.record.kind}: {told['title'] or ''}{amount} ({row.status})"


def show(board: BlockingBoard, words: str) -> Iterator[str]:
    """What is on the board, or what of it holds these words."""
    rows = board.records(text=words)
    yield from map(line, rows)
    if not rows:
        yield "nothing"


def read(words: str) -> dict[str, Any]:
    """`Blankets | 6 piece | North | today` as fields: what, how much, where, how soon."""
    title, amount, area, urgency = (*map(str.strip, words.split("|")), "", "", "")[:4]
    quantity, _, unit = amount.partition(" ")
    fields = {
        "title": title,
        "quantity": quantity,
        "unit": unit,
        "area": area,
        "urgency": urgency,
    }
    return {name: value for name, value in fields.items() if value}


def write(kind: str) -> Callable[[BlockingBoard, str], Iterator[str]]:
    """The command that writes a record of this kind."""

    def command(board: BlockingBoard, words: str) -> Iterator[str]:
        entered = board.enter(kind, **read(words))
        yield line(entered.row)
        for caution in entered.warnings:
            yield f"note: {caution.words}"

    return command


def fits(board: BlockingBoard, ref: str) -> Iterator[str]:
    """What would fit together with a need or an offer, and why."""
    found = board.match(ref)
    for match in found.listed:
        other = match.offer if found.of == "need" else match.need
        yield line(other)
        yield "    " + ", ".join(reason.words for reason in match.proposal.reasons)
    if not found.listed:
        yield "nothing fits at present"


def promise(board: BlockingBoard, words: str) -> Iterator[str]:
    """`promise NEED OFFER`: all that is open, or all that the offer has left."""
    need, _, offer = words.partition(" ")
    said = board.pledge(need, offer=offer.strip())
    yield line(said.row)
    if said.about is not None:
        yield line(said.about)
    for caution in said.warnings:
        yield f"note: {caution.words}"


def came(board: BlockingBoard, words: str) -> Iterator[str]:
    """`came NEED` or `came PROMISE`: it has arrived."""
    said = board.receive(words)
    yield line(said.row if said.about is None else said.about)


def contact(board: BlockingBoard, words: str) -> Iterator[str]:
    """`contact CODE how to reach them` seals it to the stewards; `contact CODE` shows it."""
    ref, _, text = words.partition(" ")
    if text.strip():
        board.contact_add(ref, text.strip(), to=["stewards"])
    held = board.contact_show(ref)
    yield from (note.text for note in held.contacts)
    if held.sealed:
        yield f"{held.sealed} more that others may read"


COMMANDS: dict[str, Callable[[BlockingBoard, str], Iterator[str]]] = {
    "show": show,
    "need": write("need"),
    "offer": write("offer"),
    "fits": fits,
    "promise": promise,
    "came": came,
    "contact": contact,
}


def answer(board: BlockingBoard, typed: str) -> Iterator[str]:
    """What the desk says to one line that somebody typed."""
    word, _, rest = typed.strip().partition(" ")
    if word not in COMMANDS:
        yield f"say one of: {', '.join(COMMANDS)}"
        return
    try:
        yield from COMMANDS[word](board, rest.strip())
    except InvalidInput as error:
        yield from [f"{name}: {words}" for name, words in error.fields.items()] or [str(error)]
    except MeshaidError as error:
        yield f"not done: {error}"


def news(changes: BlockingWatcher, own: str) -> Iterator[str]:
    """What others than the member `own` wrote since this was last asked."""
    while (event := changes.take(timeout=0)) is not None:
        if isinstance(event, RecordAdded) and event.row.record.member != own:
            yield f"new: {line(event.row)}"


def main() -> None:
    """Answer line after line, until the input ends."""
    home = Path(sys.argv[1] if len(sys.argv) > 1 else "street-desk")
    with open_desk(home) as node:
        own = node.status()["member"]
        changes = node.board.watch()
        for typed in sys.stdin:
            for told in (*answer(node.board, typed), *news(changes, own)):
                print(told, flush=True)


if __name__ == "__main__":
    main()
