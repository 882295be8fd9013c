"""The check `resource`: objects of a kind have a condition, or a phase."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from servicesop.api.checks.check import Check
from servicesop.api.checks.resource import Absence, ObjectCondition, Resource
from servicesop.api.reasons import UnknownReason
from servicesop.checks.runner import CheckRunner, Surroundings
from servicesop.judge.results import Sample, Verdict, failed, inconclusive, passed
from servicesop.sources.kubernetes.client import Json

# A controller may write anything there; only a plain word is shown.
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")

_ENDS: Final = {"Complete": "Failed", "Failed": "Complete"}
"""How a Job ends: with one of these conditions, and never with the other."""


class ResourceCheck:
    """Reads the objects anew in each run. Keeps nothing in between."""

    reacts_to = None

    def __init__(self, spec: Resource, surroundings: Surroundings) -> None:
        self._spec = spec
        self._objects = surroundings.objects
        self.turn = surroundings.objects.turns

    async def run(self, now: datetime) -> Sample:
        """Read and judge. Raise SourceError when the objects cannot be read."""
        spec = self._spec
        if spec.selector is not None:
            return judge_resource(
                spec,
                await self._objects.find(spec.api_version, spec.kind, spec.selector.match_labels),
            )
        assert spec.name is not None
        found = await self._objects.get(spec.api_version, spec.kind, spec.name)
        return judge_resource(spec, () if found is None else (found,))


def resource_check(check: Check, surroundings: Surroundings) -> CheckRunner:
    """Build the runner of a `resource` check."""
    assert check.resource is not None
    return ResourceCheck(check.resource, surroundings)


def judge_resource(spec: Resource, objects: Sequence[Json]) -> Sample:
    """Judge what there is: one object that does not meet it is enough, whatever the others say.

    An object that is being deleted counts as gone: nobody keeps its status true any more. What a
    controller said of an earlier generation than the present one says nothing of this one.
    """
    live = [item for item in objects if "deletionTimestamp" not in item["metadata"]]
    if not live:
        return _none(spec, going=len(objects))
    answers = sorted((_judge(spec, item) for item in live), key=lambda answer: answer.name)
    unmet = [answer for answer in answers if answer.verdict is Verdict.FAILED]
    if unmet:
        return failed(
            {"ConditionNotMet"},
            f"{_which(spec)}: {_unmet(spec)}",
            tuple(f"{answer.name}: {answer.says}" for answer in unmet),
        )
    unsure = next((answer for answer in answers if answer.reason is not None), None)
    if unsure is not None:
        assert unsure.reason is not None
        return inconclusive(unsure.reason, f"{spec.kind} {unsure.name}: {unsure.says}")
    return passed()


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one object says."""

    name: str
    verdict: Verdict
    says: str = ""
    reason: UnknownReason | None = None


def _none(spec: Resource, *, going: int) -> Sample:
    if spec.name is not None:
        state = "is being deleted" if going else "does not exist"
        return failed({"Missing"}, f"{spec.kind} {spec.name} {state}")
    text = f"there is no {spec.kind} that the selector matches"
    if spec.on_none is Absence.PASSED:
        return passed(text)
    if spec.on_none is Absence.FAILED:
        return failed({"Missing"}, text)
    return inconclusive(UnknownReason.NO_OBJECTS, text)


def _judge(spec: Resource, item: Json) -> _Answer:
    status = item.get("status")
    status = status if isinstance(status, dict) else {}
    name, generation = str(item["metadata"]["name"]), item["metadata"].get("generation")
    if spec.condition is None:
        if _older(status, generation):
            return _not_observed(name)
        return _of_phase(spec, name, status.get("phase"))
    conditions = status.get("conditions")
    found = {
        str(entry.get("type")): entry
        for entry in (conditions if isinstance(conditions, list) else ())
        if isinstance(entry, dict)
    }
    entry = found.get(spec.condition.type)
    if entry is None and (spec.api_version, spec.kind) == ("batch/v1", "Job"):
        other = found.get(_ENDS.get(spec.condition.type, ""), {})
        if other.get("status") == "True":
            entry = {"status": "False", "reason": other.get("type")}
    # The condition's own generation is the more exact one; few controllers give it.
    observed = status if entry is None or "observedGeneration" not in entry else entry
    if _older(observed, generation):
        return _not_observed(name)
    return _of_condition(spec.condition, name, entry)


def _of_condition(wanted: ObjectCondition, name: str, entry: Json | None) -> _Answer:
    if entry is None:
        says = f"has no condition {wanted.type}"
        return {
            Absence.PASSED: _Answer(name, Verdict.PASSED),
            Absence.FAILED: _Answer(name, Verdict.FAILED, says),
            Absence.INCONCLUSIVE: _unreported(name, says),
        }[wanted.on_absent]
    is_now = entry.get("status")
    if is_now not in ("True", "False"):
        return _unreported(name, f"{wanted.type} is Unknown")
    if is_now == wanted.status:
        return _Answer(name, Verdict.PASSED)
    reason = _word(entry.get("reason"))
    because = f" ({reason})" if reason else ""
    return _Answer(name, Verdict.FAILED, f"{wanted.type} is {is_now}{because}")


def _of_phase(spec: Resource, name: str, phase: Any) -> _Answer:
    if phase == spec.phase:
        return _Answer(name, Verdict.PASSED)
    if not isinstance(phase, str) or phase in ("", "Unknown"):
        return _unreported(name, "its phase is absent or Unknown")
    return _Answer(name, Verdict.FAILED, f"phase is {_word(phase) or f'not {spec.phase}'}")


def _older(said: Json, generation: Any) -> bool:
    observed = said.get("observedGeneration")
    return type(observed) is int and type(generation) is int and observed < generation


def _not_observed(name: str) -> _Answer:
    says = "its controller has not yet acted upon the latest change"
    return _Answer(name, Verdict.INCONCLUSIVE, says, UnknownReason.NOT_OBSERVED)


def _unreported(name: str, says: str) -> _Answer:
    return _Answer(name, Verdict.INCONCLUSIVE, says, UnknownReason.NOT_REPORTED)


def _word(text: Any) -> str:
    return text if isinstance(text, str) and _WORD.fullmatch(text) else ""


def _which(spec: Resource) -> str:
    return f"{spec.kind} {spec.name}" if spec.name else f"a {spec.kind} of the selector"


def _unmet(spec: Resource) -> str:
    if spec.condition is None:
        return f"the phase is not {spec.phase}"
    return f"the condition {spec.condition.type} is not {spec.condition.status}"
