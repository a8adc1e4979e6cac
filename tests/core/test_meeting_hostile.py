"""A lying peer costs bounded work and ends its own session, never anything else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgpack
import pytest

from meshaid import limits
from meshaid.core import card_exchange, messages
from meshaid.core.meeting_events import (
    CardsChanged,
    DocumentChanged,
    InSync,
    NotKnownYet,
    OutOfSync,
    RunRefused,
)
from meshaid.core.messages import (
    Bye,
    ByeReason,
    CardList,
    Cards,
    CardWant,
    Delta,
    Digest,
    DocumentState,
    Done,
    Hello,
    Items,
    Message,
    Want,
    Wanted,
)
from meshaid.core.session import Ending
from meshaid.errors import DocumentPoisoned, RemoteProtocolError, StoreFull
from tests.core.meeting_pair import Pair
from tests.core.meeting_world import FakeDevice, FakeWorld, head_of, seal, sha
from tests.core.puppet import Puppet

NAME = bytes(16)


def lie(digest: bytes) -> bytes:
    return hashlib.sha256(digest).digest()[:16]


@pytest.fixture
def pair() -> tuple[FakeDevice, FakeDevice]:
    """A hostile and an honest member who know each other's cards and documents."""
    world = FakeWorld()
    honest = world.found("honest")
    hostile = world.join("hostile", honest)
    for number in range(3):
        honest.write(f"need {number}")
        hostile.write(f"offer {number}")
    assert Pair(hostile, honest).run().in_sync
    return hostile, honest


@pytest.fixture
def puppet(pair: tuple[FakeDevice, FakeDevice]) -> Puppet:
    """A hostile peer after an honest greeting: in sync."""
    puppet = Puppet(*pair).greet()
    assert puppet.meeting.in_sync
    return puppet


@pytest.fixture
def reconciling(pair: tuple[FakeDevice, FakeDevice]) -> Puppet:
    """A hostile peer in the middle of a pass: it lied about its digest, and has our table."""
    puppet = Puppet(*pair).greet(lie)
    (table,) = puppet.took(Items)
    assert isinstance(table, Items)
    assert len(table.table) == 2
    return puppet


def assert_dropped(puppet: Puppet, ending: Ending = Ending.PROTOCOL) -> None:
    assert puppet.ended is not None
    assert puppet.ended.ending is ending
    assert not puppet.ended.by_peer
    assert puppet.meeting.closed
    assert puppet.meeting.data_to_send() == b""
    if ending is Ending.PROTOCOL:
        assert isinstance(puppet.ended.error, RemoteProtocolError)
        assert not puppet.session._events


def wanted(device: FakeDevice, clock: messages.Clock | None = None) -> Wanted:
    return Wanted(sha(b"document", device.knowledge.member), clock or {})


def forged_run(
    owner: FakeDevice, author: FakeDevice, text: str, number: int, *, sealed: bool = True
) -> bytes:
    """A delta for `owner`'s document with one run by `author`."""
    actor = author.knowledge.actor
    genesis = sha(b"document", owner.knowledge.member)
    texts = author.knowledge.chains[sha(b"document", author.knowledge.member)][actor][:number]
    signature = seal(actor, head_of(actor, [*texts, text])) if sealed else bytes(64)
    data = text.encode()
    change = [[], [], bytes([1, 1, len(data)]) + data]
    run = [0, number.to_bytes(8, "big"), [change], signature]
    return bytes(msgpack.packb([genesis, [actor], [run]]))


# ---- digests and tables
def test_false_digest_is_looked_into_once(reconciling: Puppet) -> None:
    table = reconciling.knowledge.items()
    rows = tuple((genesis[:16], state[:8]) for genesis, state in table.items())
    reconciling.say(Items(rows), reconciling.digest(lie))
    assert OutOfSync() in reconciling.events
    assert not reconciling.took(Items)
    for _ in range(50):
        reconciling.say(reconciling.digest(lie))
    assert not reconciling.took(Items)
    assert not reconciling.meeting.closed
    reconciling.say(reconciling.digest())
    assert reconciling.meeting.in_sync


