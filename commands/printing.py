"""How commands print: tables, lines, JSON, progress."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

import click

# Words that carry where a call or a person is, or that something is wrong; as on the pages.
COLOURS = {
    "waiting": "yellow",
    "ringing": "blue",
    "talking": "green",
    "available": "green",
    "paused": "yellow",
    "away": "dim",
    "idle": "dim",
    "not registered": "red",
    "WRONG": "bold red",
    "ok": "green",
    "?": "yellow",
    "after apply": "yellow",
    "until apply": "yellow",
    "changed: apply": "yellow",
}


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
    elif not on_a_terminal():
        if heads:
            click.echo("\t".join(rows[0]))
        for row in rows:
            click.echo("\t".join(map(_cell, row.values())))
    else:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(*[name.replace("_", " ") for name in rows[0]], box=None, header_style="bold")
        for row in rows:
            table.add_row(
                *[Text(_cell(value), COLOURS.get(str(value), "")) for value in row.values()]
            )
        Console().print(table)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return str(value)


def on_a_terminal() -> bool:
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


def say(text: str) -> None:
    click.echo(text, err=True)
