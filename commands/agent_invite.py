"""Personal links for volunteers: printed, written into a file, or sent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from decroche.commands.context import line_of
from decroche.commands.printing import Progress, json_option, print_lines, print_rows, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from decroche.hotline import Hotline
    from decroche.records.folder import Folder


@click.command("invite")
@click.argument("names", nargs=-1)
@click.option("--all-new", is_flag=True, help="Everybody who was never given a link that works.")
@click.option(
    "--csv",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the links into FILE, for its owner alone.",
)
@click.option("--mail", is_flag=True, help="Send each link to its agent ([mail] in hotline.toml).")
@click.option(
    "--days",
    type=click.IntRange(1, 14),
    default=14,
    show_default=True,
    help="How long the links are good.",
)
@click.option("--revoke", is_flag=True, help="Make the links of NAMES void instead.")
@json_option
@click.pass_context
def agent_invite(
    context: click.Context,
    names: tuple[str, ...],
    all_new: bool,
    file: Path | None,
    mail: bool,
    days: int,
    revoke: bool,
    as_json: bool,
) -> None:
    """Make personal links with which volunteers begin: password, charter, headset.

    A link is good once; a new one voids the one before. Somebody who has an
    account chooses a new password with it. Only its hash is kept.
    Example: decroche agent invite --all-new --csv links.csv
    """
    from decroche.records import invitations

    folder = line_of(context)
    if bool(names) == all_new or (file and mail) or (revoke and not names):
        raise click.UsageError("NAMES or --all-new; and --csv FILE, --mail, or neither of them")
    if revoke:
        gone = invitations.revoke(folder.database, names)
        return say(f"void from now on: {', '.join(gone)}" if gone else "none of them had a link")
    agents = list(dict.fromkeys(names)) or invitations.newcomers(folder.database)
    if not agents:
        return say("everybody has a link or an account already; nothing changes")
    if mail:
        return _send(folder, agents, days)
    _hand_out(folder, agents, days, file, as_json)


def _hand_out(
    folder: Folder, agents: Sequence[str], days: int, file: Path | None, as_json: bool
) -> None:
    from decroche.dashboard import letters
    from decroche.hotline import load
    from decroche.records import invitations

    hotline = load(folder.hotline)
    if file:
        letters.check_place(file)
    how = "file" if file else "paper"
    made = invitations.invite(folder.database, agents, days, how)
    rows = [letters.as_row(one, hotline) for one in made]
    if file:
        letters.write_csv(file, rows)
        say(f"{len(rows)} links are in {file}, readable by you alone; delete it when they are sent")
    else:
        print_rows(rows, as_json, "")
    invitations.handed(folder.database, agents)
    _warn(hotline)


def _send(folder: Folder, agents: Sequence[str], days: int) -> None:
    """Errors are told by recipient, and nothing is lost: the same command goes on."""
    from decroche.dashboard import post

    done = post.send_all(folder, agents, days, Progress("sent"))
    print_lines(done.sentences())
    if not done.complete:
        raise click.exceptions.Exit(1)


def _warn(hotline: Hotline) -> None:
    if hotline.network.page_url is None and hotline.network.page_bind in ("127.0.0.1", "::1"):
        say(
            "Note: these links work on this machine only; write the page's public address as "
            "page_url under [network] of hotline.toml, then make them again"
        )
