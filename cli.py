"""The admin's door: every command. Parses, calls a room, prints.

One file because it is read as one list: what an admin can type.
Rooms are imported inside the commands, so that ``--help`` costs what click costs.
Exit codes: 0 done, 1 failed, 2 wrong usage.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from decroche.asterisk.pbx import Pbx
    from decroche.asterisk.release import Release
    from decroche.records.folder import Folder

Function = TypeVar("Function", bound=Callable[..., Any])
# Errors whose text says what is wrong and what to do, by name: importing them would cost time.
TOLD = frozenset(
    "HotlineError SecretsError PeopleError RenderError ApplyError StartError InstallError "
    "LineBusy NotRunning AmiError LineError RecorderError ImportFailed CallbackError "
    "FiguresError PrivacyError NumberError BackupError DrillError".split()
)


class Door(click.Group):
    """Turns the errors that we know into one sentence and exit code 1."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except Exception as error:
            told = _told(error)
            if told is None:
                raise
            raise click.ClickException(told) from error


def _told(error: BaseException) -> str | None:
    """What a person should read of an error; None for one that nobody foresaw."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"{error.strerror}; another program has that port: change it in hotline.toml"
    from decroche.records.trouble import is_broken

    if is_broken(error):
        return f"the database is damaged ({error}); type: decroche journal mend"
    return str(error) if type(error).__name__ in TOLD else None


@click.group(cls=Door, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="decroche")
@click.option(
    "--dir",
    "root",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("."),
    envvar="DECROCHE_DIR",
    help="The line's folder (also: DECROCHE_DIR).",
    show_default=True,
)
@click.pass_context
def main(context: click.Context, root: Path) -> None:
    """Décroche: the call centre that an association runs by itself."""
    os.umask(0o077)  # what a line writes is its owner's alone
    context.obj = root


def folder_of(context: click.Context) -> Folder:
    from decroche.records.folder import Folder

    return Folder(Path(context.obj).absolute())


def line_of(context: click.Context) -> Folder:
    folder = folder_of(context)
    if not folder.database.exists():
        raise click.ClickException(f"there is no line in {folder.root}; 'decroche init' makes one")
    return folder


def release_here() -> Release:
    from decroche.asterisk.release import default_home, find_release

    release = find_release(default_home())
    if release is None:
        raise click.ClickException("there is no Asterisk yet; type: decroche pbx install")
    return release


def pbx_of(context: click.Context) -> Pbx:
    from decroche.asterisk.pbx import Pbx

    return Pbx(release_here(), folder_of(context).pbx)


def print_rows(
    rows: Sequence[dict[str, Any]], as_json: bool, empty: str, heads: bool = False
) -> None:
    """A list of records: JSON, a table on a terminal, tab-separated lines in a pipe.

    :param heads: whether the names of the columns stand in the pipe, too.
    """
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    elif not rows:
        click.echo(empty, err=True)
    elif not _on_a_terminal():
        if heads:
            click.echo("\t".join(rows[0]))
        for row in rows:
            click.echo("\t".join(str(value) for value in row.values()))
    else:
        from rich.console import Console
        from rich.table import Table

        table = Table(*[name.replace("_", " ") for name in rows[0]], box=None, header_style="bold")
        for row in rows:
            table.add_row(*[str(value) for value in row.values()])
        Console().print(table)


def _on_a_terminal() -> bool:
    return sys.stdout.isatty()


def print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class Progress:
    """A progress bar on a terminal; elsewhere a line every few seconds of a long wait."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shown = -1
        self._bar = sys.stderr.isatty()
        self._next = time.monotonic() + 5

    def __call__(self, done: float, total: float, what: str = "") -> None:
        percent = int(100 * done / total) if total else 100
        if percent == self._shown:
            return
        text = f"{self._what}: {percent:3} %  {what}"[:78]
        if self._bar:
            self._shown = percent
            filled = "█" * (percent // 5)
            click.echo(f"\r{text:<40.40} {filled:<20}", nl=percent >= 100, err=True)
        elif time.monotonic() > self._next:
            self._shown, self._next = percent, time.monotonic() + 5
            click.echo(text, err=True)


@main.command()
@click.argument("target", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.pass_context
def init(context: click.Context, target: Path | None) -> None:
    """Make a line: a commented hotline.toml, secrets and the database in TARGET.

    What is there already is kept. Example: decroche init ~/line
    """
    from decroche.records.folder import Folder

    folder = Folder((target or Path(context.obj)).absolute())
    print_lines(_make(folder))
    click.echo(f"Next: edit {folder.hotline}, then: decroche --dir {folder.root} up")


def _make(folder: Folder) -> list[str]:
    """Make what is missing of a line; returns what was made."""
    from decroche.asterisk import line
    from decroche.dashboard import accounts
    from decroche.kb import schema as kb

    done = line.create(folder, Path(__file__).with_name("configs"))
    kb.migrate(folder.database)
    accounts.prepare(folder.database)
    return done


def _complete(folder: Folder) -> list[str]:
    """After a mending: tables and agents that could not be saved; returns what was made."""
    from decroche.asterisk.readmit import readmit

    return _make(folder) + readmit(folder)


@main.command()
@click.pass_context
def plan(context: click.Context) -> None:
    """Show what 'apply' would change in the PBX, as a diff. Changes nothing."""
    from decroche.asterisk import apply as room

    lines = room.plan(folder_of(context), release_here())
    print_lines(lines or ["nothing would change: the line is as hotline.toml says"])


@main.command()
@click.pass_context
def apply(context: click.Context) -> None:
    """Put hotline.toml and the people in force; calls that are up go on."""
    from decroche.asterisk import apply as room

    print_lines(room.apply(folder_of(context), release_here(), Progress("prompts")))


@main.command()
@click.option("--demo", is_flag=True, help="An example line with callers and agents of its own.")
@click.pass_context
def up(context: click.Context, demo: bool) -> None:
    """Start the private Asterisk and serve the line, until Ctrl-C.

    Makes the line first if there is none. Example: decroche --dir ~/line up
    """
    from decroche.asterisk import line
    from decroche.asterisk.pbx import Pbx

    folder = folder_of(context)
    if demo:
        from decroche.asterisk import demo as room

        room.prepare(folder, Path(__file__).with_name("configs"))
    print_lines(_make(folder))
    release = release_here()
    if demo:
        room.staff(folder)
        _import_sheets(folder, Path(__file__).with_name("configs") / "sheets")
    context.invoke(apply)
    pbx = Pbx(release, folder.pbx)
    started = pbx.pid() is None
    if started:
        line.start(folder, pbx)
    try:
        _serve(folder, ("pbx", "flows", "recorder", "dashboard"), demo)
    finally:
        if started or demo:
            pbx.stop()
        else:
            click.echo("Asterisk ran before and goes on; 'decroche pbx stop' ends it", err=True)


@main.command()
@click.argument("part", type=click.Choice(["flows", "recorder", "dashboard"]), required=False)
@click.pass_context
def serve(context: click.Context, part: str | None) -> None:
    """Serve the line's calls, record and page, until stopped; or one PART alone."""
    _serve(folder_of(context), (part,) if part else ("flows", "recorder", "dashboard"), False)


def _serve(folder: Folder, parts: Sequence[str], demo: bool) -> None:
    import asyncio

    from decroche.records.logs import to_stderr
    from decroche.records.serving import keep_serving

    to_stderr()

    def once() -> None:
        asyncio.run(_serve_parts(folder, frozenset(parts), demo))

    try:
        keep_serving(folder.database, once, lambda: _complete(folder))
    except KeyboardInterrupt:
        click.echo("stopped", err=True)


async def _serve_parts(folder: Folder, parts: frozenset[str], demo: bool) -> None:
    """One process, one TaskGroup: each part is a task, and one that fails ends all."""
    import asyncio

    from decroche.records import ballast
    from decroche.records.applied import Applied
    from decroche.records.journal import Journal
    from decroche.records.keys import Keys
    from decroche.records.signals import until_told

    hotline, secrets = Applied(folder), Keys(folder.secrets)
    network = hotline().network
    async with Journal(folder.database) as journal, until_told(), asyncio.TaskGroup() as tasks:
        tasks.create_task(journal.sound())
        tasks.create_task(ballast.keep(ballast.beside(folder.database)))
        if "pbx" in parts:
            from decroche.asterisk.keeper import keep_running
            from decroche.asterisk.pbx import Pbx

            tasks.create_task(keep_running(Pbx(release_here(), folder.pbx)))
        if "recorder" in parts:
            from decroche.asterisk.night import keep_clocks
            from decroche.asterisk.recorder import record
            from decroche.records.messages import keep_clock
            from decroche.records.numbers import keep_forgetting

            tasks.create_task(record(folder, journal, network.ami, secrets))
            tasks.create_task(keep_forgetting(folder.database))
            tasks.create_task(keep_clock(folder))
            tasks.create_task(keep_clocks(folder, hotline))
        if "flows" in parts:
            from decroche.agi.service import Flows
            from decroche.asterisk.attend import attend

            flows = Flows(folder, hotline, secrets, journal)
            tasks.create_task(flows.run(network.agi))
            tasks.create_task(attend(network.ami, secrets().ami_flows, flows, folder.cel))
        if "dashboard" in parts:
            from decroche.dashboard.app import make_app
            from decroche.dashboard.app import serve as serve_page

            app = make_app(folder, hotline, journal)
            ready = _greeting(folder, demo, "pbx" in parts)
            tasks.create_task(serve_page(app, network.page_bind, network.page, ready))
        if demo:
            from decroche.asterisk.street import play

            tasks.create_task(play(folder, release_here(), hotline))


def _greeting(folder: Folder, demo: bool, whole: bool) -> Callable[[str], None]:
    """What a newcomer reads when the page is up: its address, and a number to call."""

    def ready(address: str) -> None:
        from decroche.asterisk import line
        from decroche.dashboard import accounts

        address = address.rstrip("/")
        click.echo(f"\n  The page:  {address}/")
        if not accounts.has_accounts(folder.database):
            code = accounts.issue_code(folder.database)
            click.echo(f"  First sign-in, once, within a day:  {address}/start?code={code}")
        print_lines(f"  {text}" for text in line.how_to_call(folder, demo))
        stops = "everything" if whole else "this service; Asterisk and its calls go on"
        click.echo(f"  Ctrl-C stops {stops}.\n")

    return ready


@main.group()
def pbx() -> None:
    """The private Asterisk: install, start, stop, look into, update."""


@pbx.command("install")
@click.option("--private", is_flag=True, help="Do not use an Asterisk of the machine's own.")
def pbx_install(private: bool) -> None:
    """Get Asterisk: the machine's own if it is 20 or newer, else a private one from Debian.

    Needs no root. Can be repeated: it goes on where it stopped.
    """
    from decroche.asterisk.release import default_home, install

    release = install(default_home(), Progress("Asterisk"), private=private)
    click.echo(f"Asterisk {release.version} in {release.root}")


@pbx.command("start")
@click.pass_context
def pbx_start(context: click.Context) -> None:
    """Start Asterisk on the line's folder."""
    from decroche.asterisk import line

    status = line.start(folder_of(context), pbx_of(context))
    click.echo(f"Asterisk {status.version} runs, process {status.pid}")


@pbx.command("stop")
@click.pass_context
def pbx_stop(context: click.Context) -> None:
    """Stop Asterisk; ends the calls that are up."""
    pbx_of(context).stop()
    click.echo("Asterisk is stopped")


@pbx.command("status")
@json_option
@click.pass_context
def pbx_status(context: click.Context, as_json: bool) -> None:
    """Say whether Asterisk runs, since when, and with how many calls."""
    status = pbx_of(context).status()
    rows = [{"version": status.version, "pid": status.pid, "since": status.since.isoformat()}]
    rows[0] |= {"calls": status.calls, "channels": status.channels}
    print_rows(rows, as_json, "")


@pbx.command("console")
@click.pass_context
def pbx_console(context: click.Context) -> None:
    """Open Asterisk's own console; 'exit' leaves it, Asterisk goes on."""
    pbx_of(context).console()


@pbx.command("update")
@click.option("--patience", default=0.0, help="Seconds to wait for a moment without calls.")
@click.pass_context
def pbx_update(context: click.Context, patience: float) -> None:
    """Get the newest Asterisk, try it out, and switch when no call is up."""
    from decroche.asterisk.renewal import renew

    print_lines(renew(folder_of(context).pbx, Progress("Asterisk"), patience))


@pbx.command("rollback")
@click.pass_context
def pbx_rollback(context: click.Context) -> None:
    """Go back to the Asterisk before the last update, when no call is up."""
    from decroche.asterisk.renewal import go_back

    print_lines(go_back(folder_of(context).pbx))


@main.group()
def agent() -> None:
    """The people who take calls."""


@agent.command("add")
@click.argument("name")
@click.option("--label", help="The alias that colleagues see.  [default: NAME]")
@click.option("--queue", "queues", multiple=True, help="A queue to be member of; repeatable.")
@click.pass_context
def agent_add(
    context: click.Context, name: str, label: str | None, queues: tuple[str, ...]
) -> None:
    """Add an agent; prints what to type into a SIP headset's or softphone's settings.

    Without --queue the agent joins every queue.
    Example: decroche agent add camille --label Camille --queue demarches
    """
    from decroche.asterisk import line

    print_lines(line.add_agent(folder_of(context), name, label or name.capitalize(), queues))
    click.echo("Next: decroche apply")


@agent.command("list")
@json_option
@click.pass_context
def agent_list(context: click.Context, as_json: bool) -> None:
    """List the agents with their queues and what they do now."""
    from decroche.asterisk import line

    empty = "no agent yet; type: decroche agent add NAME"
    print_rows(line.agents(folder_of(context)), as_json, empty)


@agent.command("remove")
@click.argument("name")
@click.pass_context
def agent_remove(context: click.Context, name: str) -> None:
    """Remove an agent; what they did stays in the record."""
    from decroche.records import people

    people.remove_agent(folder_of(context).database, name)
    click.echo(f"{name} is removed. Next: decroche apply")


@main.command("account-code")
@click.pass_context
def account_code(context: click.Context) -> None:
    """Print a one-time code for one more account on the page, or after a lost password.

    It is good once, for a day; an earlier code is void.
    """
    from decroche.dashboard import accounts
    from decroche.hotline import load

    folder = folder_of(context)
    network = load(folder.hotline).network
    code = accounts.issue_code(folder.database)
    click.echo(f"Open within a day: http://{network.page_bind}:{network.page}/start?code={code}")


@main.group()
def journal() -> None:
    """What happened, fact by fact."""


@journal.command("tail")
@click.option("-n", "count", default=20, show_default=True, help="How many past events first.")
@click.option("-f", "--follow", is_flag=True, help="Go on as events come, until Ctrl-C.")
@json_option
@click.pass_context
def journal_tail(context: click.Context, count: int, follow: bool, as_json: bool) -> None:
    """Print the newest events of the journal."""
    from decroche.records import tail

    for line in tail.lines(folder_of(context).database, count, follow, as_json):
        click.echo(line)


@journal.command("show")
@click.argument("call")
@json_option
@click.pass_context
def journal_show(context: click.Context, call: str, as_json: bool) -> None:
    """Tell the story of one CALL: its number on the board, or its id."""
    from decroche.records import tail

    for line in tail.story(folder_of(context).database, call, as_json):
        click.echo(line)


@journal.command("rebuild")
@click.pass_context
def journal_rebuild(context: click.Context) -> None:
    """Compute calls, offers, presence, the ledger and counted days again from the journal."""
    from decroche.records.rebuild import rebuild

    done = rebuild(folder_of(context).database, Progress("journal"))
    click.echo(f"{done} events read; calls, offers, presence, ledger and days are computed again")


@journal.command("mend")
@click.pass_context
def journal_mend(context: click.Context) -> None:
    """Look through the database; put a damaged one aside and save what can be read.

    Services do this by themselves when they meet the damage. Works while the line runs.
    """
    from decroche.records import salvage

    folder = folder_of(context)
    found = salvage.mend(folder.database)
    if found is None:
        click.echo(f"{folder.database} is whole")
        return
    with salvage.alone(folder.database):
        print_lines(_complete(folder))
    click.echo(f"saved what could be read; the damaged file is kept: {found.aside}")
    click.echo(f"events known again by their ids: {found.revived}; not: {found.lost}")
    click.echo("a recorder that runs reads Asterisk's own record again: most of those come back")


@journal.command("check")
@json_option
@click.pass_context
def journal_check(context: click.Context, as_json: bool) -> None:
    """Check that the record adds up, and says what Asterisk wrote down itself.

    Changes nothing; works while the line runs. Exit code 1 when something does not fit.
    """
    from decroche.asterisk import line

    good = True
    for finding in line.check(folder_of(context), Progress("computing again")):
        good &= not finding.problem
        if as_json:
            click.echo(json.dumps(finding.__dict__, ensure_ascii=False))
        else:
            said = f"{finding.invariant}: {finding.compared}"
            click.echo(f"WRONG  {said}: {finding.problem}" if finding.problem else f"ok     {said}")
    if not good:
        raise click.exceptions.Exit(1)


@main.command("ledger")
@json_option
@click.pass_context
def ledger_list(context: click.Context, as_json: bool) -> None:
    """List the callers who reached nobody, until somebody has talked to them.

    The page shows who is on it and, to the one who has claimed an entry, the number.
    """
    from decroche.records import ledger

    empty = "nobody waits to be called back"
    print_rows(ledger.as_rows(folder_of(context).database), as_json, empty)


@main.command()
@click.argument("period", type=click.Choice(["day", "week", "month", "year"]))
@click.option("--of", "day", default="", metavar="DATE", help="One that holds DATE.  [today]")
@click.option("--queue", default="", metavar="NAME", help="Only the calls of this queue.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV: a row for each part and queue.")
@json_option
@click.pass_context
def report(
    context: click.Context, period: str, day: str, queue: str, as_csv: bool, as_json: bool
) -> None:
    """Print the figures of a day, a week, a month or a year.

    Arrived, answered, abandoned and where, waits, service level, talk time and who was never
    answered; by queue, topic, hour and weekday; compared with the period before.
    Example: decroche report week --of 2026-11-24
    """
    from decroche.records import exports, figures

    if as_csv and as_json:
        raise click.UsageError("choose one of --csv and --json")
    found = figures.asked(folder_of(context), period, day, queue)
    if as_json:
        click.echo(exports.as_json(found))
    elif as_csv:
        click.echo(exports.as_csv(found), nl=False)
    else:
        for at, table in enumerate(exports.as_tables(found)):
            click.echo(("\n" if at else "") + table.title)
            print_rows(table.rows, False, "nothing", heads=True)


@main.group()
def callback() -> None:
    """Promised call-backs: who waits to be called, and when."""


@callback.command("list")
@json_option
@click.pass_context
def callback_list(context: click.Context, as_json: bool) -> None:
    """List the promises that are open, the oldest arrival first."""
    from decroche.records import callbacks

    empty = "no call-back is promised"
    print_rows(callbacks.as_rows(folder_of(context).database), as_json, empty)


@callback.command("add")
@click.argument("number")
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="A day.  [default: now]")
@click.option("--part", type=click.Choice(["morning", "afternoon", "evening"]), help="Of the day.")
@click.option("--queue", default="", help="Whose agents call.  [default: that of the menu]")
@click.option("--agent", default="", help="Who is asked first.")
@click.option("--reason", default="", help="A few words for whoever calls.")
@click.pass_context
def callback_add(
    context: click.Context,
    number: str,
    day: Any,
    part: str | None,
    queue: str,
    agent: str,
    reason: str,
) -> None:
    """Promise a call-back to NUMBER, now or on a day.

    An agent's phone rings at that time, within the opening hours; who picks up is connected.
    Example: decroche callback add "06 12 34 56 78" --on 2027-01-15 --part morning
    """
    from decroche.records import booking
    from decroche.records.applied import Applied
    from decroche.records.secrets import load

    folder = folder_of(context)
    hotline = Applied(folder)()
    booking.rules_of(hotline)
    due = booking.due(hotline, day.date() if day else None, part or "")
    made = (number, "admin", due, queue, agent, reason)
    caller = booking.book(folder.database, hotline, load(folder.secrets), *made)
    click.echo(f"promised; 'decroche callback list' shows it as {caller[:8]}")


@callback.command("call")
@click.argument("caller")
@click.pass_context
def callback_call(context: click.Context, caller: str) -> None:
    """Have the promise to CALLER (as listed) kept now, as soon as an agent is free."""
    from decroche.records import callbacks

    path = folder_of(context).database
    callbacks.hurry(path, callbacks.match(path, caller), "admin")
    click.echo("they are called as soon as an agent is free")


@callback.command("cancel")
@click.argument("caller")
@click.pass_context
def callback_cancel(context: click.Context, caller: str) -> None:
    """Take back the promise to CALLER, as listed; what is owed stays in the ledger."""
    from decroche.records import callbacks

    path = folder_of(context).database
    callbacks.withdraw(path, callbacks.match(path, caller), "admin")
    click.echo("the promise is taken back")


@main.command()
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@json_option
@click.pass_context
def purge(context: click.Context, dry_run: bool, as_json: bool) -> None:
    """Delete at once what is older than its clock; prints what each clock took.

    The recorder does so every night. Asterisk's own record waits for a moment without calls.
    Example: decroche purge --dry-run
    """
    from decroche.asterisk import privacy as room
    from decroche.records.events import now

    done = room.purge(line_of(context), now(), dry_run, Progress("computing again"))
    rows = [one.__dict__ for one in done if as_json or one.count]
    print_rows(rows, as_json, "nothing is older than its clock")


@main.group()
def privacy() -> None:
    """What is kept about people: show it, give it out, forget it."""


@privacy.command("report")
@json_option
@click.pass_context
def privacy_report(context: click.Context, as_json: bool) -> None:
    """List all that is kept about people: its clock in days, and the oldest of it.

    Exit code 1 when something is overdue: then type: decroche purge
    """
    from decroche.asterisk import privacy as room
    from decroche.records.events import now

    folder, at = line_of(context), now()
    zone, found = room.zone_of(folder), list(room.report(folder, at))
    rows = [one.as_row(at, zone) for one in found]
    print_rows(rows, as_json, "")
    if any(one.overdue(at) for one in found):
        raise click.exceptions.Exit(1)


@privacy.command("show")
@click.argument("number")
@click.pass_context
def privacy_show(context: click.Context, number: str) -> None:
    """Say what is known of a telephone NUMBER, written in whatever way.

    Example: decroche privacy show "06 12 34 56 78"
    """
    from decroche.asterisk import privacy as room

    print_lines(room.known(line_of(context), number).lines())


@privacy.command("export")
@click.argument("number")
@click.pass_context
def privacy_export(context: click.Context, number: str) -> None:
    """Print what is known of a NUMBER as JSON, for the person who asks (GDPR, article 15).

    Example: decroche privacy export 0612345678 > answer.json
    """
    from decroche.asterisk import privacy as room

    found = room.known(line_of(context), number)
    click.echo(json.dumps(found.as_json(), ensure_ascii=False, indent=2))


@privacy.command("forget")
@click.argument("number")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def privacy_forget(context: click.Context, number: str, yes: bool) -> None:
    """Forget a NUMBER: nothing says any more that this person ever called.

    Their calls stay in the figures. A backup that is restored later loses them, too.
    Example: decroche privacy forget 0612345678
    """
    from decroche.asterisk import privacy as room

    folder = line_of(context)
    found = room.known(folder, number)
    print_lines(found.lines())
    if not yes:
        click.confirm("Forget this person?", abort=True)
    count = room.forget(folder, found.number, Progress("computing again"))
    click.echo(f"forgotten: {count} facts, numbers and records")
    print_lines(room.still_in_backups(folder))


@privacy.command("rotate")
@click.pass_context
def privacy_rotate(context: click.Context) -> None:
    """Make new keys and destroy the old ones; refuses while a call is up.

    Who is owed a call stays in the ledger; of all others nobody can tell any more who called.
    The recorder does so every thirty days.
    """
    from decroche.asterisk import rotation as room

    print_lines(room.renew_keys(line_of(context), Progress("computing again")).lines())


@main.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--with-secrets", is_flag=True, help="Also copy the keys, into FILE.secrets.toml.")
@click.pass_context
def backup(context: click.Context, file: Path | None, with_secrets: bool) -> None:
    """Back the line up into FILE while it runs: database, hotline.toml, recorded sentences.

    Without the keys, unless asked for: keep those apart. Default: DIR/backups/decroche-TIME.tar.gz
    """
    from decroche.asterisk.prompts import recordings
    from decroche.records import backup as room

    folder = line_of(context)
    file = file or room.default_name(folder)
    sounds = recordings(folder.prompts)
    manifest = room.backup(folder, file, sounds, Progress("backup"), with_secrets)
    click.echo(f"{file}: {manifest.newest} events, {len(sounds)} recorded sentences")
    if with_secrets:
        click.echo(f"{room.keys_beside(file)}: the keys; whoever has both can read the numbers")
    else:
        click.echo("The keys are not in it: secrets.toml stays in the line's folder.")


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--secrets",
    "keys",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The keys of another machine, as 'backup --with-secrets' wrote them.",
)
@click.pass_context
def restore(context: click.Context, file: Path, keys: Path | None) -> None:
    """Make the line of FILE, in an empty folder or over a line whose services are stopped.

    What stands there is put aside. Who was forgotten meanwhile stays so.
    Example: decroche --dir ~/line restore decroche-20261124T020000Z.tar.gz
    """
    from decroche.records import restore as room

    folder = folder_of(context)
    print_lines(room.restore(folder, file, Progress("restore"), keys))
    print_lines(_make(folder))
    click.echo(f"Next: decroche --dir {folder.root} up")


