"""Shifts in the database: planned, taken, given back, cancelled, purged; and told."""

from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decroche.records import feeds, kinds, people, purge, schema, shifts, signups, staffing
from decroche.records.events import MICRO, now
from decroche.records.rota import DAY, Occurrence, Rota, read_hours
from decroche.records.shifts import ShiftError
from decroche.records.store import read

PARIS = ZoneInfo("Europe/Paris")
TODAY = datetime.now(PARIS).date()
NEXT = TODAY + (0 - TODAY.weekday()) % 7 * DAY + 7 * DAY  # a Monday that is still to come


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "decroche.db"
    schema.prepare(path)
    for name in ("ana", "bob", "lea"):
        people.add_agent(path, name, name.capitalize(), [])
    return path


def plan(
    path: Path, wanted: int = 2, first: date = TODAY - 400 * DAY, last: date | None = None
) -> int:
    return shifts.add(path, 0, read_hours("09:00-12:00"), wanted, first, last)


def who(path: Path, id: int, day: date) -> tuple[str, ...]:
    rota = shifts.read_from(path)
    return rota.people(rota.shifts[id], day)


def kinds_of(path: Path, begin: str) -> list[tuple[str, str, object]]:
    connection = schema.reader(path)
    found = [
        (event.kind, event.actor, event.body.get("date"))
        for event in read(connection)
        if event.kind.startswith(begin)
    ]
    connection.close()
    return found


def test_a_shift_is_planned_taken_and_given_back(path: Path) -> None:
    id = plan(path)
    signups.sign_up(path, id, "ana", NEXT, PARIS)
    signups.sign_up(path, id, "ana", NEXT, PARIS)  # twice is once
    assert (who(path, id, NEXT), who(path, id, NEXT + 7 * DAY)) == (("ana",), ())
    signups.sign_up(path, id, "bob", NEXT, PARIS, weekly=True)
    assert who(path, id, NEXT + 70 * DAY) == ("bob",)
    signups.withdraw(path, id, "bob", NEXT + 7 * DAY, PARIS)
    assert (who(path, id, NEXT + 7 * DAY), who(path, id, NEXT + 14 * DAY)) == ((), ("bob",))
    signups.sign_up(path, id, "bob", NEXT + 7 * DAY, PARIS)
    assert who(path, id, NEXT + 7 * DAY) == ("bob",)
    signups.withdraw(path, id, "bob", NEXT + 14 * DAY, PARIS, weekly=True)
    dates = [who(path, id, NEXT + n * 7 * DAY) for n in range(4)]
    assert dates == [("ana", "bob"), ("bob",), (), ()]
    day = NEXT.isoformat()
    assert kinds_of(path, "shift.")[:4] == [
        (kinds.SHIFT_ADDED, "", None),
        (kinds.SIGNED_UP, "ana", day),
        (kinds.SIGNED_UP, "ana", day),
        (kinds.SIGNED_UP, "bob", day),
    ]


def test_who_is_disabled_holds_no_place_until_enabled_again(path: Path) -> None:
    id = plan(path, wanted=1)
    signups.sign_up(path, id, "ana", NEXT, PARIS, weekly=True)
    staffing.disable_agent(path, "ana")
    assert who(path, id, NEXT) == ()
    with pytest.raises(ShiftError, match="or it is disabled"):
        signups.sign_up(path, id, "ana", NEXT, PARIS)
    signups.sign_up(path, id, "bob", NEXT, PARIS)
    staffing.enable_agent(path, "ana")
    assert who(path, id, NEXT + 7 * DAY) == ("ana",)


def test_every_week_and_again(path: Path) -> None:
    id = plan(path)
    signups.sign_up(path, id, "ana", NEXT + 21 * DAY, PARIS)
    signups.sign_up(path, id, "ana", NEXT, PARIS, weekly=True)
    signups.withdraw(path, id, "ana", NEXT + 14 * DAY, PARIS, weekly=True)
    signups.sign_up(path, id, "ana", NEXT + 7 * DAY, PARIS, weekly=True)
    rota = shifts.read_from(path)
    (one,) = rota.signups[id]
    assert (one.first, one.last) == (NEXT, None)
    signups.withdraw(path, id, "ana", NEXT, PARIS, weekly=True)
    assert shifts.read_from(path).signups == {}


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["ana", "bob", "lea"]),
        st.booleans(),  # sign up, or withdraw
        st.integers(0, 5),  # weeks from now
        st.booleans(),  # every week
    ),
    max_size=8,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ACTS, st.integers(1, 3))