def test_ever_new_digests_get_few_tables(pair: tuple[FakeDevice, FakeDevice]) -> None:
    puppet = Puppet(*pair).greet(lie)
    shown = len(puppet.took(Items))
    for number in range(limits.PASSES_AT_ONCE + 1):
        assert not puppet.meeting.closed
        puppet.say(Items(()), Digest(puppet.digest().cards, number.to_bytes(16, "big")))
        shown += len(puppet.took(Items))
    assert shown == limits.PASSES_AT_ONCE
    # Its second table in a pass for which ours is still held back.
    puppet.say(Items(()))
    assert_dropped(puppet)


def test_false_cards_digest_is_bounded(puppet: Puppet) -> None:
    lists = 0
    for number in range(100):
        puppet.say(Digest(number.to_bytes(16, "big"), puppet.digest().documents))
        lists += len(puppet.took(CardList))
    assert 0 < lists <= limits.PASSES_AT_ONCE


def test_second_table_in_one_pass(reconciling: Puppet) -> None:
    (genesis, *_) = reconciling.knowledge.items()
    reconciling.say(Items(((genesis[:16], bytes(8)),)), reconciling.digest())
    assert reconciling.took(Want)
    reconciling.say(Items(()))
    assert_dropped(reconciling)


def test_table_of_unknown_documents_asks_for_nothing(reconciling: Puppet) -> None:
    rows = tuple((bytes([number]) * 16, bytes(8)) for number in range(200))
    reconciling.say(Items(rows), reconciling.digest(lie))
    assert not reconciling.took(Want)
    assert OutOfSync() in reconciling.events


# ---- requests
def test_want_of_what_was_not_shown(reconciling: Puppet) -> None:
    reconciling.say(Items(()), Want(1, (Wanted(sha(b"other"), {}),)))
    assert_dropped(reconciling)


def test_want_twice(pair: tuple[FakeDevice, FakeDevice], reconciling: Puppet) -> None:
    reconciling.say(Items(()), Want(1, (wanted(pair[1]),)))
    (delta,) = reconciling.took(Delta)
    assert isinstance(delta, Delta)
    assert reconciling.took(Done) == [Done(1)]
    reconciling.say(Want(2, (wanted(pair[1]),)))
    assert_dropped(reconciling)
    assert not reconciling.took(Delta)


def test_want_without_a_table(puppet: Puppet, pair: tuple[FakeDevice, FakeDevice]) -> None:
    puppet.say(Want(1, (wanted(pair[1]),)))
    assert_dropped(puppet)


def test_endless_wants_without_reading() -> None:
    world = FakeWorld()
    honest = world.found("honest")
    members = [world.join(f"m{number}", honest) for number in range(12)]
    for member in members:
        member.write("need")
        Pair(member, honest).run()
    Pair(members[0], honest).run()
    puppet = Puppet(members[0], honest).greet(lie)
    puppet.throw(messages.encode(Items(())))
    for number, member in enumerate(members):
        puppet.throw(messages.encode(Want(number + 1, (wanted(member),))))
    puppet.meeting.receive_data(puppet.session.data_to_send(), 0.0)
    puppet.events += puppet.meeting.events()
    assert puppet.ended is not None
    assert puppet.ended.ending is Ending.PROTOCOL


def test_a_slow_reader_holds_no_more_than_a_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DELTA_BYTES", 2_000)
    monkeypatch.setattr(limits, "QUEUE_BYTES", 5_000)
    world = FakeWorld()
    honest = world.found("honest")
    hostile = world.join("hostile", honest)
    for number in range(400):
        honest.write(hashlib.sha256(b"%d" % number).hexdigest())
    Pair(hostile, honest).run()
    puppet = Puppet(hostile, honest).greet(lie)
    puppet.throw(messages.encode(Items(())))
    puppet.throw(messages.encode(Want(1, (wanted(honest),))))
    puppet.meeting.receive_data(puppet.session.data_to_send(), 0.0)
    sizes = []
    while data := puppet.meeting.data_to_send():
        sizes.append(len(data))
    assert len(sizes) > 5
    assert max(sizes) < 8_000


