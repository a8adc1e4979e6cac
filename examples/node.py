"""The field tester's node: join or found a community, run, see board and peers, type commands.

    python examples/node.py --home HOME                         a home that exists
    python examples/node.py --home HOME --found NAME --as NAME  a new community
    python examples/node.py --home HOME --join INVITE --as NAME join one (text or file)

On a terminal the board and the peers are a table that renews itself, with a line below it to type
commands on. Without one (a script, a pipe) everything is plain lines, until the input ends.

It writes a field log beside the home (HOME.log, or --log FILE) to send to the developers: ids cut
short, counts, states and durations. No words of people, no names, no addresses.
"""

from __future__ import annotations

import argparse
import codecs
import io
import json
import os
import platform
import re
import shlex
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import trio
from rich.console import Console, Group
from rich.layout import Layout
from rich.live import Live
from rich.table import Table
from rich.text import Text

import meshaid
from meshaid.cli import cells, events, record, tables
from meshaid.cli.screen import EXERCISE, on_line
from meshaid.core.invite import InviteText, decode_invite, is_invite_file, read_invite_file
from meshaid.errors import InvalidInput, MeshaidError
from meshaid.events import NodeEvent

HELP: Final = """\
need TITLE [FIELD=VALUE]…   as: need Water for ten quantity=40 unit=L area="North bank"
offer TITLE …   notice TITLE …   likewise
close REF REASON   as: close H482913 received
show REF   board   peers   status   invite [household|hub|team]   offline   online   help   quit"""
SNAPSHOT_SECONDS: Final = 60
REDRAW_SECONDS: Final = 0.25
"""What happens in between is drawn together."""
RENEW_SECONDS: Final = 10
"""Urgency and states move with the clock, too."""
LAST_WORDS_SECONDS: Final = 5
"""For what is still to be printed at the end."""
LINES_WAITING: Final = 1_000
"""Lines for a reader that stands still; what comes beyond is left out, for the node goes on."""
WIDTH: Final = 100
MESSAGE_LINES: Final = 16
PEERS_SHOWN: Final = 8


# ---- the field log
class FieldLog:
    """What happened, for the developers: never what people wrote."""

    COMMANDS: Final = {"need", "offer", "notice", "close", "show", "board", "peers", "status"} | {
        *("invite", "offline", "online", "help")
    }
    """The words that may be told of what is typed; a title may stand in their place by mistake."""
    SAFE: Final = {
        "PeerFound": ("source",),
        "PeerConnected": ("device", "member"),
        "PeerInSync": ("device", "digest"),
        "PeerLost": ("device", "reason"),
        "NotYetKnown": ("by",),
        "ConnectionFailed": ("reason",),
        "CardsChanged": ("members",),
        "RunRefused": ("device", "by", "rule"),
        "DiscoveryFailed": ("reason",),
    }
    """The fields that may be told of each event; every other event is told by its name alone."""
    IDS: Final = frozenset({"device", "member", "digest"})

    def __init__(self, path: Path) -> None:
        self._file: io.TextIOWrapper | None = path.open("a", encoding="utf-8")
        self._began = time.monotonic()
        self._connected: dict[str, float] = {}
        self._counts: Counter[str] = Counter()
        self.trouble = ""

    def note(self, what: str, **told: object) -> None:
        """One line: seconds since the start, what, and its numbers. A full disk ends the log."""
        if self._file is None:
            return
        line = {"at": round(time.monotonic() - self._began, 3), "what": what, **told}
        try:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
        except OSError as error:
            self._file = None
            self.trouble = f"the field log ended early: {error.strerror}"

    def note_event(self, event: NodeEvent) -> None:
        """An event of the node, ids cut short. Records are only counted."""
        told = event.as_json()
        name = told["event"]
        self._counts[name] += 1
        if name.startswith("Record"):
            return
        safe = {key: told[key] for key in self.SAFE.get(name, ())}
        self.note(name, **{k: v[:8] if k in self.IDS else v for k, v in safe.items()})
        self._note_duration(name, str(told.get("device")))

    def _note_duration(self, name: str, device: str) -> None:
        """How long it took from meeting to equal boards, and how long the connection held."""
        now = time.monotonic()
        if name == "PeerConnected":
            self._connected[device] = now
        elif name in ("PeerInSync", "PeerLost") and device in self._connected:
            what = "in_sync_after" if name == "PeerInSync" else "connected_for"
            self.note(what, device=device[:8], seconds=round(now - self._connected[device], 3))
            if name == "PeerLost":
                del self._connected[device]

    def note_command(self, word: str, outcome: str, seconds: float) -> None:
        """A typed command: which, and how it went."""
        word = word if word in self.COMMANDS else "?"
        self.note("command", word=word, outcome=outcome, seconds=round(seconds, 3))

    async def note_state(self, node: meshaid.Node) -> None:
        """How much there is, and how many peers are in which state."""
        try:
            status = await node.status()
        except MeshaidError as error:
            self.note("state", trouble=type(error).__name__)
            return
        peers = status["peers"]
        self.note(
            "state",
            digest=status["digest"][:8],
            **{name: status[name] for name in ("members", "documents", "changes", "records")},
            listeners=len(status["listening"]),
            peers=dict(Counter(str(peer["state"]) for peer in peers)),
            in_sync=sum(bool(peer["in_sync"]) for peer in peers),
            **node.statistics(),
        )

    def close(self, ended_by: str) -> None:
        """Write the counts and end."""
        self.note("end", by=ended_by, events=dict(self._counts))
        if self._file is not None:
            self._file.close()


