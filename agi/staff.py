"""All who may answer: what their phones do, what they have taken today, when they rest.

The hunt (agi/hunt.py) tells what happened and asks the core afterwards. Instants by its clock.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from ..hotline import Agents, Queue
from ..records.abilities import Ability
from ..records.dialplan import phone_of
from ..records.events import MICRO
from ..records.views import Taken
from .parties import NONE, Agent, Limits, Offer
from .switchboard import may_be_spared

# Seconds that a phone is left alone after a ring that led to nothing, by DIALSTATUS.
MISSED_REST = {"NOANSWER": 5, "BUSY": 15, "CHANUNAVAIL": 30, "CONGESTION": 30}
NO_TALK = "NOTALK"  # an agent picked up for a call-back, and the caller did not
MISSED = "missed"  # who pauses an agent whose phone rings in vain
BUSY_DEVICE = frozenset({"INUSE", "BUSY", "RINGING", "RINGINUSE", "ONHOLD"})
GONE_DEVICE = frozenset({"UNAVAILABLE", "INVALID"})
TALKS = frozenset({"INUSE", "ONHOLD"})
MINUTE = 60 * MICRO


@dataclass
class Told:
    """Who is told what happens by itself."""

    rested: Callable[[str, int], None] = lambda agent, until: None  # by the hunt's clock
    capped: Callable[[str, str], None] = lambda agent, why: None  # empty: not any more
    paused: Callable[[str], None] = lambda agent: None  # rang in vain too often
    talked: Callable[[str, str], None] = lambda caller, agent: None  # token of the caller


class Staff:
    """The agents by name. ``rules``: what is asked of everybody."""

    def __init__(self, clock: Callable[[], int], rules: Agents) -> None:
        self.agents: dict[str, Agent] = {}
        self.rules = rules
        self.told = Told()
        self.capped: set[str] = set()  # of whom that was told
        self.missed: set[str] = set()  # who are paused for rings that nobody answered
        self._clock = clock
        self._abilities: Mapping[str, Ability] = {}
        self._devices: dict[str, str] = {}  # by phone
        self.outside: Collection[str] = ()  # who is called on a phone of their own
        self._spent: Counter[str] = Counter()  # how often they were today, of so many at most
        self._most = 0
        self._day = self._began = 0  # when the local day began, UTC and by our clock

    def bring(self, abilities: Mapping[str, Ability]) -> None:
        """These are on the line now; others are forgotten."""
        self._abilities = abilities
        for name, ability in abilities.items():
            agent = self.agents.setdefault(name, Agent(name))
            agent.positions = {queue: place.position for queue, place in ability.places.items()}
            tiers = {queue: place.tier for queue, place in ability.places.items()}
            agent.tiers = {queue: tier for queue, tier in tiers.items() if tier}
            agent.skills, agent.wants_again = ability.skills, ability.same_helper
            agent.limits = limits_of(ability, self.rules)
            self._apply_device(agent)
        for name in self.agents.keys() - abilities.keys():
            del self.agents[name]

    def follow(self, rules: Agents) -> None:
        """Other limits may hold."""
        self.rules = rules
        for agent in self.agents.values():
            agent.limits = limits_of(self._abilities.get(agent.name, Ability()), rules)
            self._tell_limit(agent)

    def declare(self, name: str, available: bool, idle_since: int, by: str) -> None:
        """An agent said that they are available, or not; or they were paused."""
        agent = self.agents.get(name)
        if agent is None:
            return
        if by == MISSED and not available:
            self.missed.add(name)
        else:
            self.missed.discard(name)
        if available == agent.available:
            return
        if available:
            agent.rest_until = agent.missed = 0
            agent.idle_since = idle_since
        agent.available = available

    def shows_up(self, name: str) -> None:
        """An agent has just said that they are available: rings in vain count anew."""
        if agent := self.agents.get(name):
            agent.missed = 0

    def recount(self, taken: Mapping[str, Taken], day: int, began: int) -> None:
        """What each has taken since the local ``day`` began, by the record.

        :param day: its midnight, microseconds UTC. :param began: the same by our clock.

        Within a day the record may lag behind what we have seen: the higher one counts, once the
        present call is over.
        """
        fresh = day != self._day
        if fresh and self._day:
            self.capped.clear()
        self._day, self._began = day, began
        for agent in self.agents.values():
            found = taken.get(agent.name, Taken())
            if fresh:
                agent.calls, agent.talk = found.calls, found.talk
            elif not agent.offer:
                agent.calls, agent.talk = max(agent.calls, found.calls), max(agent.talk, found.talk)
            self._tell_limit(agent)

    def device(self, agent: Agent, state: str) -> None:
        """Asterisk's device state of an agent's phone."""
        self._devices[self.phone(agent.name)] = state
        self._apply_device(agent)
        if state in TALKS and agent.name not in self.outside:
            self.talks(agent.name, agent.offer)

    def call_outside(self, names: Collection[str], spent: Mapping[str, int], most: int) -> None:
        """Who is called on a phone of their own; each at most so often a day, ``spent`` of it."""
        self.outside, self._spent, self._most = names, Counter(spent), most
        for agent in self.agents.values():
            self._apply_device(agent)

    def phone(self, name: str) -> str:
        """On which phone an agent is rung (records/dialplan.py)."""
        return phone_of(name, name in self.outside)

    def talks(self, name: str, call: str) -> None:
        """An agent talks to a caller: by the state of their phone, or by the journal."""
        agent = self.agents.get(name)
        if agent is not None and call and agent.offer == call and not agent.talked:
            agent.talked, agent.talk_since = True, self._clock()

    def expect(self, name: str, state: str) -> None:
        """The state of a phone whose agent is not known yet."""
        self._devices[name] = state

    def phones(self, states: Mapping[str, str]) -> None:
        """All phones' states anew; a phone that Asterisk does not name is taken for free."""
        self._devices = dict(states)
        for agent in self.agents.values():
            self._apply_device(agent)

    def rings(self, offer: Offer) -> None:
        now = self._clock()
        for agent in (self.agents[name] for name in offer.agents):
            agent.offer, agent.offered = offer.call, now
            self._spent[agent.name] += agent.name in self.outside
            agent.talked, agent.talk_since = False, 0

    def has_talked(self, agent: Agent, back: bool, wrap_up: int, alone: bool = False) -> None:
        """A talk is over. One that began before midnight counts for the day before.

        :param alone: nobody was at the other end: that counts for no day.
        """
        now = self._clock()
        began = now if alone else agent.talk_since or now
        if began >= self._began and not alone:
            agent.calls += 1
            agent.talk += now - began
        agent.idle_since, agent.was_back, agent.missed = now, back, 0
        self._rest(agent, now, rest_after(agent.limits, now - began, wrap_up))
        self._tell_limit(agent)

    def has_missed(self, agents: Iterable[Agent], status: str, queues: Mapping[str, Queue]) -> None:
        """A ring led to nothing; ``status`` is DIALSTATUS. Only one that nobody answered counts
        for a pause: a phone that is busy, or gone, says nothing of its owner.
        """
        now = self._clock()
        for agent in agents:
            self._rest(agent, now, MISSED_REST[status] * MICRO)
            if status == "NOANSWER":
                agent.missed += 1
                self._pause(agent, queues)

    def notices(self, name: str) -> list[str]:
        """The prompts of what an agent who declares to be available should know."""
        agent = self.agents.get(name)
        found = ["missed-pause"] if name in self.missed else []
        return found + (["quota"] if agent is not None and agent.capped else [])

    def _pause(self, agent: Agent, queues: Mapping[str, Queue]) -> None:
        most = self.rules.pause_after_missed
        if not most or agent.missed < most or not agent.available:
            return
        if may_be_spared(agent, self.agents.values(), queues):
            agent.available = False
            self.missed.add(agent.name)
            self.told.paused(agent.name)

    def _rest(self, agent: Agent, now: int, length: int) -> None:
        if length:
            agent.rest_until = now + length
            self.told.rested(agent.name, agent.rest_until)

    def _tell_limit(self, agent: Agent) -> None:
        why = agent.capped
        if bool(why) != (agent.name in self.capped):
            (self.capped.add if why else self.capped.discard)(agent.name)
            self.told.capped(agent.name, why)

    def _apply_device(self, agent: Agent) -> None:
        state = self._devices.get(self.phone(agent.name), "NOT_INUSE")
        agent.device_busy = state in BUSY_DEVICE
        spent = agent.name in self.outside and self._spent[agent.name] >= self._most
        agent.reachable = state not in GONE_DEVICE and not spent


def limits_of(ability: Ability, rules: Agents) -> Limits:
    """An agent's own limits, else everybody's."""

    def own(limit: int | None, common: int) -> int:
        return common if limit is None else limit

    found = Limits(
        calls=own(ability.calls_a_day, rules.calls_a_day),
        talk=own(ability.minutes_a_day, rules.minutes_a_day) * MINUTE,
        long_call=own(ability.long_call, rules.long_call) * MINUTE,
        rest=own(ability.rest_after_long, rules.rest_after_long) * MINUTE,
    )
    return NONE if not (found.calls or found.talk or found.rest) else found


def rest_after(limits: Limits, talk: int, wrap_up: int) -> int:
    """How long an agent is left alone after a talk. ``wrap_up``: seconds, of the queue."""
    long = bool(limits.rest) and talk >= limits.long_call
    return max(limits.rest if long else 0, wrap_up * MICRO)