def test_endless_card_wants_without_reading(puppet: Puppet) -> None:
    for _ in range(limits.REQUESTS_IN_FLIGHT + 1):
        puppet.throw(messages.encode(CardWant((NAME,))))
    puppet.exchange()
    assert_dropped(puppet)


def test_cards_that_were_not_listed_are_not_handed_out(puppet: Puppet) -> None:
    puppet.say(CardWant((puppet.knowledge.own_card(),)))
    assert puppet.took(Cards) == [Cards(())]


# ---- answers to nothing
@pytest.mark.parametrize(
    "message",
    [
        Done(1),
        Cards(()),
        DocumentState(NAME, NAME),
        Bye(ByeReason.DONE),
    ],
    ids=lambda message: type(message).__name__,
)
def test_answer_without_a_question(puppet: Puppet, message: Message) -> None:
    puppet.say(message)
    if isinstance(message, Bye):
        assert puppet.ended is not None
        assert puppet.ended.by_peer
    else:
        assert_dropped(puppet)


def test_delta_that_nobody_asked_for(puppet: Puppet, pair: tuple[FakeDevice, FakeDevice]) -> None:
    hostile, honest = pair
    puppet.say(Delta(5, (forged_run(hostile, hostile, "more", 3),)))
    assert_dropped(puppet)
    assert honest.board() == hostile.board()


def test_answer_with_another_document(pair: tuple[FakeDevice, FakeDevice]) -> None:
    hostile, honest = pair
    hostile.write("something to fetch")
    puppet = Puppet(hostile, honest).greet()
    puppet.say(Items(((sha(b"document", hostile.knowledge.member)[:16], bytes(8)),)))
    (want,) = puppet.took(Want)
    assert isinstance(want, Want)
    puppet.say(Delta(want.request, (forged_run(honest, hostile, "more", 3),)))
    assert_dropped(puppet)


def test_cards_that_were_not_asked_for() -> None:
    world = FakeWorld()
    honest = world.found("honest")
    hostile = world.join("hostile", honest)
    puppet = Puppet(hostile, honest).greet()
    own = hostile.knowledge.own_card()
    puppet.say(CardList((own,)))
    (want,) = puppet.took(CardWant)
    assert want == CardWant((own,))
    wires = [hostile.knowledge.card(own), world.found("another").knowledge.own[0].wire]
    puppet.say(Cards(tuple(wire for wire in wires if wire)))
    assert_dropped(puppet)


# ---- runs
@pytest.mark.parametrize("sealed", [True, False], ids=["in another's document", "not signed"])
def test_bad_run_is_refused_and_ends_it(
    puppet: Puppet, pair: tuple[FakeDevice, FakeDevice], sealed: bool
) -> None:
    hostile, honest = pair
    before = honest.board()
    owner = honest if sealed else hostile
    payload = forged_run(owner, hostile, "false words", 3, sealed=sealed)
    good = forged_run(hostile, hostile, "good words", 3)
    puppet.say(Delta(0, (good, payload)))
    assert_dropped(puppet)
    name = sha(b"document", owner.knowledge.member)[:16]
    (refused,) = puppet.took(messages.Refused)
    assert isinstance(refused, messages.Refused)
    assert refused.name == name
    assert RunRefused("us", name, refused.rule, refused.run) in puppet.events
    assert before != honest.board(), "what was good is kept"
    assert [type(e) for e in puppet.events].count(DocumentChanged) == 1


def test_run_that_waits_is_no_fault(puppet: Puppet, pair: tuple[FakeDevice, FakeDevice]) -> None:
    hostile, honest = pair
    puppet.say(
        Delta(
            0,
            (
                forged_run(hostile, hostile, "too early", 3).replace(
                    (3).to_bytes(8, "big"), (5).to_bytes(8, "big")
                ),
            ),
        )
    )
    assert not puppet.meeting.closed
    (state,) = puppet.took(DocumentState)
    genesis = sha(b"document", hostile.knowledge.member)
    assert state == DocumentState(genesis[:16], honest.knowledge.items()[genesis][:16])


