"""The demonstration when it does not go as planned: stopped, failing, and without a network of its
own. Its usual run is `make demo`, which `make test` includes."""

from __future__ import annotations

import importlib.util
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from meshaid.opening import found_home
from meshaid.testing.lan import can_make_namespaces, open_lan

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"
PATIENCE = 60
"""Seconds until something that does not happen is a failure."""
NAMESPACES = Path("/run/netns")


@contextmanager
def running(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The demonstration with its homes in this folder; it must leave nothing behind."""
    with subprocess.Popen(
        [sys.executable, str(DEMO)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, "TMPDIR": str(folder), "PYTHONUTF8": "1"},
    ) as demo:
        try:
            yield demo
        except BaseException:
            demo.terminate()  # a demonstration that is killed cannot clear away its networks
            raise
        finally:
            demo.communicate(timeout=PATIENCE)
    assert list(folder.iterdir()) == []
    assert processes(folder) == []
    if NAMESPACES.exists():
        assert list(NAMESPACES.glob(f"lan{demo.pid}-*")) == []


def read_until(demo: subprocess.Popen[str], *texts: str) -> None:
    """Read the story up to a line that holds the last of these texts, after those before it."""
    assert demo.stdout is not None
    for text in texts:
        for line in demo.stdout:
            if text in line:
                break
        else:
            raise AssertionError(f"the story ended before {text!r}")


def processes(folder: Path) -> list[int]:
    """The nodes whose homes are in this folder."""
    return [pid for pid, command in commands() if str(folder) in command and " run " in command]


def commands() -> Iterator[tuple[int, str]]:
    """Every process of this computer, and how it was started."""
    if not Path("/proc/self/cmdline").exists():
        listed = subprocess.run(
            ["ps", "-axww", "-o", "pid=,args="], capture_output=True, check=True
        )
        for line in listed.stdout.decode("utf-8", "replace").splitlines():
            pid, _, command = line.strip().partition(" ")
            yield int(pid), command
        return
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended since
            yield int(path.parent.name), path.read_bytes().replace(b"\0", b" ").decode()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
@pytest.mark.parametrize("moment", ["founds the community", "listens at"])
def test_stopped_it_leaves_nothing_behind(
    tmp_path: Path, number: signal.Signals, moment: str
) -> None:
    with running(tmp_path) as demo:
        read_until(demo, moment)
        demo.send_signal(number)
        _, said = demo.communicate(timeout=PATIENCE)
        assert (demo.returncode, said.strip()) == (130, "stopped")


def test_a_node_that_dies_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    with running(tmp_path) as demo:
        read_until(demo, *["listens at"] * 4)
        os.kill(processes(tmp_path)[0], signal.SIGKILL)
        _, said = demo.communicate(timeout=PATIENCE)
        assert demo.returncode == 1
        assert "The demonstration failed: " in said
        assert "the node ended with -9" in said


@pytest.mark.netns
def test_one_computer_plays_all_laptops_where_no_namespaces_can_be_made() -> None:
    """On a host that has a loopback and no command `ip`."""
    if reason := can_make_namespaces():
        pytest.skip(reason)
    with open_lan() as lan:
        host = lan.add_host("alone")
        told = host.run(["env", "PATH=", sys.executable, str(DEMO)], timeout=3 * PATIENCE).stdout
    lines = told.splitlines()
    assert "plays all four laptops" in lines[0]
    assert sum(" goes offline" in line for line in lines) == 2
    assert sum("quantity: 2 answers" in line for line in lines) == 1
    after = itertools.dropwhile(lambda line: not line.startswith("Four digests"), lines)
    digests = [line.split()[-1] for line in itertools.islice(after, 1, 5)]
    assert len(digests) == 4
    assert {len(digest) for digest in digests} == {64}
    assert len(set(digests)) == 1
    assert lines[-1].startswith("Equal everywhere")


# ---- what counts as a failure
@pytest.fixture
def demo() -> ModuleType:
    """The demonstration as a module."""
    spec = importlib.util.spec_from_file_location("meshaid_demo", DEMO)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[spec.name]
    return module


def laptops(demo: ModuleType, folder: Path) -> tuple[Any, list[Any]]:
    """Two laptops that will never meet: each founded a community of its own."""
    story = demo.Story()
    made = [demo.Laptop(name, folder / name, story) for name in ("Anna", "Bo")]
    for laptop in made:
        found_home(laptop.home, community_name="Own", name=laptop.name, now=int(time.time()))
    return story, made


def test_boards_that_stay_different_are_a_failure(
    demo: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story, two = laptops(demo, tmp_path)
    digests = [laptop.meshaid("status")["digest"][:12] for laptop in two]
    monkeypatch.setattr(demo, "PATIENCE", 0.5)
    with pytest.raises(demo.DemoFailed) as failed:
        demo.wait_until_equal(story, two, "hold one board")
    assert f"Anna {digests[0]}, Bo {digests[1]}" in str(failed.value)
    assert "UDP port 5353" in str(failed.value)
    assert demo.wait_until_equal(story, two[:1], "holds one board").startswith(digests[0])


def test_a_cut_that_cuts_nothing_is_a_failure(demo: ModuleType, tmp_path: Path) -> None:
    story, (anna, _) = laptops(demo, tmp_path)
    with pytest.raises(demo.DemoFailed, match="did not keep the boards apart"):
        demo.show_difference(story, anna, anna, anna)


def test_addresses_from_elsewhere_are_a_failure(demo: ModuleType, tmp_path: Path) -> None:
    story, two = laptops(demo, tmp_path)
    for source in ("mdns", "remembered"):
        story.hear(two[0], {"event": "PeerFound", "source": source})
    story.follow()
    with pytest.raises(demo.DemoFailed, match="otherwise than by mDNS"):
        demo.check_sources(two)


def test_a_slip_that_is_missing_is_a_failure(demo: ModuleType, tmp_path: Path) -> None:
    _, (anna, bo) = laptops(demo, tmp_path)
    table = tmp_path / "slips.csv"
    table.write_text("id,kind,title\n1,need,Wood\n2,need,Coal\n", encoding="utf-8")
    anna.meshaid("import", str(table))
    blankets = anna.meshaid("need", "Blankets", "--quantity", "20", "--unit", "piece")["id"]
    demo.check_boards([anna], blankets, 2)
    with pytest.raises(demo.DemoFailed, match="3 slips were entered, 2 are on the board"):
        demo.check_boards([anna], blankets, 3)
    with pytest.raises(demo.DemoFailed, match="Bo shows another board"):
        demo.check_boards([anna, bo], blankets, 2)
    anna.meshaid("edit", blankets, "--quantity", "12")
    with pytest.raises(demo.DemoFailed, match="should be settled"):
        demo.check_boards([anna], blankets, 2)
