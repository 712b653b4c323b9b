"""Where a volunteer stands who begins: at the charter, at the phone, or ready."""

from dataclasses import dataclass

from ..records import welcome
from ..records.changes import Row
from ..records.folder import Folder
from . import charter

STEPS = ("password", "charter", "phone", "ready")


@dataclass(frozen=True)
class Place:
    """Where a volunteer stands; ``shown``: their phone has a password; instants in microseconds."""

    step: str
    shown: int | None
    registered: bool
    echoed: bool  # the echo call was made since


def placed(steps: Row, versions: set[str]) -> Place:
    """Where somebody stands, from welcome.steps_of; another charter than today's is none."""
    shown, echoed = steps["phone"], steps["echoed"]
    step = "ready"
    if steps["charter"] not in versions:
        step = "charter"
    elif shown is None or steps["heard"] is None:
        step = "phone"
    made = echoed is not None and echoed >= (shown or 0)
    return Place(step, shown, steps["registered"], made)


def place_of(folder: Folder, agent: str) -> Place:
    """The same, read; off the event loop."""
    return placed(welcome.steps_of(folder.database, agent), charter.versions(folder))