@main.command()
@click.argument("names", metavar="[FAULT]...", nargs=-1)
@click.option("--list", "only_list", is_flag=True, help="List the faults; run nothing.")
@click.option(
    "--moment",
    "moments",
    multiple=True,
    type=click.Choice(["idle", "ringing", "talking", "waiting"]),
    help="When it happens; repeatable.  [default: all four]",
)
@click.option(
    "--hold", default=30.0, show_default=True, help="Seconds that the database is locked."
)
@json_option
def drill(
    names: tuple[str, ...], only_list: bool, moments: tuple[str, ...], hold: float, as_json: bool
) -> None:
    """Let things go wrong, on a line made for it, and see what is lost.

    Each FAULT (all without one) happens while nobody calls, while a phone rings, while people
    talk, and while people wait. The drill makes a private line with an Asterisk of its own and
    plays the callers and the phones; your line is not touched. Exit code 1 when anything was lost.
    Example: decroche drill asterisk-killed --moment talking
    """
    from decroche.asterisk import drill as room
    from decroche.asterisk.faults import choose

    faults = choose(names, hold)
    if only_list:
        rows = [{"fault": fault.name, "what happens": fault.what} for fault in faults]
        return print_rows(rows, as_json, "")
    results = []
    for result in room.run(release_here(), faults, moments or room.MOMENTS, _say):
        results.append(result)
        _say(room.sentence(result))
    print_rows([room.as_row(result, as_json) for result in results], as_json, "")
    if not all(result.good for result in results):
        raise click.exceptions.Exit(1)


def _say(text: str) -> None:
    click.echo(text, err=True)


@main.group()
def kb() -> None:
    """What people know: the sheets."""


@kb.command("import")
@click.argument("source", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.pass_context
def kb_import(context: click.Context, source: Path) -> None:
    """Import a folder of Markdown files as sheets; repeat it after editing them."""
    print_lines(_import_sheets(folder_of(context), source))


def _import_sheets(folder: Folder, source: Path) -> list[str]:
    from decroche.kb.library import import_folder

    done = import_folder(folder.database, source, Progress("sheets"))
    counts = f"{done.added} added, {done.changed} changed, {done.removed} removed"
    return [
        *(f"left out: {problem.file}: {problem.reason}" for problem in done.problems),
        f"sheets: {counts}, {done.unchanged} as they were",
    ]


if __name__ == "__main__":
    main()
