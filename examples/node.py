"""The field tester's node: join or found a community, run, see board and peers, type commands.

    python examples/node.py --home HOME                         a home that exists
    python examples/node.py --home HOME --found NAME --as NAME  a new community
    python examples/node.py --home HOME --join INVITE --as NAME join one (text or file)

Then type, one command a line: need TITLE, offer TITLE, notice TITLE, close REF REASON, show REF,
board, peers, status, offline, online, help, quit. On a terminal the table renews itself; without
one (a script, a pipe) everything is plain lines.

It writes a field log beside the home (HOME.log, or --log FILE) to send to the developers: ids cut
short, counts, states and durations. No words of people, no names, no addresses.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import trio
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

import meshaid
from meshaid.core.invite import InviteText, decode_invite, is_invite_file, read_invite_file
from meshaid.errors import MeshaidError
from meshaid.events import NodeEvent

HELP = (
    "need TITLE · offer TITLE · notice TITLE · close REF REASON · show REF · board · peers · "
    "status · offline · online · help · quit"
)
ROWS_SHOWN = 15
COLUMNS = {"Code": "ref", "Kind": "kind", "What": "title", "When": "tier", "State": "status"}


class FieldLog:
    """What happened, for the developers: never what people wrote."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._began = time.monotonic()
        self.counts: Counter[str] = Counter()

    def note(self, what: str, **told: object) -> None:
        """One line: seconds since the start, what, and its numbers."""
        line = {"at": round(time.monotonic() - self._began, 3), "what": what, **told}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def note_event(self, event: NodeEvent) -> None:
        """An event of the node, ids cut short; records are only counted."""
        told = event.as_json()
        name = told.pop("event")
        self.counts[name] += 1
        if name.startswith("Record"):
            return
        safe = {k: told[k] for k in ("reason", "by", "rule", "members", "source") if k in told}
        short = {k: told[k][:8] for k in ("device", "member", "digest") if told.get(k)}
        self.note(name, **safe, **short)

    def close(self) -> None:
        """Write the counts and end."""
        self.note("end", counts=dict(self.counts))
        self._file.close()


class Tester:
    """One tester at one node: the table, and what is typed."""

    def __init__(self, node: meshaid.Node, log: FieldLog, console: Console) -> None:
        self._node = node
        self._log = log
        self._console = console
        self._message = HELP

    async def run(self) -> None:
        """Renew the table and carry out commands until `quit` or the end of the input."""
        on_terminal = self._console.is_terminal and sys.stdin.isatty()
        screen: AbstractContextManager[Any] = nullcontext()
        if on_terminal:
            screen = Live(console=self._console, auto_refresh=False)
        with screen as live:
            async with trio.open_nursery() as nursery:
                if on_terminal:
                    nursery.start_soon(self._renew, live)
                while await self._next_command(live):
                    pass
                nursery.cancel_scope.cancel()

    async def _renew(self, live: Live) -> None:
        while True:
            live.update(await self._page(), refresh=True)
            await trio.sleep(1)

    async def _page(self) -> Group:
        rows = [row.as_json() for row in await self._node.board.records()]
        board = Table(*COLUMNS, title=f"{len(rows)} on the board")
        for row in rows[:ROWS_SHOWN]:
            board.add_row(*(Text(str(row[field] or "")) for field in COLUMNS.values()))
        peers = Table("Device", "State", "In sync", title="Peers")
        for peer in await self._node.peers():
            known = str(peer["device"] or "not known yet")[:8]
            peers.add_row(known, peer["state"], "yes" if peer["in_sync"] else "no")
        return Group(board, peers, Text(self._message))

    async def _next_command(self, live: Live | None) -> bool:
        """Carry out one typed line; False when it was the last one."""
        line = await trio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)
        word, _, rest = line.strip().partition(" ")
        if not line or word == "quit":
            return False
        if not word:
            return True
        began = time.monotonic()
        try:
            answer = await self._do(word, rest.strip())
        except MeshaidError as error:
            answer = f"not done: {error}"
        self._log.note("command", word=word, seconds=round(time.monotonic() - began, 3))
        self._message = answer
        if live is None:
            print(answer, flush=True)
        return True

    async def _do(self, word: str, rest: str) -> str:
        node, board = self._node, self._node.board
        match word:
            case "need" | "offer" | "notice":
                row = await board.add(word, title=rest)
                return f"written: {row.record.text('ref')}"
            case "close":
                ref, _, reason = rest.rpartition(" ")
                row = await board.close(ref, reason)
                return f"{row.record.text('ref')}: {row.status}"
            case "show":
                shown = (await board.show(rest)).as_json()
                return "\n".join(f"{key}: {shown[key]}" for key in shown if shown[key])
            case "board":
                rows = [row.as_json() for row in await board.records()]
                lines = [f"{r['ref']}  {r['kind']}  {r['title']}  {r['status']}" for r in rows]
                return "\n".join(lines) or "the board is empty"
            case "peers":
                lines = [
                    f"{str(p['device'])[:8]}  {p['state']}  in sync: {p['in_sync']}"
                    for p in await node.peers()
                ]
                return "\n".join(lines) or "no peers yet"
            case "status":
                status = await node.status()
                return "\n".join(f"{key}: {status[key]}" for key in status if key != "peers")
            case "offline":
                await node.offline()
                return "offline: the board can be read and written"
            case "online":
                await node.online()
                return "online again"
            case "help":
                return HELP
        return f"there is no command {word!r}. {HELP}"


