"""What a device does for its sealed notes by itself: erase what is over, hand on its member's key.

Called when a home is opened for a command, and by a running node every NOTE_SWEEP_SECONDS and when
the roster or a note of its own member changed. It is cheap when there is nothing to do.
"""

from __future__ import annotations

from meshaid.core.notes import device_subject
from meshaid.core.replica import Replica
from meshaid.core.sealing import unseal
from meshaid.sealed import Random, seal_note


def tend(replica: Replica, now: int, random: Random) -> None:
    """Sweep, take the member's sealing key if a sibling has handed it over, hand it on.

    Args:
      now: seconds since 1970, by which notes are over.
    Raises StoreError, StoreFull; what was done before stays done.
    """
    replica.notes.sweep(now)
    tend_keys(replica, random)


def tend_keys(replica: Replica, random: Random) -> None:
    """The part about keys alone."""
    if replica.identity.member_sealing_seed is None:
        _take_key(replica)
    if replica.identity.member_sealing_seed is not None and replica.is_proven():
        _hand_on_key(replica, replica.identity.member_sealing_seed, random)


def _take_key(replica: Replica) -> None:
    """Whatever a sibling says, only the key on the member's card is taken."""
    identity = replica.identity
    for note in replica.notes.key_notes(identity.device):
        seed = unseal(note, identity.sealing_seed)
        if seed is not None and replica.learn_sealing_seed(seed):
            return


def _hand_on_key(replica: Replica, seed: bytes, random: Random) -> None:
    """A note for each sibling device that stands and has none yet."""
    own, roster = replica.identity, replica.roster
    siblings = sorted(device for member, device in roster.pairs if member == own.member)
    for device in siblings:
        view = roster.devices[device]
        lacks = view.member == own.member and not replica.notes.key_notes(device)
        if lacks and device != own.device:
            seal_note(replica, random, "key", device_subject(device), seed, [view.sealing_key])
