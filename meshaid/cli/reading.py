"""Commands that read: show, board, status, peers."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from meshaid.cli.completing import complete_words, record_argument
from meshaid.cli.options import Settings, say_warnings, with_settings

_ROW = (
    "With --json a row: id, ref, kind, title, text, category, quantity, unit, urgency, tier, "
    "overdue, life_threatening, area, status, closed_reason, member, member_name, "
    "known_to_others, created_at, expires_at, exercise, conflicts, marks, hidden; null where "
    "nothing is said. Needs and offers add received, promised, still_open, over, stale_pledges, "
    "needs waiting_since; promises promised; promises and receipts need_ref, need_title, "
    "need_area, need_status, need_kind; flags the same with target_. Then come all further fields "
    "of the kind that have a value, related (rows), related_more (how many there are besides), "
    "told_with (rows: other needs of its slip) and contact (whether one is sealed). Amounts are "
    "decimal text, times seconds since 1970."
)


@click.command(epilog=_ROW)
@record_argument("ref")
@with_settings
def show(settings: Settings, ref: str) -> None:
    """Show one record whole, with what others say about it.

    Promises, receipts and flags stand below it. REF is its spoken code, its id or the beginning of
    its id.
    """
    from meshaid.cli import record, screen
    from meshaid.cli.reach import perform

    screen.show_at(settings, perform(settings, "show", {"ref": ref}), record.record_page)


@click.command(
    epilog=(
        "With --json: records (rows, as `meshaid show` gives them), total, more (how many fit "
        "besides), left_out (how many are not shown, by reason), warnings."
    )
)
@click.option(
    "--kind",
    metavar="K",
    help="One kind: need, offer, notice, hub, pledge, receipt or "
    "flag. Without it needs, offers and notices.",
)
@click.option(
    "--category",
    metavar="C",
    shell_complete=complete_words("need", "category"),
    help="A category; a group takes in all below it.",
)
@click.option(
    "--status",
    metavar="S",
    help="One state, such as open or closed; `all` hides nothing. Without it what has not ended.",
)
@click.option(
    "--text",
    metavar="WORDS",
    help="Only records in which all these words stand; their beginnings will do.",
)
@click.option("--area", metavar="A", help="Only records of this area.")
@click.option("--mine", is_flag=True, help="Only what this device's member wrote.")
@click.option(
    "--attention", is_flag=True, help="Only what somebody should look at: late, unanswered, …"
)
@click.option(
    "--sort",
    type=click.Choice(["urgency", "waiting", "newest"]),
    help="The most urgent first, if not said; or what waits longest; or the newest.",
)
@click.option("--hidden", is_flag=True, help="Unfold what flags have hidden, too.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    metavar="N",
    help="At most N rows, few of one member; 0 for all. On screen 50, if not said; with --json "
    "all.",
)
@with_settings
def board(settings: Settings, limit: int | None, **filters: Any) -> None:
    """Show what is needed, offered and to be known.

    The most urgent comes first, and above all where a life is at risk.
    """
    from meshaid.cli import cells, screen, tables
    from meshaid.cli.reach import perform

    if limit is None:
        limit = 0 if settings.json else tables.PAGE_ROWS
    if filters["status"]:
        filters["status"] = cells.state_named(filters["status"], filters["kind"] or "")
    narrowed = any(value for name, value in filters.items() if name not in ("kind", "sort"))
    answer = perform(settings, "board", {**filters, "limit": limit})
    say_warnings(answer.result)
    screen.show_at(settings, answer, partial(tables.board_page, narrowed=narrowed))


@click.command(
    epilog=(
        "With --json: community, community_name, exercise, known_to_others, now, member, "
        "member_name, member_kind, member_role, device, label, digest, members, documents, "
        "changes, records, overused_invites, listening, peers."
    )
)
@with_settings
def status(settings: Settings) -> None:
    """Show who this device is, what it holds and whom it knows.

    Two devices with an equal digest show the same board.
    """
    from meshaid.cli import screen, tables
    from meshaid.cli.reach import perform

    screen.show(settings, perform(settings, "status", {}), tables.status_page)


@click.command(
    epilog="With --json: peers, each with device, member, member_name, label, address, state, "
    "in_sync, last_sync."
)
@with_settings
def peers(settings: Settings) -> None:
    """List the devices that this one is connected to, or has met."""
    from meshaid.cli import screen, tables
    from meshaid.cli.reach import perform

    screen.show(settings, perform(settings, "peers", {}), tables.peers_page)
