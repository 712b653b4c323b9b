"""What ``decroche doctor`` has found, for its tests."""

from decroche.asterisk import doctor
from decroche.asterisk.doctor_case import Finding
from decroche.asterisk.release import Release
from decroche.records.folder import Folder

Rows = list[dict[str, str]]


def wrongs(rows: Rows) -> dict[str, str]:
    """Check -> what is wrong; each says what it means, and what to do."""
    found = [row for row in rows if row["state"] == "wrong"]
    assert all(row["means"] and row["remedy"] for row in found)
    return {row["check"]: row["what"] for row in found}


def named(folder: Folder, release: Release | None, check: str) -> list[Finding]:
    checks = [one for one in doctor.CHECKS if one[0] == check]
    return [told.finding for told in doctor.examine(folder, release, checks=checks)]
