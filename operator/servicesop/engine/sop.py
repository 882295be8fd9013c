"""One SOP while it is run: its spec, what its checks said, and the copy of it that was read."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from servicesop.api.checks.check import Check
from servicesop.api.dependencies import in_order
from servicesop.api.kinds import ActionKind
from servicesop.api.sop import Spec
from servicesop.api.status import CheckState, Seen, Status, Tri
from servicesop.checks.runner import CheckRunner, Remembers
from servicesop.decide.gates import Allowed
from servicesop.decide.procedures import Section, sections_of
from servicesop.engine.rest import Ground, Rest
from servicesop.judge import debounce
from servicesop.judge.debounce import HELD, Memory, Windows, windows_of
from servicesop.judge.dependencies import held_back
from servicesop.judge.eviction import PodFacts
from servicesop.judge.results import PodRef, Sample
from servicesop.status.conditions import Readiness, ReadyReason

FIRST_ANSWERS = timedelta(seconds=15)
"""How long a restarted operator leaves a status as it is while checks have not answered yet."""

Key = tuple[str, str]
"""Namespace and name."""

_PASSING = frozenset({Allowed.OPERATOR_STARTING, Allowed.COOLDOWN})
"""Refusals that end at a time of their own, while nothing else happens that would be noticed."""


@dataclass(slots=True)
class Watched:
    """One check of one SOP."""

    check: Check
    runner: CheckRunner
    windows: Windows
    memory: Memory
    every: timedelta
    remembers: Remembers | None
    """The runner, where some of its memory outlives the process."""
    seen: tuple[Seen, ...] = ()
    """What the runner wants the status to keep for it."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class Sop:
    """What the process knows of one SOP. Only its own turn in the engine changes `status`."""

    key: Key
    uid: str
    generation: int
    resource_version: str
    first_seen: datetime
    status: Status
    """As last written, or as read."""
    spec: Spec | None = None
    """None where it cannot be run; `readiness` says why."""
    sections: tuple[Section, ...] = ()
    watched: dict[str, Watched] = field(default_factory=dict)
    conditional: tuple[Check, ...] = ()
    """Checks that are suspended or depend on others, each after those that it depends on."""
    readiness: Readiness = field(
        default_factory=lambda: Readiness(Tri.UNKNOWN, ReadyReason.UNKNOWN, "")
    )
    rights: dict[tuple[str, ActionKind], bool | None] = field(default_factory=dict)
    """Whether the runner may do what, by the SOP's name for the target."""
    pods: dict[PodRef, PodFacts] = field(default_factory=dict)
    """What is known of the pods that checks single out."""
    newer: dict[str, Any] | None = None
    """A copy that somebody else wrote; read before the next decision."""
    stale: bool = False
    """Our copy is older than the server's: read it again before the next decision."""
    wanted: bool = False
    """There is something to decide."""
    turn: bool = False
    """Its turn is running: it is never in two places at once."""
    retry: float = 0.0
    """Seconds to wait after a failed turn."""
    timer: asyncio.TimerHandle | None = None
    """Gives it a turn when time alone may have changed something."""
    rest: Rest | None = None
    """Its last decision, where that has changed nothing."""
    gone: bool = False

    @property
    def namespace(self) -> str:
        """The SOP's namespace."""
        return self.key[0]

    @property
    def name(self) -> str:
        """The SOP's name."""
        return self.key[1]

    @property
    def checks(self) -> dict[str, Memory]:
        """What the checks say, by name."""
        return {name: watched.memory for name, watched in self.watched.items()}

    @property
    def seen(self) -> dict[str, tuple[Seen, ...]]:
        """What the status has to keep for the checks, by name."""
        return {name: watched.seen for name, watched in self.watched.items() if watched.seen}

    @property
    def uneasy(self) -> bool:
        """Whether something is going on that time alone may change."""
        if self.spec is not None and self.spec.suspend:
            return not self.status.procedures
        return (
            any(
                procedure.state is not Tri.FALSE or procedure.episode is not None
                for procedure in self.status.procedures
            )
            or bool(self.status.intents or not self.status.procedures)
            or any(
                one.type == "RemediationAllowed" and one.reason in _PASSING
                for one in self.status.conditions
            )
        )

    @property
    def ground(self) -> Ground:
        """What a decision about it rests on, as far as it is the SOP's own."""
        return (
            self.spec,
            self.generation,
            self.status,
            self.readiness,
            tuple(self.rights.items()),
            self.pods,
            tuple((one.memory.gist, one.seen) for one in self.watched.values()),
        )

    def fit(self, spec: Spec, build: Callable[[Check], CheckRunner], now: datetime) -> None:
        """Take over a new spec; checks that did not change keep what they know.

        Raise LookupError where a name is not in the spec.
        """
        before, old = self.spec, self.watched
        # After a pause everything is found out afresh, and while it lasts nothing is known.
        paused = spec.suspend or (before is not None and before.suspend)
        # A check keeps what it knows only on the same ground: the same names may now mean others.
        ground = before is not None and (before.targets, before.connections) == (
            spec.targets,
            spec.connections,
        )
        self.spec = spec
        self.sections = sections_of(spec)
        self.conditional = tuple(
            check for check in in_order(spec.checks) if check.suspend or check.depends_on
        )
        self.watched = {}
        for check in spec.checks:
            every = check.every or spec.every
            kept = old.get(check.name)
            same = kept is not None and kept.check == check and kept.every == every
            if kept is not None and same and ground and not paused:
                self.watched[check.name] = kept
            else:
                runner, windows = build(check), windows_of(check, every)
                remembers = runner if isinstance(runner, Remembers) else None
                self.watched[check.name] = Watched(
                    check, runner, windows, debounce.begin(now), every, remembers
                )
        self.hold_back(now)

    def resume(self, now: datetime) -> None:
        """Go on with what an earlier process has written about this very spec."""
        if self.status.observed_generation != self.generation:
            return
        for written in self.status.checks:
            watched = self.watched.get(written.name)
            if watched is None:
                continue
            watched.memory = debounce.resume(written)
            if watched.remembers is not None:
                watched.remembers.recall(written.seen)
                watched.seen = watched.remembers.seen
        self.hold_back(now)

    def hold_back(self, now: datetime) -> tuple[str, ...]:
        """Skip checks that have to wait for others; give those that need not wait any longer."""
        if not self.conditional:
            return ()
        freed = []
        for name, memory in held_back(self.conditional, self.checks, now).items():
            # Another object: the answer to a question that was asked before does not count.
            self.watched[name] = replace(self.watched[name], memory=memory)
            if memory.state not in HELD:
                freed.append(name)
        return tuple(freed)

    def unanswered(self, now: datetime) -> bool:
        """Whether to wait for first answers before saying anything new about a known SOP."""
        known = self.status.observed_generation == self.generation
        return (
            known
            and now - self.first_seen < FIRST_ANSWERS
            and any(watched.memory.state is CheckState.NOT_RUN for watched in self.watched.values())
        )

    def take(self, name: str, sample: Sample, now: datetime) -> bool:
        """Take a sample into account; say whether what people see has changed."""
        watched = self.watched[name]
        before = watched.memory
        after = watched.memory = debounce.step(before, sample, now, watched.windows)
        known = watched.seen
        if watched.remembers is not None:
            watched.seen = watched.remembers.seen
        return (
            before.state is not after.state
            or known != watched.seen
            or before.pending != after.pending
            or before.confirmed != after.confirmed
            or (after.state is not CheckState.PASSED and _said(before) != _said(after))
        )

    def expire(self, now: datetime) -> bool:
        """Mark checks that did not run when they were due: what they said is too old.

        Say whether there were any.
        """
        if self.spec is None or self.spec.suspend:
            return False
        found = False
        for watched in self.watched.values():
            memory = watched.memory
            limit = 2 * watched.every + watched.check.timeout + timedelta(seconds=1)
            # A check that a new spec has brought is due from then on.
            last = memory.sampled or max(memory.since, self.first_seen)
            if now - last > limit and memory.state not in (CheckState.ERROR, *HELD):
                watched.memory = debounce.overdue(memory, now)
                found = True
        if found:
            self.hold_back(now)
        return found


def _said(memory: Memory) -> tuple[object, str] | None:
    return (memory.last.reason, memory.last.message) if memory.last else None