def test_malformed_delta(puppet: Puppet) -> None:
    puppet.say(Delta(0, (b"no delta",)))
    assert_dropped(puppet)


def test_useless_deltas_end_the_link(
    puppet: Puppet, pair: tuple[FakeDevice, FakeDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "USELESS_BYTES", 20 * limits.USELESS_LEAST)
    hostile, _ = pair
    repeated = forged_run(hostile, hostile, "offer 2", 2)
    sent = 0
    while not puppet.meeting.closed:
        puppet.say(Delta(0, (repeated,)))
        sent += 1
        assert sent < 100
    assert sent == 21
    assert_dropped(puppet, Ending.DUPLICATE)


def test_useful_deltas_do_not_count(
    puppet: Puppet, pair: tuple[FakeDevice, FakeDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "USELESS_BYTES", 2 * limits.USELESS_LEAST)
    hostile, _ = pair
    for number in range(3, 30):
        puppet.say(Delta(0, (forged_run(hostile, hostile, f"{number}", number),)))
        hostile.write(f"{number}")
    assert not puppet.meeting.closed


# ---- cards
def test_listed_but_never_given(pair: tuple[FakeDevice, FakeDevice]) -> None:
    puppet = Puppet(*pair).shake_hands()
    puppet.say(Hello(puppet.knowledge.own_card(), NAME, puppet.digest().documents))
    names = tuple(number.to_bytes(16, "big") for number in range(600))
    puppet.say(CardList(names))
    rounds = 0
    while wants := puppet.took(CardWant):
        rounds += len(wants)
        puppet.say(*(Cards(()) for _ in wants))
    assert rounds == 3
    assert not puppet.meeting.closed
    puppet.say(puppet.digest())
    assert puppet.meeting.in_sync


def test_unproven_peer_with_endless_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_CARD_SESSION_CARDS", 5)
    world = FakeWorld()
    honest = world.found("honest")
    stranger = FakeWorld().found("elsewhere")
    stranger = world.join("stranger", stranger)  # its invite is nobody's here
    puppet = Puppet(stranger, honest).greet()
    cards = [world.join(f"ghost {number}", stranger).knowledge.own[0] for number in range(6)]
    puppet.say(CardList(tuple(card.hash[:16] for card in cards)))
    puppet.took(CardWant)
    puppet.say(Cards(tuple(card.wire for card in cards)))
    assert_dropped(puppet, Ending.DONE)


def test_endless_lists(monkeypatch: pytest.MonkeyPatch, puppet: Puppet) -> None:
    monkeypatch.setattr(limits, "MAX_CARD_NAMES", 50)
    for number in range(200):
        puppet.say(CardList((number.to_bytes(16, "big"),)))
        if puppet.meeting.closed:
            break
    assert number <= 101
    assert_dropped(puppet)


def test_no_card_at_all(puppet: Puppet) -> None:
    puppet.say(CardList((NAME,)))
    assert puppet.took(CardWant) == [CardWant((NAME,))]
    puppet.say(Cards((b"no card",)))
    assert_dropped(puppet)


def test_card_of_another_device() -> None:
    """The static key of the handshake must be the one on the card that HELLO names."""
    world = FakeWorld()
    honest = world.found("honest")
    hostile, victim = (world.join(name, honest) for name in ("hostile", "victim"))
    Pair(victim, honest).run()
    puppet = Puppet(hostile, honest).shake_hands()
    digest = puppet.digest()
    puppet.say(Hello(victim.knowledge.own_card(), digest.cards, b""))
    assert_dropped(puppet)


def test_documents_before_being_proven() -> None:
    world = FakeWorld()
    honest = world.found("honest")
    stranger = world.join("stranger", FakeWorld().found("elsewhere"))
    honest.write("not for strangers")
    for message in (Items(()), Want(1, (wanted(honest),)), Delta(0, (b"x",)), Done(1)):
        puppet = Puppet(stranger, honest).greet()
        puppet.say(CardList((stranger.knowledge.own_card(),)))
        puppet.took(CardWant)
        card = stranger.knowledge.own[0]
        puppet.say(Cards((card.wire,)))
        assert NotKnownYet("us") in puppet.events
        puppet.say(message)
        assert_dropped(puppet)
        assert not puppet.took(Delta)
        assert not puppet.took(Digest)


# ---- clocks, keys, time
def test_own_actor_longer_at_a_peer(pair: tuple[FakeDevice, FakeDevice]) -> None:
    _, honest = pair
    actor = honest.knowledge.actor
    puppet = Puppet(*pair).greet(lie)
    ours = honest.knowledge.document_clock(wanted(honest).genesis)
    assert ours[actor][0] == 3
    puppet.say(Items(()), Want(1, (wanted(honest, {actor: (4, bytes(32))}),)))
    assert honest.knowledge.noted == [wanted(honest).genesis]
    assert honest.knowledge.actor != actor
    assert not puppet.meeting.closed


@pytest.mark.parametrize(
    ("length", "noted"), [(2, False), (3, True)], ids=["behind", "other branch"]
)
def test_own_actor_elsewhere(pair: tuple[FakeDevice, FakeDevice], length: int, noted: bool) -> None:
    _, honest = pair
    puppet = Puppet(*pair).greet(lie)
    clock = {honest.knowledge.actor: (length, bytes(32))}
    puppet.say(Items(()), Want(1, (wanted(honest, clock),)))
    assert bool(honest.knowledge.noted) is noted


def test_own_actor_is_noted_once(pair: tuple[FakeDevice, FakeDevice]) -> None:
    hostile, honest = pair
    puppet = Puppet(*pair).greet(lie)
    clock = {honest.knowledge.actor: (9, bytes(32))}
    puppet.say(Items(()), Want(1, (wanted(honest, clock),)))
    clock = {honest.knowledge.actor: (9, bytes(32))}
    puppet.say(Want(2, (wanted(hostile, clock),)))
    assert len(honest.knowledge.noted) == 1


def test_a_peer_that_answers_nothing(pair: tuple[FakeDevice, FakeDevice]) -> None:
    puppet = Puppet(*pair).greet(lie)
    assert puppet.took(Items)
    while not puppet.meeting.closed:
        puppet.session.send(messages.Ping(), puppet.now)
        puppet.exchange()
        puppet.wait(limits.KEEPALIVE_SECONDS)
        assert puppet.now < limits.ANSWER_SECONDS + 2 * limits.KEEPALIVE_SECONDS
    assert puppet.now >= limits.ANSWER_SECONDS
    assert_dropped(puppet)


def test_retired_door_key_is_for_cards_only(pair: tuple[FakeDevice, FakeDevice]) -> None:
    hostile, honest = pair
    old = honest.knowledge.psks[0]
    honest.knowledge.psks = (sha(b"the next door key"), old)
    puppet = Puppet(hostile, honest, psk=old).greet()
    puppet.say(CardList((hostile.knowledge.own_card(),)))
    assert NotKnownYet("us") in puppet.events
    assert not puppet.events.count(InSync(honest.knowledge.digest()))
    puppet.say(Items(()))
    assert_dropped(puppet)


def test_wrong_door_key_gets_no_answer(pair: tuple[FakeDevice, FakeDevice]) -> None:
    puppet = Puppet(*pair, psk=sha(b"guessed")).shake_hands()
    assert_dropped(puppet, Ending.HANDSHAKE)
    assert puppet.meeting.statistics().bytes_sent == 0


def test_flood_of_pings_gets_one_pong(puppet: Puppet) -> None:
    sent = puppet.meeting.statistics().bytes_sent
    for _ in range(100):
        puppet.throw(messages.encode(messages.Ping()))
    puppet.exchange()
    assert puppet.meeting.statistics().bytes_sent - sent < 30


@pytest.mark.parametrize("make", [lambda: b"", lambda: b"\xc0", lambda: b"\x91\x10"])
def test_no_message(puppet: Puppet, make: Callable[[], bytes]) -> None:
    puppet.throw(make())
    puppet.exchange()
    assert_dropped(puppet)
    assert not any(isinstance(event, CardsChanged) for event in puppet.events)


def test_removal_does_not_wait_for_cards_that_never_come() -> None:
    """A peer that keeps us waiting for cards is removed at once all the same."""
    world = FakeWorld()
    honest = world.found("honest")
    hostile = world.join("hostile", honest)
    Pair(hostile, honest).run()
    puppet = Puppet(hostile, honest).greet()
    assert puppet.meeting.in_sync
    puppet.say(CardList((NAME,)))
    assert puppet.took(CardWant)
    world.remove(honest, hostile)
    honest.write("not for you")
    puppet.meeting.roster_changed(puppet.now)
    puppet.exchange()
    assert_dropped(puppet, Ending.REMOVED)
    assert not puppet.took(Delta)


def test_poisoned_document_ends_the_meeting_only(
    puppet: Puppet, pair: tuple[FakeDevice, FakeDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile, honest = pair

    def poison(deltas: object) -> None:
        raise DocumentPoisoned("it is rebuilt")

    monkeypatch.setattr(honest.knowledge, "receive", poison)
    puppet.say(Delta(0, (forged_run(hostile, hostile, "more", 3),)))
    assert_dropped(puppet)
    assert puppet.ended is not None
    assert puppet.ended.error is not None
    assert isinstance(puppet.ended.error.__cause__, DocumentPoisoned)


def test_disk_errors_reach_the_shell(
    puppet: Puppet, pair: tuple[FakeDevice, FakeDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile, honest = pair

    def full(deltas: object) -> None:
        raise StoreFull("the disk is full")

    monkeypatch.setattr(honest.knowledge, "receive", full)
    with pytest.raises(StoreFull):
        puppet.say(Delta(0, (forged_run(hostile, hostile, "more", 3),)))


def test_pushed_document_of_nobody_is_not_acknowledged(puppet: Puppet) -> None:
    for number in range(20):
        genesis = sha(b"nobody's", b"%d" % number)
        run = [0, bytes(8), [[[], [], b"\x00"]], bytes(64)]
        puppet.say(Delta(0, (bytes(msgpack.packb([genesis, [bytes(36)], [run]])),)))
    assert not puppet.took(DocumentState)
    assert not puppet.meeting.closed


def test_tables_are_delayed_not_refused(pair: tuple[FakeDevice, FakeDevice]) -> None:
    """Who asks for table upon table waits for the next one; then it comes."""
    puppet = Puppet(*pair).greet(lie)
    assert puppet.took(Items)
    waited = 0.0
    for number in range(limits.PASSES_AT_ONCE + 3):
        puppet.say(Items(()), Digest(puppet.digest().cards, number.to_bytes(16, "big")))
        if not puppet.took(Items):
            pause = puppet.meeting.deadline - puppet.now
            assert 0 < pause <= limits.PASS_SECONDS
            waited += pause
            puppet.wait(pause)
            assert puppet.took(Items)
    assert not puppet.meeting.closed
    assert waited >= 3 * limits.PASS_SECONDS


def test_large_cards_come_in_several_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit into one answer is asked for again."""
    monkeypatch.setattr(card_exchange, "_ANSWER_BYTES", 500)
    world = FakeWorld()
    founder = world.found("founder")
    for number in range(30):
        Pair(world.join(f"m{number}", founder), founder).run()
    joiner = world.join("joiner", founder)
    assert Pair(joiner, founder).run().in_sync
    assert len(joiner.knowledge.effective()) == 63


def test_refusal_by_the_peer_is_told(puppet: Puppet) -> None:
    puppet.say(messages.Refused(NAME, "G7", NAME), Bye(ByeReason.PROTOCOL))
    assert RunRefused("them", NAME, "G7", NAME) in puppet.events
    assert puppet.ended is not None
    assert (puppet.ended.ending, puppet.ended.by_peer) == (Ending.PROTOCOL, True)


def test_out_of_sync_is_told_once_and_ends_a_single_sync(
    pair: tuple[FakeDevice, FakeDevice],
) -> None:
    puppet = Puppet(*pair, once=True).greet(lie)
    puppet.say(Items(()), puppet.digest(lie))
    assert puppet.events.count(OutOfSync()) == 1
    assert_dropped(puppet, Ending.DONE)


def test_out_of_sync_is_looked_at_again(pair: tuple[FakeDevice, FakeDevice]) -> None:
    puppet = Puppet(*pair).greet(lie)
    puppet.say(Items(()), puppet.digest(lie))
    assert puppet.took(Digest)
    asked = 0
    for _ in range(20):
        puppet.session.send(messages.Ping(), puppet.now)
        puppet.exchange()
        puppet.wait(limits.RECHECK_SECONDS / 2)
        if puppet.took(Digest):
            asked += 1
            puppet.say(puppet.digest(lie))
        if puppet.took(Items):
            puppet.say(Items(()))
    assert asked >= 5
    assert puppet.events.count(OutOfSync()) == 1
    assert not puppet.meeting.closed
    puppet.say(puppet.digest())
    puppet.wait(limits.RECHECK_SECONDS)
    puppet.say(puppet.digest())
    assert puppet.meeting.in_sync


def test_question_is_not_asked_twice(pair: tuple[FakeDevice, FakeDevice]) -> None:
    _, honest = pair
    puppet = Puppet(*pair).greet(lie)
    puppet.say(Items(()))
    assert len(puppet.took(Digest)) == 1
    puppet.meeting.local_change(*honest.write("something new"), puppet.now)
    puppet.wait(limits.SETTLE_SECONDS)
    assert puppet.took(Delta)
    assert not puppet.took(Digest)


def test_cards_of_an_unproven_peer_are_kept_when_it_is_sent_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "MAX_CARD_SESSION_CARDS", 0)
    world = FakeWorld()
    honest = world.found("honest")
    friend = world.join("friend", honest)
    stranger = world.join("stranger", FakeWorld().found("elsewhere"))
    puppet = Puppet(stranger, honest).greet()
    puppet.say(CardList((friend.knowledge.own_card(),)))
    puppet.say(Cards((friend.knowledge.own[0].wire,)))
    assert_dropped(puppet, Ending.DONE)
    assert CardsChanged() in puppet.events
    assert friend.knowledge.own[0].hash in honest.knowledge.effective()


def test_promised_but_never_sent(pair: tuple[FakeDevice, FakeDevice]) -> None:
    """A table full of promises, answered with nothing: asked once, then out of sync."""
    puppet = Puppet(*pair).greet(lie)
    rows = tuple((genesis[:16], bytes(8)) for genesis in puppet.knowledge.items())
    puppet.say(Items(rows))
    (want,) = puppet.took(Want)
    assert isinstance(want, Want)
    assert len(want.documents) == 2
    puppet.say(Done(want.request), puppet.digest(lie))
    assert OutOfSync() in puppet.events
    assert not puppet.took(Want)
    assert not puppet.meeting.closed


def test_own_poisoned_document_is_not_the_peers_fault(
    reconciling: Puppet, pair: tuple[FakeDevice, FakeDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, honest = pair

    def poison(genesis: bytes, theirs: object) -> None:
        raise DocumentPoisoned("it is rebuilt")

    monkeypatch.setattr(honest.knowledge, "owed", poison)
    reconciling.say(Items(()), Want(1, (wanted(honest),)))
    assert_dropped(reconciling, Ending.BUSY)
    assert reconciling.ended is not None
    assert reconciling.ended.error is None
