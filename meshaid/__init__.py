"""A neighbourhood's board of needs and offers that works while the internet is down.

    async with meshaid.open_node(home) as node:
        await node.board.add_need("Insulin, 2 vials", category="health.medicine", urgency="today")
        async for event in node.board.watch():
            ...

`meshaid.open_node` runs a home as a node under trio; `meshaid.blocking` gives the same to threads
and to other event loops; `meshaid.found_home` and `meshaid.join_home` make homes;
`meshaid.testing` has fakes and a small world of nodes. Everything public is named in `__all__`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meshaid.board_face import BoardFace as BoardFace
    from meshaid.board_face import Watcher as Watcher
    from meshaid.core.invite import decode_invite as decode_invite
    from meshaid.core.rows import Row as Row
    from meshaid.node import Node as Node
    from meshaid.node import open_node as open_node
    from meshaid.opening import found_home as found_home
    from meshaid.opening import join_home as join_home

_PLACES = {
    "BoardFace": "meshaid.board_face",
    "Node": "meshaid.node",
    "Row": "meshaid.core.rows",
    "Watcher": "meshaid.board_face",
    "decode_invite": "meshaid.core.invite",
    "found_home": "meshaid.opening",
    "join_home": "meshaid.opening",
    "open_node": "meshaid.node",
}
"""Where each name is: imported when first used, so that the command line starts quickly."""

__all__ = [
    "BoardFace",
    "Node",
    "Row",
    "Watcher",
    "decode_invite",
    "found_home",
    "join_home",
    "open_node",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'meshaid' has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