# ---- what is typed
class Typing:
    """The lines that are typed. On a terminal they come key by key, for the table is redrawn all
    the time, and what is typed so far is part of it."""

    _ESCAPE: Final = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|O.|.|$)")

    def __init__(self, *, keys: bool) -> None:
        self._keys = keys
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self.line = ""

    async def lines(self, changed: Callable[[], None]) -> AsyncGenerator[str, None]:
        """Line after line, until the input ends; `changed` is called when `line` is another."""
        while data := await trio.to_thread.run_sync(self._read, abandon_on_cancel=True):
            for char in self._ESCAPE.sub("", self._decode(data)):
                if char == "\x04" and self._keys and not self.line:  # Ctrl-D
                    return
                if char in "\r\n":
                    line, self.line = self.line, ""
                    yield line
                else:
                    self._key(char)
            changed()
        if self.line:
            yield self.line

    def _key(self, char: str) -> None:
        if char in "\b\x7f":
            self.line = self.line[:-1]
        elif char == "\x15":  # Ctrl-U
            self.line = ""
        elif char.isprintable():
            self.line += char

    def _read(self) -> bytes:
        """Some input. Not by `sys.stdin`: a thread that waits in it would block the very end."""
        if sys.platform == "win32" and self._keys:
            import msvcrt

            return msvcrt.getwch().encode("utf-8", "replace")
        return os.read(sys.stdin.fileno(), 4096)


@contextmanager
def key_by_key() -> Iterator[None]:
    """Let the terminal give each key as it is typed, and not show it: the page does."""
    if sys.platform == "win32":
        yield
    else:
        import termios
        import tty

        before = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)
        try:
            yield
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


