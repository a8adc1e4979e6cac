"""Many live meetings at once, as a shell would hold them: what one hears it passes on to others.

Bytes, words, new members and cuts come in any order. Whatever happens, once it is quiet every link
is in sync and every board the same: no order may leave two peers waiting for each other.
"""

from __future__ import annotations

from itertools import combinations
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from meshaid import limits
from meshaid.core.meeting import Meeting
from meshaid.core.meeting_events import CardsChanged, DocumentChanged, Ended, InSync
from meshaid.core.noise import Role
from tests.core.meeting_pair import fresh_ephemeral
from tests.core.meeting_world import FakeDevice, FakeWorld


class Link:
    """One end of a link: a meeting, and the bytes that are on their way to it."""

    def __init__(self, owner: int, meeting: Meeting) -> None:
        self.owner = owner
        self.meeting = meeting
        self.coming = bytearray()
        self.ended: Ended | None = None


class Mesh:
    """Devices, links between them, and a clock."""

    def __init__(self, people: int) -> None:
        world = FakeWorld()
        self.now = 0.0
        self.devices: list[FakeDevice] = [world.found("p0")]
        for number in range(1, people):
            # Each is invited by the one before it, so chains of cards are long.
            self.devices.append(world.join(f"p{number}", self.devices[-1]))
        self.links: dict[tuple[int, int], tuple[Link, Link]] = {}

    def connect(self, one: int, other: int) -> None:
        key = (min(one, other), max(one, other))
        if one == other or key in self.links:
            return
        ends = []
        for owner, role in ((one, "dialer"), (other, "listener")):
            knowledge = self.devices[owner].knowledge
            meeting = Meeting(
                knowledge,
                role=cast("Role", role),
                ephemeral=fresh_ephemeral(),
                now=self.now,
            )
            ends.append(Link(owner, meeting))
        self.links[key] = (ends[0], ends[1])

    def cut(self, one: int, other: int) -> None:
        ends = self.links.pop((min(one, other), max(one, other)), ())
        for end in ends:
            end.meeting.receive_data(bytes(end.coming)[: len(end.coming) // 2], self.now)
            end.meeting.receive_data(b"", self.now)
            self.take_events(end)

    def write(self, one: int, text: str) -> None:
        genesis, before = self.devices[one].write(text)
        for end in self.ends_of(one):
            end.meeting.local_change(genesis, before, self.now)

    def ends(self) -> list[Link]:
        return [end for pair in self.links.values() for end in pair]

    def ends_of(self, owner: int) -> list[Link]:
        return [end for end in self.ends() if end.owner == owner]

    def move(self, number: int, size: int) -> bool:
        """Carry at most `size` bytes to one end. Whether anything moved."""
        pairs = list(self.links.values())
        if not pairs:
            return False
        ends = pairs[number // 2 % len(pairs)]
        here, there = ends if number % 2 else ends[::-1]
        here.coming += there.meeting.data_to_send()
        data = bytes(here.coming[:size])
        if data:
            del here.coming[: len(data)]
            here.meeting.receive_data(data, self.now)
            self.take_events(here)
        return bool(data)

    def take_events(self, end: Link) -> None:
        """What the shell does with events."""
        for event in end.meeting.events():
            others = [other for other in self.ends_of(end.owner) if other is not end]
            for other in others:
                if isinstance(event, DocumentChanged):
                    other.meeting.local_change(event.genesis, event.before, self.now)
                elif isinstance(event, CardsChanged):
                    other.meeting.roster_changed(self.now)
            if isinstance(event, Ended):
                end.ended = event
            elif isinstance(event, InSync):
                assert event.digest == self.devices[end.owner].knowledge.digest()

    def rest(self) -> None:
        """Carry everything until nothing moves."""
        for _ in range(10_000):
            moved = [self.move(number, 2**20) for number in range(2 * len(self.links))]
            if not any(moved):
                return
        raise AssertionError("the mesh never comes to rest")

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        for _ in range(2_000):
            self.rest()
            due = min(link.meeting.deadline for link in self.ends())
            if due > end:
                self.now = end
                return
            self.now = max(self.now, due)
            for link in self.ends():
                link.meeting.tick(self.now)
                self.take_events(link)
        raise AssertionError("deadlines do not move on")


steps = st.one_of(
    st.tuples(st.just("move"), st.integers(0, 19), st.sampled_from([1, 40, 300, 5000])),
    st.tuples(st.just("move"), st.integers(0, 19), st.just(5000)),
    st.tuples(st.just("write"), st.integers(0, 4), st.integers(0, 99)),
    st.tuples(st.just("connect"), st.integers(0, 4), st.integers(0, 4)),
    st.tuples(st.just("cut"), st.integers(0, 4), st.integers(0, 4)),
    st.tuples(st.just("wait"), st.integers(0, 0), st.sampled_from([1, 3])),
)


@given(st.integers(2, 5), st.lists(steps, max_size=60))
@settings(max_examples=60)
def test_every_link_ends_in_sync(people: int, script: list[tuple[str, int, int]]) -> None:
    mesh = Mesh(people)
    for kind, one, other in script:
        if kind == "move":
            mesh.move(one, other)
        elif kind == "write":
            mesh.write(one % people, f"{other}")
        elif kind == "connect":
            mesh.connect(one % people, other % people)
        elif kind == "cut":
            mesh.cut(one % people, other % people)
        elif mesh.links:
            mesh.now += other * limits.SETTLE_SECONDS / 2
            for end in mesh.ends():
                end.meeting.tick(mesh.now)
                mesh.take_events(end)
    for one, other in combinations(range(people), 2):
        mesh.connect(one, other)
    mesh.wait(limits.CARDS_ONLY_SECONDS / 2)
    assert [end.ended for end in mesh.ends() if end.ended] == []
    assert {end.meeting.in_sync for end in mesh.ends()} == {True}
    boards = [device.board() for device in mesh.devices]
    assert boards == boards[:1] * people


def test_a_line_passes_everything_on() -> None:
    """The ends never meet."""
    mesh = Mesh(5)
    for one in range(4):
        mesh.connect(one, one + 1)
    mesh.wait(5)
    for number in range(5):
        mesh.write(number, f"from {number}")
    mesh.wait(5)
    assert {end.meeting.in_sync for end in mesh.ends()} == {True}
    assert len(mesh.devices[0].board()) == 5
    assert mesh.devices[0].board() == mesh.devices[4].board()
