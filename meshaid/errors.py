"""Every error that meshaid raises on purpose. The text of an error is what a person reads.

Texts name types, sizes and states, never content, and end with what to do next (docs/protocol.md,
"Errors"). Foreign errors become ours in one place per boundary, raised `from` the original.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager


class MeshaidError(Exception):
    """The root of all errors that meshaid raises on purpose."""


class ProtocolError(MeshaidError):
    """Abstract: somebody broke the protocol. Raised only as one of its two kinds."""

    def __init__(self, *args: object) -> None:
        if type(self) is ProtocolError:
            raise TypeError("raise LocalProtocolError or RemoteProtocolError")
        super().__init__(*args)


class LocalProtocolError(ProtocolError):
    """This side asked a session for something illegal: a bug in the caller."""


class RemoteProtocolError(ProtocolError):
    """The peer sent something illegal. The session is over; the node goes on."""


class InvalidInput(MeshaidError):
    """A value given by a person or a program cannot be used; the text says what would be right.

    `fields` tells of each field of a record, or argument of a call, that does not fit what would be
    right, by its name; the text then joins them all. It is empty where none of them is at fault.
    """

    def __init__(self, message: str = "", fields: Mapping[str, str] | None = None) -> None:
        self.fields = dict(fields or {})
        told = "; ".join(f"{name}: {sentence}" for name, sentence in self.fields.items())
        super().__init__(message or told)


class NotFound(InvalidInput):
    """Nothing on this board answers to the given name. List what there is with `meshaid board`."""


class Ambiguous(InvalidInput):
    """The given name fits several things; `matches` lists them. Give more characters.

    `words` says in a line for each of them what it is, for the screen; the text says nothing of it.
    """

    def __init__(
        self,
        message: str = "",
        matches: tuple[str, ...] = (),
        words: tuple[str, ...] = (),
        fields: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, fields)
        self.matches = matches
        self.words = words


@contextmanager
def concerning(name: str) -> Iterator[None]:
    """Say of what is raised inside that this argument is at fault, unless it names its fields."""
    try:
        yield
    except InvalidInput as error:
        error.fields = error.fields or {name: str(error)}
        raise


class BusyError(MeshaidError):
    """Another process or task is using it; nothing happened. Try again in a moment."""


class ClosedError(MeshaidError):
    """It was closed on this side. Open it again."""


class BrokenError(MeshaidError):
    """The world broke it: network, disk, or the peer is gone. See `__cause__`."""


class NotReachable(BrokenError):
    """Nobody answered at that address. Check that both laptops are on the same network."""


class InvalidSignature(MeshaidError):
    """A signature does not fit the bytes that it stands on. They were damaged or forged."""


class RefusedByTrust(MeshaidError):
    """The community's cards do not allow this. Ask a steward."""


class UntrustedPeer(RefusedByTrust):
    """The peer is not, or no longer, a device of this community."""


class NotKnownYet(RefusedByTrust):
    """The peer cannot prove yet that this device belongs; the cards it sent were kept. Try again
    after either side has met somebody who has the missing card."""


class IncompatiblePeer(MeshaidError):
    """The peer speaks another version of meshaid. Update the older of the two."""


class StoreError(MeshaidError):
    """The store on disk cannot be used as it is; the text says what to do."""


class WrongPassphrase(StoreError):
    """The passphrase does not open this home."""


class NewerStore(StoreError):
    """A newer meshaid wrote this store. Update meshaid on this device."""


class StoreFull(StoreError):
    """The disk is full: nothing was written, reading goes on. Free some space, then try again."""


class DocumentPoisoned(MeshaidError):
    """An Automerge document cannot be used any more; it is rebuilt from the signed changes."""


class DiscoveryUnavailable(MeshaidError):
    """Devices on this network cannot be found by mDNS. Use `--peer HOST:PORT`."""


class MeshaidInternalError(MeshaidError):
    """A background task failed; raised `from` the group of its causes. This is a bug: report it."""
