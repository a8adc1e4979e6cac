"""What a node tells, as lines for people. The input is the JSON form of `meshaid.events`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from meshaid.cli.screen import EXERCISE, on_line
from meshaid.cli.tables import LIFE, amount, code, short

Told = Mapping[str, Any]


def line(told: Told) -> str:
    """One line: the time by this device's zone, and what happened."""
    at = datetime.fromtimestamp(told["at"], UTC).astimezone()
    words = _WORDS.get(told["event"], _name)
    return f"{at:%H:%M:%S}  {words(told)}"


def _name(told: Told) -> str:
    return str(told["event"])


def _record(what: str) -> Callable[[Told], str]:
    def words(told: Told) -> str:
        row = told["row"]
        if not row:
            return (
                f"{what} record {short(told['id'].partition('/')[2])}, which cannot be shown here"
            )
        mark = f"{EXERCISE} " if row["exercise"] else ""
        life = f"{LIFE}: " if row["life_threatening"] else ""
        said = [
            f"{mark}{what} {on_line(row['kind'])} {code(row['ref'])}".rstrip(),
            life + on_line(row["title"] or row["category"] or ""),
            amount(row),
            on_line(row["status"]),
        ]
        author = on_line(row["member_name"])
        return " · ".join(part for part in (*said, f"from {author}" if author else "") if part)

    return words


def _refused(told: Told) -> str:
    who = "refused from" if told["by"] == "us" else "refused by"
    return f"changes {who} {short(told['device'])}: rule {told['rule']}"


def _unknown(told: Told) -> str:
    who = "this device" if told["by"] == "them" else "the other"
    return f"{on_line(told['address'])}: {who} is not known yet; cards were exchanged"


_WORDS: Final[Mapping[str, Callable[[Told], str]]] = MappingProxyType(
    {
        "Listening": lambda told: "listening at " + ", ".join(told["addresses"]),
        "PeerFound": lambda told: f"found {on_line(told['address'])} ({told['source']})",
        "PeerConnected": lambda told: (
            f"connected to {short(told['device'])} at {on_line(told['address'])}"
        ),
        "PeerInSync": lambda told: f"equal with {short(told['device'])}",
        "PeerLost": lambda told: f"lost {short(told['device'])}: {on_line(told['reason'])}",
        "NotYetKnown": _unknown,
        "ConnectionFailed": lambda told: f"{on_line(told['address'])}: {on_line(told['reason'])}",
        "CardsChanged": lambda told: f"the community has {told['members']} members",
        "RunRefused": _refused,
        "RecordAdded": _record("new"),
        "RecordChanged": _record("changed"),
        "RecordRemoved": lambda told: f"gone: record {short(told['id'].partition('/')[2])}",
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
