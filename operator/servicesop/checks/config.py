"""The check `config`: what a container is given, or what an object holds, is as it should be."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

from servicesop.api.checks.check import Check
from servicesop.api.checks.config import Config, DataKind, Value
from servicesop.api.reasons import UnknownReason
from servicesop.checks.config_arguments import argument
from servicesop.checks.config_environment import Environment
from servicesop.checks.config_judgement import Answer, judge_value, judge_values
from servicesop.checks.config_objects import DataRef, Known, Needed
from servicesop.checks.config_text import Absent, Outcome, Unseen, newest
from servicesop.checks.runner import CheckRunner, Surroundings
from servicesop.checks.targets import no_such_workload, target_workload
from servicesop.judge.results import Sample, Verdict, inconclusive, passed
from servicesop.judge.rollout import PodView, WorkloadView, replacing
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import Json

MAX_OBJECTS: Final = 16
"""ConfigMaps and Secrets read in one run."""
MAX_SPEC: Final = 128 * 1024
"""Characters of a container's own variables and arguments."""


class ConfigCheck:
    """Reads the objects anew in each run. Keeps nothing in between."""

    reacts_to = None

    def __init__(self, spec: Config, surroundings: Surroundings) -> None:
        self._spec = spec
        self._surroundings = surroundings
        self.turn = surroundings.objects.turns

    async def run(self, now: datetime) -> Sample:
        """Read and judge. Raise SourceError when something that decides cannot be read."""
        if self._spec.object is not None:
            ref = DataRef(self._spec.object.kind, self._spec.object.name)
            answers = await self._answers(partial(_of_object, ref))
            return judge_values(str(ref), answers)
        workload = target_workload(self._surroundings, self._spec.target)
        found = await self._surroundings.objects.get("apps/v1", workload.kind, workload.name)
        if found is None:
            raise no_such_workload(workload.kind, workload.name)
        container = container_of(found, self._spec.container, workload.label)
        answers = await self._answers(partial(_of_container, found, container))
        sample = judge_values(f"{workload.label}, container {container['name']}", answers)
        if sample.verdict is not Verdict.PASSED:
            return sample
        pods = self._surroundings.workloads.pods(workload)
        generation = found["metadata"].get("generation", 0)
        set_last = newest(answer.changed for answer in answers)
        return judge_running(workload, generation, pods, container["name"], set_last)

    async def _answers(self, source: "partial[Outcome]") -> list[Answer]:
        """Judge each value.

        One that is wrong decides, whatever could not be read for the others; otherwise raise the
        first SourceError.
        """
        known, answers, unable = Known(), [], []
        for value in self._spec.values:
            try:
                answers.append(await self._answer(value, source, known))
            except SourceError as failure:
                unable.append(failure)
        if unable and not any(answer.verdict is Verdict.FAILED for answer in answers):
            raise unable[0]
        return answers

    async def _answer(self, value: Value, source: "partial[Outcome]", known: Known) -> Answer:
        while True:
            try:
                return judge_value(value, source(value, known))
            except Needed as needed:
                await self._read(needed.ref, known)

    async def _read(self, ref: DataRef, known: Known) -> None:
        if len(known) == MAX_OBJECTS:
            raise SourceError(
                UnknownReason.TOO_MANY_OBJECTS,
                f"the values come from more than {MAX_OBJECTS} objects; ask for fewer in one check",
            )
        try:
            if ref.kind is DataKind.SECRET:
                found = await self._surroundings.secrets.get_secret(ref.name)
            else:
                found = await self._surroundings.objects.get("v1", ref.kind, ref.name)
        except SourceError as failure:
            known.refuse(ref, failure)
        else:
            known.put(ref, found)


def config_check(check: Check, surroundings: Surroundings) -> CheckRunner:
    """Build the runner of a `config` check."""
    assert check.config is not None
    return ConfigCheck(check.config, surroundings)


def container_of(workload: Json, name: str | None, which: str) -> Json:
    """Give a container of the pod template. Raise SourceError where it is not clear which."""
    pod = workload["spec"]["template"]["spec"]
    containers: list[Json] = pod["containers"]
    if name is not None:
        containers = [
            container
            for container in [*containers, *(pod.get("initContainers") or ())]
            if container["name"] == name
        ]
        if not containers:
            raise SourceError(
                UnknownReason.CONTAINER_NOT_FOUND,
                f"the pods of {which} have no container {name}; correct the check's `container`",
            )
    if len(containers) > 1:
        raise SourceError(
            UnknownReason.CONTAINER_NOT_FOUND,
            f"the pods of {which} have several containers; say which with `container`",
        )
    return containers[0]


def judge_running(
    workload: WorkloadView,
    generation: int,
    pods: Sequence[PodView],
    container: str,
    set_last: datetime | None,
) -> Sample:
    """Judge whether what is configured as it should be is also what the containers run with.

    A container has its variables and arguments from its start: later changes of the pod template
    reach it with a new pod, those of a ConfigMap or Secret with its next start.
    """
    if max(generation, workload.generation) > workload.observed_generation:
        return inconclusive(
            UnknownReason.NOT_OBSERVED, f"the {workload.kind}'s latest change is not yet acted upon"
        )
    live = [pod for pod in pods if pod.counts]
    if replacing(workload, live):
        return inconclusive(
            UnknownReason.ROLLING_OUT,
            "the configuration is as it should be; pods that may have another are being replaced",
        )
    if _some_are_older(workload, live):
        return inconclusive(
            UnknownReason.STARTED_EARLIER,
            "the configuration is as it should be; pods of an older template run on, and nothing"
            " replaces them by itself",
        )
    older = sorted(pod.name for pod in live if _started_before(pod, container, set_last))
    if older:
        return inconclusive(
            UnknownReason.STARTED_EARLIER,
            "the configuration is as it should be; a ConfigMap or Secret that it comes from was"
            " changed after containers had been started, which may have the values from before",
            tuple(f"{name}: {container} was started before" for name in older),
        )
    return passed()


def _some_are_older(workload: WorkloadView, live: Sequence[PodView]) -> bool:
    if workload.update_revision:
        return any(pod.template != workload.update_revision for pod in live)
    return workload.current > workload.updated or len({pod.template for pod in live}) > 1


def _started_before(pod: PodView, container: str, moment: datetime | None) -> bool:
    return moment is not None and any(
        one.started is not None and one.started < moment
        for one in pod.containers
        # The next start of one that waits brings the new values.
        if one.name == container and not one.waiting
    )


def _of_object(ref: DataRef, value: Value, known: Known) -> Outcome:
    data = known[ref]
    if data is None:
        return Absent(f"{ref} does not exist")
    assert value.key is not None
    found = data.texts.get(value.key) or data.binary.get(value.key)
    return found or Absent("the object has no such key")


def _of_container(workload: Json, container: Json, value: Value, known: Known) -> Outcome:
    if _characters(container) > MAX_SPEC:
        return Unseen("the container has more variables and arguments than are looked at")
    pod = workload["spec"]["template"]["spec"]
    environment = Environment(
        container,
        known,
        service_links=pod.get("enableServiceLinks", True),
        comparing=value.compares,
    )
    if value.env is not None:
        return environment.look(value.env) or Absent("the container has no such variable")
    assert value.argument is not None
    line = [*(container.get("command") or ()), *(container.get("args") or ())]
    return argument(value.argument, line, environment.look)


def _characters(container: Json) -> int:
    return sum(len(entry.get("value") or "") for entry in container.get("env") or ()) + sum(
        len(text) for field in ("command", "args") for text in container.get(field) or ()
    )
