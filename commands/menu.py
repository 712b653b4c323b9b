"""What callers may choose."""

from __future__ import annotations

import click

from decroche.commands.menu_test import menu_test


@click.group()
def menu() -> None:
    """What callers may choose."""


menu.add_command(menu_test)
