"""Strongly connected parts of a directed graph, without recursion (Kosaraju's algorithm)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence


def circles(below: Mapping[int, Sequence[int]]) -> list[list[int]]:
    """Group nodes that reach each other; each group comes after all from which it can be reached.

    Args:
      below: every node and those that it leads to, all of them keys too. Its order decides between
        equally good answers.
    """
    above: dict[int, list[int]] = {node: [] for node in below}
    for node, children in below.items():
        for child in children:
            above[child].append(node)
    placed: set[int] = set()
    groups: list[list[int]] = []
    for node in reversed(list(_finished(below))):
        if node in placed:
            continue
        placed.add(node)
        group = [node]
        for member in group:
            for parent in above[member]:
                if parent not in placed:
                    placed.add(parent)
                    group.append(parent)
        groups.append(group)
    return groups


def _finished(below: Mapping[int, Sequence[int]]) -> Iterator[int]:
    """Each node once all that it leads to is done, but for those on the way to itself."""
    seen: set[int] = set()
    for start in below:
        if start in seen:
            continue
        seen.add(start)
        path: list[tuple[int, Iterator[int]]] = [(start, iter(below[start]))]
        while path:
            node, children = path[-1]
            child = next((c for c in children if c not in seen), None)
            if child is None:
                path.pop()
                yield node
            else:
                seen.add(child)
                path.append((child, iter(below[child])))
