"""The switch from the command line: spoken, written down, and told to Asterisk on the spot."""

from collections.abc import Iterator

from ..hotline import Hotline
from ..records import switch, switched
from ..records.agenda import local
from ..records.applied import Applied
from ..records.events import now
from ..records.folder import Folder
from ..records.opening import AUTO, CLOSED, OPEN, SHORT, Opening
from . import held, said
from .pbx import Pbx
from .release import default_home, find_release

ACTOR = "admin"
SAYS = {CLOSED: "is closed", SHORT: "is short of staff", OPEN: "is open"}


def throw(
    folder: Folder, state: str, queue: str, until: str = "", text: str = "", clears: bool = False
) -> list[str]:
    """Throw it; returns what is so now, in sentences.

    :param until: as people write it, see :func:`records.switch.moment`.
    :raises SwitchError, HotlineError: it cannot be thrown so; nothing has changed.
    """
    hotline, release = Applied(folder)(), find_release(default_home())
    text, end = " ".join(text.split()), 0
    if state != AUTO:
        end = switch.moment(until, hotline, now())
    switch.check(hotline, state, queue, end, text)
    sound = said.speak(folder, release, text, hotline.line.language)
    wish = {"queue": queue, "until": end, "text": text, "sound": sound, "clears": clears}
    switch.throw(folder.database, hotline, state, ACTOR, **wish)  # type: ignore[arg-type]
    opening = Opening(hotline, switch.read_from(folder.database))
    if release is not None:
        held.hold(Pbx(release, folder.pbx), switched.held(opening, now()))
    return list(_told(opening, hotline, queue, text if sound or not text else None))


def _told(opening: Opening, hotline: Hotline, queue: str, spoken: str | None) -> Iterator[str]:
    at = now()
    what = f"the queue {queue}" if queue else "the line"
    thrown = opening.switch(at, queue)
    if thrown is None:
        yield f"{what} goes by its hours: it {SAYS[opening.state(at, queue)]}"
        return
    until = local(opening, thrown.until)
    if thrown.state == SHORT:
        yield f"{what} {SAYS[SHORT]} until {until}, while its hours have it open"
    else:
        yield f"{what} {SAYS[thrown.state]} until {until}, then by its hours"
    if spoken is None:
        yield "nothing here can speak that text: callers hear the usual sentence"
    elif spoken and thrown.state != OPEN:
        yield f"callers hear: {spoken}"
    if thrown.state == CLOSED:
        yield "who waits is told so now" if thrown.clears else "who waits is still served"
    yield "in force at once; sooner to an end: decroche hours auto"
