"""A phone that is to be rung for a call of our own: asked by the flows, done over AMI."""

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True)
class Ring:
    """Ring an agent's phone; when it is picked up, its channel goes into the dialplan.

    ``agent`` is the name of the phone (records/dialplan.py). ``channel`` becomes the channel's
    unique id. ``status`` gets what Dial would call it: ANSWER, NOANSWER, BUSY, CHANUNAVAIL;
    whoever cancels it wants no ring any more.
    """

    channel: str
    agent: str
    seconds: int
    status: asyncio.Future[str]
