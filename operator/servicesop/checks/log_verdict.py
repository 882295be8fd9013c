"""What the counts of a `logs` check say. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from servicesop.api.checks.logs import LogClass, Logs, Per
from servicesop.api.durations import format_duration
from servicesop.api.reasons import UnknownReason
from servicesop.judge.results import PodRef, Sample, failed, inconclusive, passed

_GONE = "pods that are gone"


@dataclass(frozen=True, slots=True)
class PodCounts:
    """What one pod logged in the window."""

    name: str
    kinds: Counter[str]
    """Matches by class."""
    born: int
    """Since when it is known to run (nanoseconds)."""
    oldest: int | None = None
    """When its oldest match was logged, or one that has left the window; None without one."""
    uid: str = ""
    """Empty for what is no single pod."""

    @property
    def total(self) -> int:
        """All its matches."""
        return self.kinds.total()


@dataclass(frozen=True, slots=True)
class LogState:
    """What is known of the window."""

    start: int
    """Where the window begins (nanoseconds)."""
    pods: Sequence[PodCounts]
    """The pods that have a log."""
    gone: Counter[str] = field(default_factory=Counter)
    """What pods logged that are gone by now."""
    running_from: int | None = None
    """Since when there has always been a pod with a log; None where there is none."""
    covered: bool = True
    """No line of the window can have been missed."""

    @property
    def kinds(self) -> Counter[str]:
        """All matches, by class."""
        return sum((pod.kinds for pod in self.pods), self.gone.copy())


def judge_logs(spec: Logs, state: LogState) -> Sample:
    """Judge counts that are lower bounds where the window is not covered.

    Too many is then certain, and so is enough; too few is not, nor is few enough.
    """
    if spec.max is not None and (bad := _too_many(spec.max, spec.per, state)):
        return _failed_by_max(spec, state, bad)
    if not state.pods:
        return inconclusive(UnknownReason.NO_PODS, "no pod of the target has a log to read")
    few, young = _too_few(spec.min, spec.per, state) if spec.min is not None else ([], False)
    window = format_duration(spec.within)
    if not state.covered and (spec.max is not None or few or young):
        return inconclusive(
            UnknownReason.NOT_COVERED,
            f"the logs that can be read do not reach back over the whole window of {window} yet",
        )
    if few:
        return failed(
            {"TooFew"},
            f"fewer than {spec.min} {_what(spec)} match the pattern within {window}",
            _evidence(spec, state),
        )
    if young:
        return inconclusive(
            UnknownReason.NOT_COVERED,
            f"the pods have not run for the whole window of {window} yet",
        )
    return passed()


def _too_many(limit: int, per: Per, state: LogState) -> list[PodCounts]:
    """Give the pods to which it is due that there are too many; pods that are gone have no name."""
    if per is Per.POD:
        return [pod for pod in state.pods if pod.total > limit]
    if state.kinds.total() <= limit:
        return []
    nobody = PodCounts(_GONE, state.gone, 0)
    return [pod for pod in (*state.pods, nobody) if pod.total]


def _too_few(limit: int, per: Per, state: LogState) -> tuple[list[str], bool]:
    """Give who certainly has too few, and whether somebody may who has not run for long enough."""
    if per is Per.POD:
        short = [pod for pod in state.pods if pod.total < limit]
        return (
            [pod.name for pod in short if pod.born <= state.start],
            any(pod.born > state.start for pod in short),
        )
    if state.kinds.total() >= limit:
        return [], False
    if state.running_from is not None and state.running_from <= state.start:
        return ["all"], False
    return [], True


def _failed_by_max(spec: Logs, state: LogState, bad: list[PodCounts]) -> Sample:
    found = [one.name for one in spec.classes if _is_found(one, state.kinds)]
    single = state.covered and _is_single(bad, state)
    message = f"more than {spec.max} {_what(spec)} match the pattern"
    message += f" within {format_duration(spec.within)}"
    if found:
        message += f": {', '.join(found)}"
    if single:
        message += "; only one pod logs them"
    findings = {"TooMany", *found} | ({"SinglePod"} if single else set())
    pod = PodRef(bad[0].name, bad[0].uid) if single else None
    # Alone it stays; what is not read yet, and pods that are younger, will tell later.
    unclear = len(bad) == 1 and not single and len(state.pods) > 1 and bad[0].oldest is not None
    return failed(findings, message, _evidence(spec, state), pod, pod_unclear=unclear)


def _is_found(one: LogClass, kinds: Counter[str]) -> bool:
    count = kinds[one.name]
    return count > 0 and (
        one.min_share is None or Decimal(count) >= one.min_share * Decimal(kinds.total())
    )


def _is_single(bad: list[PodCounts], state: LogState) -> bool:
    """Tell whether it is about one pod: another one ran just as long and did not log it."""
    if len(bad) != 1:
        return False
    (one,) = bad
    since = one.oldest
    return since is not None and any(
        pod is not one and pod.born <= max(since, state.start) for pod in state.pods
    )


def _what(spec: Logs) -> str:
    noun = "lines" if spec.join is None else "messages"
    return noun if spec.per is Per.TARGET else f"{noun} of one pod"


def _evidence(spec: Logs, state: LogState) -> tuple[str, ...]:
    pods = Counter({pod.name: pod.total for pod in state.pods})
    if state.gone.total():
        pods[_GONE] = state.gone.total()
    lines = [
        f"{pod}: {count}" for pod, count in sorted(pods.items(), key=lambda one: (-one[1], one[0]))
    ]
    kinds = state.kinds
    if spec.classes and kinds.total():
        shown = [f"{one.name} {kinds[one.name]}" for one in spec.classes if kinds[one.name]]
        lines.insert(0, f"of {kinds.total()}: {', '.join(shown) or 'no class matches'}")
    return tuple(lines)
