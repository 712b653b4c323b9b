"""Serving the line: everything in one process, or one part alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from decroche.commands.context import folder_of, release_here
from decroche.commands.kb import import_sheets
from decroche.commands.line import EXAMPLES, apply, complete, make
from decroche.commands.printing import print_lines

if TYPE_CHECKING:
    from decroche.hotline import Hotline
    from decroche.records.folder import Folder


@click.command()
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

        room.prepare(folder, EXAMPLES)
    print_lines(make(folder))
    release = release_here()
    if demo:
        room.staff(folder)
        import_sheets(folder, EXAMPLES / "sheets")
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


@click.command()
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
        keep_serving(folder.database, once, lambda: complete(folder))
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
            from decroche.asterisk.phones import keep_phones
            from decroche.asterisk.recorder import record
            from decroche.records.messages import keep_clock
            from decroche.records.numbers import keep_forgetting

            tasks.create_task(record(folder, journal, network.ami, secrets))
            tasks.create_task(keep_phones(folder, journal, release_here))
            tasks.create_task(keep_forgetting(folder.database))
            tasks.create_task(keep_clock(folder))
            tasks.create_task(keep_clocks(folder, hotline))
        if "flows" in parts:
            from decroche.agi.service import Flows
            from decroche.asterisk.attend import attend
            from decroche.asterisk.takes import Takes

            flows = Flows(folder, hotline, secrets, journal, Takes(folder))
            tasks.create_task(flows.run(network.agi))
            tasks.create_task(attend(network.ami, secrets().ami_flows, flows, folder.cel))
        if "dashboard" in parts:
            from decroche.dashboard.app import make_app
            from decroche.dashboard.app import serve as serve_page

            app = make_app(folder, hotline, journal, speech=_speech(folder, hotline))
            ready = _greeting(folder, demo, "pbx" in parts)
            tasks.create_task(serve_page(app, network.page_bind, network.page, ready))
        if demo:
            from decroche.asterisk.street import play

            tasks.create_task(play(folder, release_here(), hotline))


def _speech(folder: Folder, hotline: Callable[[], Hotline]) -> Callable[[str], str]:
    """How the page has a text spoken: in a thread, by the engine that the prompts have."""

    def speak(text: str) -> str:
        from decroche.asterisk import said
        from decroche.asterisk.release import default_home, find_release

        return said.speak(folder, find_release(default_home()), text, hotline().line.language)

    return speak


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