# ---- what is shown
class Lines:
    """Without a terminal: every event and every answer as plain lines."""

    def __init__(self) -> None:
        self._typing = Typing(keys=False)
        self._send, self._receive = trio.open_memory_channel[str](LINES_WAITING)

    def tell(self, event: NodeEvent) -> None:
        """Show an event. Never waits."""
        self.answer(events.line({"at": int(time.time()), **event.as_json()}))

    def answer(self, text: str) -> None:
        """Show an answer; left out where nobody reads, and after the end. Never waits."""
        with suppress(trio.WouldBlock, trio.ClosedResourceError):
            self._send.send_nowait(text)

    def typed(self) -> AsyncGenerator[str, None]:
        """The lines that are typed."""
        return self._typing.lines(lambda: None)

    async def run(self, node: meshaid.Node) -> None:
        """Print until there will be nothing more to print."""
        del node  # nothing is asked of it
        async for line in self._receive:
            try:
                await trio.to_thread.run_sync(print, line, abandon_on_cancel=True)
            except BrokenPipeError:  # whoever read it is gone
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                signal.raise_signal(signal.SIGTERM)

    def end(self) -> None:
        """Let `run` print what waits, and end."""
        self._send.close()


class Page:
    """On a terminal: board, peers, the last answer, and the line that is being typed."""

    def __init__(self, console: Console) -> None:
        self._typing = Typing(keys=True)
        self._console = console
        self._live = Live(console=console, screen=True, auto_refresh=False)
        self._news = trio.Event()
        self._message = HELP
        self._over = False
        self._heading: Mapping[str, Any] = {}
        self._rows: list[dict[str, Any]] = []
        self._peers: list[dict[str, Any]] = []

    def tell(self, event: NodeEvent) -> None:
        """Show soon what is other now. Never waits."""
        del event
        self._news.set()

    def answer(self, text: str) -> None:
        """Show an answer."""
        self._message = text
        self._news.set()

    def typed(self) -> AsyncGenerator[str, None]:
        """The lines that are typed."""
        return self._typing.lines(self._draw)

    def end(self) -> None:
        """Leave the screen."""
        self._over = True
        self._news.set()

    async def run(self, node: meshaid.Node) -> None:
        """Draw what changed, until the end."""
        with key_by_key(), self._live:
            while not self._over:
                self._news = trio.Event()
                try:
                    self._heading = await node.execute("heading", {}, None)
                    self._rows = [row.as_json() for row in await node.board.records()]
                    self._peers = await node.peers()
                except MeshaidError as error:
                    self._message = str(error)
                self._draw()
                await trio.sleep(REDRAW_SECONDS)
                with trio.move_on_after(RENEW_SECONDS):
                    await self._news.wait()

    def _draw(self) -> None:
        if not self._live.is_started:
            return
        message = self._message.splitlines()[:MESSAGE_LINES]
        peers = self._peers_table()
        typed = Text(f"> {self._typing.line}_", no_wrap=True)
        below = Group(typed, "", Text("\n".join(message)), "", peers)
        page = Layout()
        page.split_column(
            Layout(Group(self._title(), self._board_table())),
            Layout(below, size=peers.row_count + len(message) + 4),
        )
        self._live.update(page, refresh=True)

    def _title(self) -> Text:
        name = self._heading.get("community_name")
        title = Text(on_line(name) if name else "community not known yet", style="bold")
        if self._heading.get("exercise"):
            title = Text.assemble((f" {EXERCISE} ", "bold reverse"), " ", title)
        if self._heading.get("known_to_others") is False:
            title.append(" · not known to others yet", style="italic")
        return title.append(f" · {len(self._rows)} on the board")

    def _board_table(self) -> Table:
        table = Table("Code", "Kind", "What", "How much", "When", "Where", "State", box=None)
        for row in self._rows[: self._console.height]:
            table.add_row(
                cells.code(row["ref"]),
                on_line(row["kind"]),
                cells.title(row),
                cells.amount(row),
                cells.when(row),
                on_line(row["area"] or ""),
                cells.state(row),
            )
        return table

    def _peers_table(self) -> Table:
        table = Table("Peer", "Member", "Address", "State", "Last equal", box=None)
        for peer in self._peers[:PEERS_SHOWN]:
            table.add_row(
                cells.short(peer["device"]) or "?",
                cells.short(peer["member"]) or "?",
                on_line(peer["address"] or ""),
                f"{peer['state']}, equal now" if peer["in_sync"] else peer["state"],
                cells.moment(peer["last_sync"]),
            )
        return table


