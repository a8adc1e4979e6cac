"""What a node tells, as lines for people. The input is the JSON form of `meshaid.events`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from meshaid.cli.cells import amount, code, device, short, state, title
from meshaid.cli.screen import EXERCISE, on_line

Told = Mapping[str, Any]


def line(told: Told) -> str:
    """One line: the time by this device's zone, and what happened."""
    at = datetime.fromtimestamp(told["at"], UTC).astimezone()
    words = _WORDS.get(told["event"], _name)
    return f"{at:%H:%M:%S}  {words(told)}"


def _name(told: Told) -> str:
    return str(told["event"])


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _record(what: str) -> Callable[[Told], str]:
    def words(told: Told) -> str:
        row = told["row"]
        if not row:
            return (
                f"{what} record {short(told['id'].partition('/')[2])}, which cannot be shown here"
            )
        mark = f"{EXERCISE} " if row["exercise"] else ""
        said = [
            f"{mark}{what} {on_line(row['kind'])} {code(row['ref'])}".rstrip(),
            title(row),
            amount(row),
            state(row),
        ]
        author = on_line(row["member_name"])
        return " · ".join(part for part in (*said, f"from {author}" if author else "") if part)

    return words


def _device(told: Told) -> str:
    """Its names, and behind them its id, for others may bear the same names."""
    named = device(told)
    return f"{named} ({short(told['device'])})" if named else short(told["device"])


def _refused(told: Told) -> str:
    who = "refused from" if told["by"] == "us" else "refused by"
    return f"changes {who} {_device(told)}: rule {told['rule']}"


def _unknown(told: Told) -> str:
    who = "this device" if told["by"] == "them" else "the other"
    return f"{on_line(told['address'])}: {who} is not known yet; cards were exchanged"


_WORDS: Final[Mapping[str, Callable[[Told], str]]] = MappingProxyType(
    {
        "Listening": lambda told: "listening at " + ", ".join(told["addresses"]),
        "PeerFound": lambda told: f"found {on_line(told['address'])} ({told['source']})",
        "PeerConnected": lambda told: f"connected to {_device(told)} at {on_line(told['address'])}",
        "PeerInSync": lambda told: f"equal with {_device(told)}",
        "PeerLost": lambda told: f"lost {_device(told)}: {on_line(told['reason'])}",
        "NotYetKnown": _unknown,
        "ConnectionFailed": lambda told: f"{on_line(told['address'])}: {on_line(told['reason'])}",
        "CardsChanged": lambda told: f"the community has {_count(told['members'], 'member')}",
        "RunRefused": _refused,
        "RecordAdded": _record("new"),
        "RecordChanged": _record("changed"),
        "RecordRemoved": lambda told: f"gone: record {short(told['id'].partition('/')[2])}",
        "NotesChanged": lambda told: f"new: {_count(told['count'], 'sealed note')}",
        "DiscoveryFailed": lambda told: (
            f"no discovery by mDNS at present: {on_line(told['reason'])}; addresses can be given "
            "with --peer"
        ),
        "StoreTrouble": lambda told: f"trouble with the disk: {on_line(told['reason'])}",
        "WentOffline": lambda _: "off the networks",
        "WentOnline": lambda _: "on the networks again",
        "EventsLeftOut": lambda told: f"{told['count']} lines left out: nobody read them in time",
    }
)
