"""The library is as complete as the command line: each command is a call on `node.board`."""

from __future__ import annotations

import inspect

import pytest

from meshaid.blocking import BlockingBoard
from meshaid.board_face import BoardFace
from tests.docs.blocks import ROOT
from tests.docs.command_tree import command_group
from tools.calls import COMMANDS, described, topics

PAGE = (ROOT / "docs/reference/board.md").read_text(encoding="utf-8")
OF_THE_NODE = {"run", "sync", "status", "peers", "offline", "online", "watch"}
"""Commands about the network, which are calls of the node itself, or its events."""
OF_A_HOME = {"init", "invite", "link", "join"}
"""Commands that make homes and members."""
OF_THE_SHELL = {"completion"}
CALLS = {name for topic in topics() for name in topic.methods}
GROUP = command_group()
LEAVES = {
    f"{name} {sub}".strip()
    for name, command in GROUP.commands.items()
    for sub in getattr(command, "commands", {"": None})
    if name not in OF_THE_NODE | OF_A_HOME | OF_THE_SHELL
}
CALL_OF = {command: call for call, command in COMMANDS.items()}


@pytest.mark.parametrize("command", sorted(LEAVES))
def test_each_command_is_a_call(command: str) -> None:
    """By its own name, or by the one that the page says; the page describes it."""
    call = CALL_OF.get(command, command.replace("-", "_").replace(" ", "_"))
    assert call in CALLS
    assert f"\n### {call}\n" in PAGE
    assert f"`meshaid {command}`" in PAGE


@pytest.mark.parametrize("call", sorted(CALLS))
def test_each_call_waits_without_async(call: str) -> None:
    """`meshaid.blocking` has the same calls with the same arguments."""
    face, waiting = getattr(BoardFace, call), getattr(BlockingBoard, call)
    if call != "watch":  # which takes a timeout there
        assert [*inspect.signature(face).parameters] == [*inspect.signature(waiting).parameters]


@pytest.mark.parametrize("call", sorted(CALLS))
def test_each_call_says_what_it_does(call: str) -> None:
    told = inspect.getdoc(getattr(BoardFace, call)) or ""
    assert len(told) > 20


def test_docstrings_become_lists() -> None:
    """The writer of the page itself."""
    text = "Do it.\n\nArgs:\n  ref: names it,\n    or another.\nReturns:\n  What: is."
    assert [line for line in described(text) if line.strip()] == [
        "Do it.",
        "\nArguments:\n",
        "- `ref`: names it, or another.",
        "\nGives:\n",
        "- What: is.",
    ]