def page_text(page: Callable[[Console, Any], None], result: object) -> str:
    """A page of the command line as plain text; what members wrote is cleaned in it."""
    console = Console(
        file=io.StringIO(), width=WIDTH, color_system=None, highlight=False, markup=False
    )
    with console.capture() as captured:
        page(console, result)
    return "\n".join(map(str.rstrip, captured.get().strip("\n").splitlines()))


# ---- what commands do
async def carry_out(node: meshaid.Node, word: str, rest: str) -> str:
    """Do what a typed line says; the answer for the person. Raises MeshaidError."""
    match word:
        case "need" | "offer" | "notice":
            entered = {"kind": word, "fields": fields_of(rest)}
            written = await node.execute("add", entered, None)
            return f"written: {cells.code(written['ref']) or written['id']}"
        case "close":
            ref, _, reason = rest.rpartition(" ")
            if not ref:
                raise InvalidInput("close needs a code and a reason, as: close H482913 received")
            row = await node.board.close(ref.strip(), reason)
            return f"{cells.code(row.record.text('ref')) or row.id} is {row.status}"
        case "show":
            page = partial(record.record_page, now=int(time.time()))
            return page_text(page, (await node.board.show(rest)).as_json())
        case "board":
            rows = [row.as_json() for row in await node.board.records()]
            page = partial(tables.board_page, now=int(time.time()))
            return page_text(page, {"records": rows})
        case "peers":
            return page_text(tables.peers_page, {"peers": await node.peers()})
        case "status":
            return page_text(tables.status_page, await node.status())
        case "invite":
            invited = await node.execute("invite", {"kinds": rest.split()}, None)
            return f"hand this over as you would a key: {invited['invite']}"
        case "offline":
            await node.offline()
            return "offline: the board can be read and written"
        case "online":
            await node.online()
            return "online again"
        case "help":
            return HELP
    raise InvalidInput(f"there is no such command; there are:\n{HELP}")


def fields_of(rest: str) -> dict[str, object]:
    """The title and the fields of a typed record. Raises InvalidInput."""
    words = shlex.shlex(rest, posix=True)
    words.whitespace_split, words.quotes, words.commenters, words.escape = True, '"', "", ""
    title: list[str] = []
    fields: dict[str, object] = {}
    try:
        for word in words:
            name, is_field, value = word.partition("=")
            if is_field and name.isidentifier():
                fields[name] = value
            else:
                title.append(word)
    except ValueError as error:
        raise InvalidInput('a " is missing; write as: area="North bank"') from error
    return {"title": " ".join(title), **fields}


async def obey(node: meshaid.Node, screen: Lines | Page, log: FieldLog) -> None:
    """Carry out what is typed, until `quit` or the end of the input."""
    async with aclosing(screen.typed()) as lines:
        async for line in lines:
            word, _, rest = line.strip().partition(" ")
            if word == "quit":
                return
            if not word:
                continue
            began, outcome = time.monotonic(), "done"
            try:
                answer = await carry_out(node, word, rest.strip())
            except MeshaidError as error:
                outcome, answer = type(error).__name__, f"not done: {error}"
            log.note_command(word, outcome, time.monotonic() - began)
            screen.answer(answer)


# ---- joining, running, ending
def make_home(options: argparse.Namespace) -> None:
    """Found or join, where that was asked for. Raises MeshaidError; then nothing was written."""
    now = int(time.time())
    if options.found:
        founded = meshaid.found_home(
            options.home,
            community_name=options.found,
            name=options.name,
            kind=options.kind or "household",
            letter=options.letter,
            now=now,
        )
        print(f"founded. Keep this on paper, it is shown only now: {founded.recovery}")
        for invite in founded.steward_invites:
            print(f"an invite for one more steward, shown only now: {invite}")
        if sys.stdin.isatty():
            input("Press Enter when it is written down. ")
    elif options.join:
        invited, chain = read_invite(options.join)
        is_link = invited.purpose == "link"
        meshaid.join_home(
            options.home,
            invited,
            name=None if is_link else options.name,
            label=options.name if is_link else None,
            kind=options.kind,
            letter=options.letter,
            chain=chain,
            now=now,
        )
        print("joined; others know this device once one of them has the invite's card")


