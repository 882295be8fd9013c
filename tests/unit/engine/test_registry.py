"""What is looked up across all SOPs."""

from dataclasses import dataclass
from datetime import datetime

from servicesop.api.checks.check import Check
from servicesop.api.kinds import WorkloadKind
from servicesop.api.sop import Spec, TargetRef
from servicesop.api.status import HistoryItem, Outcome, Phase, Status
from servicesop.checks.runner import NO_TURN, CheckRunner
from servicesop.engine.registry import Registry
from servicesop.engine.sop import Sop
from servicesop.judge.results import Sample
from unit.decide.scenes import NOW, intent_of, spec_of

REF = TargetRef(kind=WorkloadKind.DEPLOYMENT, name="fleet-manager")
PLACE = ("ns", REF.kind, REF.name)


@dataclass
class Reacting:
    reacts_to: TargetRef | None
    turn = NO_TURN

    async def run(self, now: datetime) -> Sample:
        raise AssertionError(now)


def sop_of(name: str, spec: Spec, reacting: str | None = None) -> Sop:
    def build(check: Check) -> CheckRunner:
        return Reacting(REF if check.name == reacting else None)

    sop = Sop(
        key=("ns", name),
        uid=f"uid-{name}",
        generation=1,
        resource_version="1",
        first_seen=NOW,
        status=Status(),
    )
    sop.fit(spec, build, NOW)
    return sop


def test_a_deployment_leads_to_the_checks_that_react_to_it_and_the_sops_that_may_act_on_it() -> (
    None
):
    registry = Registry()
    check = spec_of().checks[0].name
    sop = sop_of("one", spec_of(), reacting=check)
    registry.add(sop)
    registry.link(sop)
    ref = spec_of().targets[0].ref
    place = ("ns", ref.kind, ref.name)
    assert registry.reacting(PLACE) == ((("ns", "one"), check),)
    assert registry.changing(place) == (sop,)
    assert registry.reacting(("other", REF.kind, REF.name)) == ()

    registry.unlink(sop)
    assert registry.reacting(PLACE) == ()
    assert registry.changing(place) == ()


def test_a_deployment_that_two_sops_name_counts_once() -> None:
    registry = Registry()
    sops = [sop_of("one", spec_of()), sop_of("two", spec_of())]
    for sop in sops:
        registry.add(sop)
        registry.link(sop)
    targets = {target.ref.name for target in spec_of().targets}
    assert registry.count_targets() == len(targets)
    registry.unlink(sops[0])
    assert registry.count_targets() == len(targets)
    registry.unlink(sops[1])
    assert registry.count_targets() == 0


def test_an_sop_answers_for_its_open_actions_and_for_those_of_its_history() -> None:
    registry = Registry()
    sop = sop_of("one", spec_of())
    registry.add(sop)
    assert registry.open_ids() == set()

    intent = intent_of(Phase.ISSUED)
    item = HistoryItem(
        time=NOW,
        id="over",
        action="restart",
        workload="api",
        procedure="Down",
        outcome=Outcome.HELPED,
    )
    sop.status = Status(intents=(intent,), history=(item,))
    registry.note(sop)
    assert registry.open_ids() == {intent.id, "over"}

    sop.status = Status()
    registry.note(sop)
    assert registry.open_ids() == set()
    sop.status = Status(intents=(intent,))
    registry.note(sop)
    registry.remove(sop.key)
    assert registry.open_ids() == set()
    assert registry.alive() == set()


def test_a_deployment_and_a_stateful_set_of_one_name_are_two_targets() -> None:
    targets = [
        {"name": "api", "ref": {"kind": "Deployment", "name": "fleet-manager"}},
        {"name": "refresher", "ref": {"kind": "StatefulSet", "name": "fleet-manager"}},
    ]
    registry = Registry()
    check = spec_of().checks[0].name
    sop = sop_of("one", spec_of(targets=targets), reacting=check)
    registry.add(sop)
    registry.link(sop)
    assert registry.count_targets() == 2
    assert registry.reacting(PLACE) == ((("ns", "one"), check),)
    assert registry.reacting(("ns", WorkloadKind.STATEFUL_SET, "fleet-manager")) == ()
