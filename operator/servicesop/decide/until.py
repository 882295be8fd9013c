"""Until when a decision stands: the times at which time alone may change it.

A decision looks at the time only to see whether something lasts long enough. While nothing else
changes, and while what was decided has changed nothing, the next decision is the same up to the
first of these times.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from servicesop.api.status import Episode, Status
from servicesop.decide.course import REFUSED_FOR
from servicesop.decide.procedures import Section
from servicesop.decide.snapshot import Snapshot, target_of


def stands_until(
    snapshot: Snapshot, sections: tuple[Section, ...], status: Status, now: datetime
) -> datetime | None:
    """Give the first time after `now` at which another decision may follow; None: never.

    Only where no action is under way: its progress has times of its own.
    """
    return min((one for one in _times(snapshot, sections, status) if one > now), default=None)


def _times(snapshot: Snapshot, sections: tuple[Section, ...], status: Status) -> Iterator[datetime]:
    spec = snapshot.spec
    by_name = {section.name: section for section in sections}
    for one in status.procedures:
        if one.blind_since is not None:
            yield one.blind_since + spec.blind_for
        if one.episode is not None and one.name in by_name:
            yield from _of_episode(snapshot, by_name[one.name], one.episode)
    for section in sections:
        for row in section.rows:
            if row.remediate is None:
                continue
            limits = row.remediate.attempts.per, row.remediate.at_most.per, row.remediate.cooldown
            for entry in snapshot.targets[target_of(spec, row.remediate)].entries:
                yield from (entry.time + limit for limit in limits)
    for target in snapshot.targets.values():
        yield from target.ends


def _of_episode(snapshot: Snapshot, section: Section, episode: Episode) -> Iterator[datetime]:
    spec = snapshot.spec
    waits: tuple[tuple[datetime | None, timedelta], ...] = (
        (episode.calm_since, spec.reopen_within),
        (episode.unsure_since, spec.unsure_for),
        (episode.candidate_since, spec.every),
        (episode.refused_since, REFUSED_FOR),
    )
    yield from (since + length for since, length in waits if since is not None)
    holds = {row.name: row.hold.at_most for row in section.rows if row.hold is not None}
    yield from (held.since + holds[held.row] for held in episode.held if held.row in holds)
