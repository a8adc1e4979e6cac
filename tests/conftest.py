"""What holds for every test: no clock, no chance, no traces of the person who runs it.

- Hypothesis draws the same examples on every run in CI and never looks at the clock.
- No test may leave a thread behind (but for trio's idle worker threads, which end by themselves).
- No test sees a home, a passphrase or a data folder of the person who runs it.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}

# At the end, so that `tests.*` is found and an installed meshaid still comes before this tree's.
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))

settings.register_profile(
    "local",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "ci",
    parent=settings.get_profile("local"),
    derandomize=True,
    database=None,
    print_blob=True,
)
settings.load_profile("ci" if CI else "local")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--kills N`: how often tests marked `kill` kill a process."""
    parser.addoption("--kills", type=int, default=20, help="kills in tests marked `kill`")


def pytest_configure(config: pytest.Config) -> None:
    """With MESHAID_INSTALLED=1 the wheel is tested, never the source tree."""
    if os.environ.get("MESHAID_INSTALLED") != "1":
        return
    import meshaid

    if Path(meshaid.__path__[0]).resolve().parent == ROOT:
        raise pytest.UsageError(f"meshaid comes from the source tree {ROOT}, not from a wheel")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A folder named `net` or `docs` needs no marks; real kills are slow, so they come last."""
    items.sort(key=lambda item: item.get_closest_marker("kill") is not None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With CI=true a test in network namespaces may not be skipped: then nothing was proven."""
    report = yield
    if (
        CI
        and report.skipped
        and item.get_closest_marker("netns")
        and not hasattr(report, "wasxfail")
    ):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped with CI=true: {report.longrepr}"
    return report


@pytest.fixture
def kills(pytestconfig: pytest.Config) -> int:
    """How often to kill, from `--kills`."""
    return int(pytestconfig.getoption("--kills"))


@pytest.fixture(scope="session", autouse=True)
def nobodys_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Point every default folder at a fresh one, also for child processes."""
    folder = tmp_path_factory.mktemp("nobody")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MESHAID_HOME", "MESHAID_PASSPHRASE_FILE", "NO_COLOR", "FORCE_COLOR"):
            patch.delenv(name, raising=False)
        for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
            patch.setenv(name, str(folder / name.lower()))
        yield folder


@pytest.fixture(autouse=True)
def no_thread_left_behind() -> Iterator[None]:
    """Fail a test that leaves a thread running; give those that are ending two seconds."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if not thread.name.startswith("Trio thread"):
            thread.join(timeout=2.0)
            assert not thread.is_alive(), f"the test left the thread {thread.name!r} behind"
