"""How a volunteer begins: invited, a password, the charter, a phone, a headset that was tried.

Folded into the projection ``starts``. records/invitations.py holds the links, records/welcome.py
reads and writes the steps.
"""

from . import kinds
from .changes import Change, Changes, Row, State
from .events import Event

INSTANTS = {  # the kind of an event -> the column that its instant stands in
    kinds.INVITED: "invited",
    kinds.JOINED: "joined",
    kinds.ACCEPTED: "accepted",
    kinds.REKEYED: "phone",
    kinds.ECHOED: "echoed",
    kinds.CONFIRMED: "heard",
}
NOTHING: Row = dict.fromkeys((*INSTANTS.values(), "charter"))


def fold_start(state: State, event: Event) -> Changes:
    """Who is removed leaves nothing to a namesake."""
    if event.kind == kinds.REMOVED:
        known = state.row("starts", event.actor)
        return [Change("starts", event.actor, dict(NOTHING))] if known else []
    values: dict[str, object] = {INSTANTS[event.kind]: event.at}
    if event.kind == kinds.ACCEPTED:
        values["charter"] = str(event.body["charter"])
    return [Change("starts", event.actor, values)]
