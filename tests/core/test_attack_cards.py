"""One member, or a stranger with an old door key, against everybody's roster."""

from __future__ import annotations

import pytest

from meshaid import limits
from meshaid.core import shelf
from meshaid.core.cards import SignedCard, make_device, make_invite, make_removal
from meshaid.core.keys import SigningKey, StaticKey
from meshaid.core.messages import CardList, Cards, CardWant, Hello
from meshaid.core.roster import Roster, RosterCaps
from tests.core.meeting_pair import Pair
from tests.core.puppet import Puppet
from tests.core.real_world import RealDevice, RealWorld


def linked_tree(device: RealDevice, width: int, depth: int) -> list[SignedCard]:
    """Links by a device, a device by each link, links by each of those, and so on."""
    identity = device.replica.identity
    cards: list[SignedCard] = []
    signers, count = [identity.signing_key], 0
    for _ in range(depth):
        below = []
        for signer in signers:
            for _ in range(width):
                count += 1
                link = SigningKey(count.to_bytes(32, "big"))
                linked = SigningKey((10_000 + count).to_bytes(32, "big"))
                exchange = StaticKey(count.to_bytes(32, "big")).public
                cards.append(
                    make_invite(
                        signer,
                        link,
                        community=identity.community,
                        role="device",
                        kinds=(),
                        uses=1,
                        expires=0,
                        created=0,
                    )
                )
                cards.append(
                    make_device(
                        link,
                        linked,
                        community=identity.community,
                        member=identity.member,
                        static_key=exchange,
                        sealing_key=exchange,
                        label="",
                    )
                )
                below.append(linked)
        signers = below
    return cards


def test_one_member_cannot_fill_the_roster_with_devices() -> None:
    world = RealWorld()
    hub = world.found("hub")
    member = world.join("member", hub)
    honest = [*hub.replica._shelf._held.values(), *member.replica._shelf._held.values()]
    community, mine = hub.replica.identity.community, member.replica.identity.member

    caps = RosterCaps(linked_per_member=4)
    tree = linked_tree(member, width=3, depth=4)
    roster = Roster(community, [*honest, *tree], caps=caps)

    assert len(roster.ever_devices(mine)) == 1 + caps.linked_per_member
    for order in (tree[::-1], tree[::2] + tree[1::2]):
        held = Roster(community, [*honest, *order[: len(order) // 2]], caps=caps).cards
        again = Roster(community, [*held, *order], caps=caps)
        assert again.hashes == roster.hashes


def test_one_device_makes_only_so_many_links_that_count() -> None:
    world = RealWorld()
    hub = world.found("hub")
    honest = list(hub.replica._shelf._held.values())
    links = linked_tree(hub, width=20, depth=1)
    roster = Roster(hub.replica.identity.community, [*honest, *links])
    effective = {card.hash for card in links} & roster.hashes
    assert len(effective) == 2 * limits.LINKS_PER_ISSUER


def test_cards_that_nobody_can_judge_cost_few_rosters(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that is not proven hands them over one by one."""
    world = RealWorld()
    hub = world.found("hub")
    stranger = world.join("stranger", hub)
    junk = {
        card.hash16: card
        for number in range(1, 257)
        for card in [
            make_removal(
                SigningKey(number.to_bytes(32, "big")),
                community=hub.replica.identity.community,
                target_kind="member",
                target=bytes(32),
            )
        ]
    }
    built = []

    class CountedRoster(Roster):
        def __init__(self, community: bytes, cards: object, *, caps: RosterCaps) -> None:
            built.append(caps)
            super().__init__(community, cards, caps=caps)  # type: ignore[arg-type]

    monkeypatch.setattr(shelf, "Roster", CountedRoster)
    puppet = Puppet(stranger, hub).shake_hands()
    puppet.say(Hello(bytes(16), bytes(16), b""))
    puppet.say(CardList(tuple(junk)))
    for _ in range(len(junk)):
        for want in puppet.took(CardWant):
            assert isinstance(want, CardWant)
            puppet.say(Cards((junk[want.names[0]].wire,)))

    assert len(built) <= 16


def test_removals_that_do_not_act_push_none_out_that_does() -> None:
    """A member hands one node what acts, another what does not; only the first is passed on."""
    world = RealWorld()
    hub = world.found("hub")
    attacker, bystander = world.join("attacker", hub), world.join("bystander", hub)
    for _ in range(2):
        Pair(attacker, hub, once=True).run()
        Pair(bystander, hub, once=True).run()
    identity = attacker.replica.identity

    def removals(kind: str, start: int) -> list[SignedCard]:
        """By the attacker's device: of a device that it says is its sibling, or of any member."""
        return [
            make_removal(
                identity.signing_key,
                community=identity.community,
                target_kind="device" if kind == "device" else "member",
                target=(identity.member, name) if kind == "device" else name,
            )
            for number in range(start, start + 520)
            for name in [number.to_bytes(32, "big")]
        ]

    acting = max(removals("device", 0), key=lambda card: card.hash)
    noise = [card.wire for card in removals("member", 0) if card.hash < acting.hash]
    assert len(noise) > limits.CARDS_PER_ISSUER
    hub.replica.add_cards([acting.wire])
    bystander.replica.add_cards(noise)
    bystander.write("insulin")

    met = Pair(bystander, hub).run()

    assert met.in_sync
    assert acting.hash in bystander.replica.roster.hashes
    assert bystander.replica.digest() == hub.replica.digest()