def test_whatever_was_said_it_is_as_if_written_on_a_wall(
    path: Path, acts: list[tuple[str, bool, int, bool]], wanted: int
) -> None:
    """Against lists of names, one for each week; never more than are wanted."""
    id = plan(path, wanted)
    wall: list[set[str]] = [set() for _ in range(8)]
    for agent, comes, week, weekly in acts:
        day, weeks = NEXT + 7 * week * DAY, wall[week:] if weekly else wall[week : week + 1]
        if comes and (agent in wall[week] or len(wall[week]) < wanted):
            signups.sign_up(path, id, agent, day, PARIS, weekly)
            for names in weeks:
                names |= {agent} if len(names) < wanted else set()
        elif comes:
            with pytest.raises(ShiftError, match="full"):
                signups.sign_up(path, id, agent, day, PARIS, weekly)
        elif weekly or agent in wall[week]:
            signups.withdraw(path, id, agent, day, PARIS, weekly)
            for names in weeks:
                names -= {agent}
        else:
            with pytest.raises(ShiftError, match="not signed up"):
                signups.withdraw(path, id, agent, day, PARIS)
    rota = shifts.read_from(path)
    found = [set(rota.people(rota.shifts[id], NEXT + 7 * n * DAY)) for n in range(8)]
    assert found == wall


def test_it_takes_no_more_than_are_wanted(path: Path) -> None:
    id = plan(path, wanted=1)
    signups.sign_up(path, id, "ana", NEXT, PARIS)
    with pytest.raises(ShiftError, match="full") as found:
        signups.sign_up(path, id, "bob", NEXT, PARIS)
    assert found.value.word == "full"
    full = signups.sign_up(path, id, "bob", NEXT - 7 * DAY, PARIS, weekly=True)
    assert full == [NEXT]
    assert (who(path, id, NEXT), who(path, id, NEXT + 7 * DAY)) == (("ana",), ("bob",))
    with pytest.raises(ShiftError, match="full"):
        signups.sign_up(path, id, "lea", NEXT + 7 * DAY, PARIS, weekly=True)


@pytest.mark.parametrize(
    ("day", "word"),
    [
        (NEXT - 14 * DAY - 7 * DAY, "over"),
        (NEXT + 1 * DAY, "gone"),
        (NEXT + 7 * 60 * DAY, "far"),
    ],
)
def test_it_refuses_dates_that_cannot_be(path: Path, day: date, word: str) -> None:
    id = plan(path)
    with pytest.raises(ShiftError) as found:
        signups.sign_up(path, id, "ana", day, PARIS)
    assert found.value.word == word


def test_it_refuses_who_is_nobody_and_what_is_nothing(path: Path) -> None:
    id = plan(path)
    for act, word in (
        (lambda: signups.sign_up(path, id, "zoe", NEXT, PARIS), "nobody"),
        (lambda: signups.sign_up(path, 99, "ana", NEXT, PARIS), "gone"),
        (lambda: signups.withdraw(path, id, "ana", NEXT, PARIS), "not-signed"),
        (lambda: shifts.remove(path, 99, TODAY), "gone"),
        (lambda: plan(path, wanted=0), "bad"),
        (lambda: plan(path, first=NEXT + DAY, last=NEXT + 2 * DAY), "bad"),
    ):
        with pytest.raises(ShiftError) as found:
            act()
        assert found.value.word == word
    assert shifts.read_from(path).signups == {}


def test_a_date_is_cancelled_and_restored(path: Path) -> None:
    id = plan(path)
    signups.sign_up(path, id, "ana", NEXT, PARIS)
    shifts.cancel(path, id, NEXT)
    shifts.cancel(path, id, NEXT)
    with pytest.raises(ShiftError, match="does not take place"):
        signups.sign_up(path, id, "bob", NEXT, PARIS)
    (one,) = mine(shifts.read_from(path))
    before = one.changed
    assert one.cancelled
    shifts.cancel(path, id, NEXT, off=False)
    (one,) = mine(shifts.read_from(path))
    assert not one.cancelled
    assert one.changed > before
    told = [kind for kind, _, _ in kinds_of(path, "shift.")]
    assert told.count(kinds.SHIFT_CANCELLED) == told.count(kinds.SHIFT_RESTORED) == 1


