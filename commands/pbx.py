"""The private Asterisk."""

from __future__ import annotations

import click

from decroche.commands.context import folder_of, pbx_of
from decroche.commands.printing import Progress, json_option, print_lines, print_rows


@click.group()
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