def read_invite(given: str) -> tuple[InviteText, tuple[bytes, ...]]:
    """The invite that was handed over as a text, or as a file with its cards. Raises InvalidInput.

    Source: docs/protocol.md, "Invites".
    """
    try:
        data = Path(given).read_bytes()
    except OSError:  # no such file, or a text that is too long for a file's name
        return decode_invite(given), ()
    if is_invite_file(data):
        return read_invite_file(data)
    return decode_invite(data.decode("utf-8-sig", "replace")), ()


async def run(options: argparse.Namespace, log: FieldLog) -> str:
    """Open the home as a node and let the tester at it; says what ended it. Raises MeshaidError."""
    console = Console(highlight=False, markup=False, emoji=False)
    on_terminal = console.is_terminal and sys.stdin.isatty()
    screen = Page(console) if on_terminal else Lines()
    ended_by = "signal"

    def observe(event: NodeEvent) -> None:
        log.note_event(event)
        screen.tell(event)

    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with meshaid.open_node(
            options.home,
            listen=options.listen,
            peers=options.peer,
            mdns=not options.no_mdns,
            observer=observe,
        ) as node:
            async with trio.open_nursery() as showing:
                showing.start_soon(screen.run, node)
                async with trio.open_nursery() as asking:
                    asking.start_soon(stop_at_signal, signals, asking.cancel_scope)
                    asking.start_soon(take_snapshots, node, log)
                    await obey(node, screen, log)
                    ended_by = "quit"
                    asking.cancel_scope.cancel()
                screen.end()
                showing.cancel_scope.deadline = trio.current_time() + LAST_WORDS_SECONDS
            await log.note_state(node)
    return ended_by


async def stop_at_signal(signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
    """Ctrl-C is a good end, too: peers get a goodbye."""
    await anext(signals)
    scope.cancel()


async def take_snapshots(node: meshaid.Node, log: FieldLog) -> None:
    """Note the state now and every minute."""
    while True:
        await log.note_state(node)
        await trio.sleep(SNAPSHOT_SECONDS)


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
    parser.add_argument("--no-mdns", action="store_true", help="neither announce nor look")
    parser.add_argument("--log", type=Path, help="the field log, if not beside the home")
    return parser.parse_args(arguments)


def run_logged(options: argparse.Namespace, log: FieldLog) -> int:
    """Run, with the first and the last line of the log around it; gives the exit code."""
    log.note(
        "start",
        meshaid=meshaid.__version__,
        python=platform.python_version(),
        system=platform.system(),
        mdns=not options.no_mdns,
        peers_given=len(options.peer),
    )
    ended_by = "error"
    try:
        ended_by = trio.run(run, options, log)
    except MeshaidError as error:
        ended_by = type(error).__name__
        print(error, file=sys.stderr)
        return 1
    finally:
        log.close(ended_by)
    return 0


def main() -> int:
    """Make or open the home, and run until `quit`, the end of the input, or a signal."""
    options = parse()
    if isinstance(sys.stdout, io.TextIOWrapper):  # words in any script must not end the node
        sys.stdout.reconfigure(errors="replace", line_buffering=True)
    folder = options.home.resolve()
    path = options.log or folder.with_name(f"{folder.name}.log")
    try:
        make_home(options)
        log = FieldLog(path)
    except MeshaidError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"the field log cannot be written: {error.strerror}. Try --log FILE", file=sys.stderr)
        return 1
    code = run_logged(options, log)
    print(log.trouble or f"stopped; the field log is {path}")
    return code


if __name__ == "__main__":
    sys.exit(main())
