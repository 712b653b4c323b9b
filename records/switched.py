"""What the journal says of the switch: pure, from an event to a row and back."""

from collections.abc import Iterator

from . import kinds
from .changes import Change, Changes, Row, State
from .events import MICRO, Event
from .opening import AUTO, Opening, Switch, Switches

SAID = "said/"  # how the names of sentences begin that are made for a switch
FOR_GOOD = 1 << 62  # until somebody throws it again


def fold_switch(before: Row | None, event: Event) -> Change:
    """A switch is thrown: the row of its queue, or of the line, is as it says.

    :param before: the row as it was. The line's AUTO ends what was said of queues, for good.
    """
    body, state, queue = event.body, kinds.SWITCH[event.kind], _place(event)
    ends_all = state == AUTO and not queue
    values = {
        "state": state,
        "since": event.at,
        "until": FOR_GOOD if state == AUTO else int(body["until"]),
        "text": str(body.get("text", "")),
        "sound": str(body.get("sound", "")),
        "actor": event.actor,
        "clears": int(bool(body.get("clears", False))),
        "void": event.at if ends_all else before["void"] if before else 0,
    }
    return Change("switches", queue, values)


def _place(event: Event) -> str:
    return str(event.body.get("queue", ""))


def fold_thrown(state: State, event: Event) -> Changes:
    return [fold_switch(state.row("switches", _place(event)), event)]


def of_row(row: Row) -> Switch:
    names = ("state", "since", "until", "text", "sound", "actor", "void")
    return Switch(**{name: row[name] for name in names}, clears=bool(row["clears"]))


def after(switches: Switches, event: Event) -> Switches:
    """The switches behind an event."""
    before = switches.get(_place(event))
    change = fold_switch({"void": before.void} if before else None, event)
    return {**switches, change.key: of_row(change.values)}


def held(opening: Opening, at: int) -> dict[str, str]:
    """Queue -> what Asterisk must know of the switch to decide alone: empty, or up to two times
    ``state:until:sound:``, one after the other; until in seconds since 1970.
    """
    return {name: "".join(_pieces(opening, at, name)) for name in opening.hotline.queues}


def _pieces(opening: Opening, at: int, queue: str) -> Iterator[str]:
    for _ in range(2):  # a queue's own behind the line's, or the other way round
        switch = opening.switch(at, queue)
        if switch is None:
            return
        yield f"{switch.state}:{switch.until // MICRO}:{switch.sound}:"
        at = switch.until


def lasting(words: str, at: int) -> str:
    """Of what Asterisk was told, that which is not over."""
    parts = words.split(":")[:-1]
    pieces = (parts[here : here + 3] for here in range(0, len(parts), 3))
    return "".join(":".join(one) + ":" for one in pieces if int(one[1]) > at // MICRO)
