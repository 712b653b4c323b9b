"""The admin's door: every command that there is, and what a person reads when one fails.

The commands stand in commands/, a file for each noun: each parses, calls a room, prints. Rooms are
imported inside the commands, so that ``--help`` costs what click costs.
Exit codes: 0 done, 1 failed, 2 wrong usage.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import click

from decroche.commands import (
    agent,
    backup,
    block,
    callback,
    config,
    doctor,
    drill,
    hours,
    journal,
    kb,
    line,
    menu,
    pbx,
    privacy,
    prompt,
    queue,
    report,
    serve,
    shift,
    simulate,
    status,
    trunk,
)

# Errors whose text says what is wrong and what to do, by name: importing them would cost time.
TOLD = frozenset(
    "HotlineError SecretsError PeopleError RenderError ApplyError StartError InstallError "
    "LineBusy NotRunning AmiError LineError RecorderError ImportFailed CallbackError "
    "FiguresError PrivacyError NumberError BackupError DrillError PresenceError ShiftError "
    "SwitchError BlockError SoundError EnrolError MailError LetterError".split()
)

# What a person may do about a file that cannot be read or written.
OTHER_USER = "type the command as the user who owns the line's folder"
HINDERED = {
    errno.EACCES: OTHER_USER,
    errno.EPERM: OTHER_USER,
    errno.EROFS: "that disk is read-only",
    errno.ENOSPC: "make room on that disk; 'decroche doctor' says what it needs",
    errno.EDQUOT: "make room; 'decroche doctor' says what the line needs",
}


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
    if isinstance(error, OSError) and error.errno in HINDERED:
        if error.filename is None and HINDERED[error.errno] == OTHER_USER:
            return str(error.strerror)  # of no file: a port below 1024, for instance
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}; {HINDERED[error.errno]}"
    from decroche.records.trouble import is_broken, is_full, is_refused

    if is_refused(error):
        return f"the database: {error}; {OTHER_USER}"
    if is_full(error):
        return f"the database: {error}; {HINDERED[errno.ENOSPC]}"
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


COMMANDS: tuple[click.Command, ...] = (
    line.init,
    line.plan,
    line.apply,
    serve.up,
    serve.serve,
    config.config,
    queue.queue,
    menu.menu,
    trunk.trunk,
    status.status,
    pbx.pbx,
    prompt.prompt,
    hours.hours,
    agent.agent,
    agent.account_code,
    shift.shift,
    journal.journal,
    block.block,
    callback.ledger_list,
    callback.callback,
    report.report,
    privacy.purge,
    privacy.privacy,
    backup.backup,
    backup.restore,
    doctor.doctor,
    drill.drill,
    simulate.simulate,
    kb.kb,
    config.completion,
)
for command in COMMANDS:
    main.add_command(command)


if __name__ == "__main__":
    main()