def mine(rota: Rota) -> list[Occurrence]:
    return list(rota.of("ana", NEXT, NEXT + DAY, PARIS))


def test_giving_back_and_taking_again_is_noticed_by_who_reads_the_calendar(path: Path) -> None:
    id = plan(path)
    changes = []
    signups.sign_up(path, id, "ana", NEXT, PARIS)
    changes.append(mine(shifts.read_from(path))[0])
    signups.withdraw(path, id, "ana", NEXT, PARIS)
    changes.append(mine(shifts.read_from(path))[0])
    signups.sign_up(path, id, "ana", NEXT, PARIS)
    changes.append(mine(shifts.read_from(path))[0])
    assert [one.cancelled for one in changes] == [False, True, False]
    stamps = [one.changed for one in changes]
    assert stamps == sorted(set(stamps))


def test_who_leaves_the_line_leaves_the_shifts(path: Path) -> None:
    id = plan(path)
    signups.sign_up(path, id, "ana", NEXT, PARIS, weekly=True)
    signups.withdraw(path, id, "ana", NEXT, PARIS)
    secret = feeds.renew(path, "ana")
    people.remove_agent(path, "ana")
    rota = shifts.read_from(path)
    assert (rota.signups, rota.skips) == ({}, {})
    connection = schema.reader(path)
    assert feeds.find(connection, secret) is None
    connection.close()


def test_what_is_over_goes_after_half_a_year(path: Path) -> None:
    old, dead = plan(path, wanted=9), plan(path, last=TODAY - 200 * DAY)
    store = schema.reader(path)
    store.close()
    past = TODAY - timedelta(days=300)
    rows = [
        (old, "ana", past.isoformat(), past.isoformat()),
        (old, "bob", past.isoformat(), None),
        (old, "lea", past.isoformat(), (TODAY - 190 * DAY).isoformat()),
        (dead, "lea", past.isoformat(), None),
    ]
    with people.writing(path, kinds.CHANGED, "ana") as connection:
        connection.executemany("INSERT INTO signups VALUES (?, ?, ?, ?, 1)", rows)
        skip = (old, "bob", past.isoformat())
        connection.execute("INSERT INTO signup_skips VALUES (?, ?, ?, 1)", skip)
        connection.execute("INSERT INTO shift_cancelled VALUES (?, ?, 1)", (old, past.isoformat()))
    done = purge.purge(path, now(), PARIS)
    assert {one.clock: one.count for one in done}["shifts"] == 5
    rota = shifts.read_from(path)
    assert list(rota.shifts) == [old]
    ((one,),) = rota.signups.values()
    assert (one.agent, one.last) == ("bob", None)
    assert one.first >= TODAY - 185 * DAY
    assert (rota.off, rota.skips) == ({}, {})
    done = purge.purge(path, now() + 200 * 86400 * MICRO, PARIS)
    assert kinds_of(path, "shift.") == []


def test_a_link_is_secret_and_can_be_renewed(path: Path) -> None:
    first, team = feeds.renew(path, "ana"), feeds.renew(path, None)
    connection = schema.reader(path)
    assert (feeds.find(connection, first), feeds.find(connection, team)) == (
        feeds.Feed("ana"),
        feeds.Feed(None),
    )
    assert first.encode() not in path.read_bytes() + path.with_name("decroche.db-wal").read_bytes()
    second = feeds.renew(path, "ana")
    assert feeds.find(connection, first) is None
    assert feeds.find(connection, second) == feeds.Feed("ana")
    assert feeds.created(connection, "ana") is not None
    feeds.revoke(path, "ana")
    assert (feeds.find(connection, second), feeds.created(connection, "ana")) == (None, None)
    assert feeds.find(connection, team) == feeds.Feed(None)
    connection.close()
    with pytest.raises(people.PeopleError):
        feeds.renew(path, "nobody")