def make_home(options: argparse.Namespace) -> None:
    """Found or join, where that was asked for."""
    now = int(time.time())
    kind, letter = options.kind, options.letter
    if options.found:
        founded = meshaid.found_home(
            options.home,
            community_name=options.found,
            name=options.name,
            kind=kind or "household",
            letter=letter,
            now=now,
        )
        print(f"founded. Keep this on paper: {founded.recovery}", flush=True)
    elif options.join:
        invite, chain = read_invite(options.join)
        meshaid.join_home(
            options.home,
            invite,
            name=options.name if invite.purpose == "member" else None,
            label=options.name if invite.purpose == "link" else None,
            kind=kind,
            letter=letter,
            chain=chain,
            now=now,
        )
        print("joined; others know this device once one of them has the invite's card", flush=True)


def read_invite(given: str) -> tuple[InviteText, tuple[bytes, ...]]:
    """The invite that somebody handed over as a text, or as a file with its cards."""
    try:
        data = Path(given).read_bytes()
    except OSError:  # no such file, or a text that is too long for a file's name
        return decode_invite(given), ()
    return read_invite_file(data) if is_invite_file(data) else (decode_invite(data.decode()), ())


async def run(options: argparse.Namespace, log: FieldLog) -> None:
    """Open the home as a node and let the tester at it."""
    console = Console()

    def observe(event: NodeEvent) -> None:
        log.note_event(event)
        if not console.is_terminal and not type(event).__name__.startswith("Record"):
            print(f"# {type(event).__name__}", flush=True)

    async with meshaid.open_node(
        options.home,
        listen=options.listen,
        peers=options.peer,
        mdns=not options.no_mdns,
        observer=observe,
    ) as node:
        print(f"listening at {', '.join(node.listening)}; type help", flush=True)
        await Tester(node, log, console).run()


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--home", type=Path, required=True)
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--found", metavar="NAME", help="found a community of this name")
    ways.add_argument("--join", metavar="INVITE", help="an invite's text or file")
    parser.add_argument("--as", dest="name", default="tester", help="the shown name")
    parser.add_argument("--kind", choices=("household", "hub", "team"))
    parser.add_argument("--letter", help="of a hub")
    parser.add_argument("--listen", default=":0", metavar="HOST:PORT")
    parser.add_argument("--peer", action="append", default=[], metavar="HOST:PORT")
    parser.add_argument("--no-mdns", action="store_true")
    parser.add_argument("--log", type=Path)
    return parser.parse_args(arguments)


def work() -> int:
    """Make or open the home and run until `quit` or the end of the input."""
    options = parse()
    try:
        make_home(options)
        log = FieldLog(options.log or options.home.with_suffix(".log"))
        try:
            trio.run(run, options, log)
        finally:
            log.close()
    except MeshaidError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def main() -> int:
    """The same, and Ctrl-C is a good end too."""
    try:
        return work()
    except* KeyboardInterrupt:
        print("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
