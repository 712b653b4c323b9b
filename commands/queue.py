"""The queues of the line."""

from __future__ import annotations

import click

from decroche.commands.queue_members import queue_members


@click.group()
def queue() -> None:
    """The queues of the line."""


queue.add_command(queue_members)
