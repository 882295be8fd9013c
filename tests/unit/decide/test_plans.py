"""Actions that every guard allows: their ids, and that there is never a second one in flight."""

from dataclasses import replace

from servicesop.api.status import Phase, Status
from servicesop.decide.procedures import sections_of
from servicesop.decide.progress import action_id
from servicesop.decide.snapshot import evidence_of, verify_of
from unit.decide.scenes import (
    NO_LEADER,
    NOW,
    SOP_UID,
    TARGET_UID,
    Story,
    bad,
    deployment,
    intent_of,
    minutes,
    procedure_of,
    seconds,
    spec_of,
    target,
)

ERRORS_ACT = procedure_of("Errors", checks=["ocm", "leader"])


def test_a_plan_names_the_action_its_target_and_why() -> None:
    (plan,) = Story().at_once(NO_LEADER).plans

    assert (plan.procedure, plan.row.name, plan.target) == ("Latency", "no-leader", "api")
    assert (plan.workload, plan.uid, plan.attempt) == ("fleet-manager", TARGET_UID, 0)
    assert plan.id == action_id(SOP_UID, "Latency", NOW, 0, TARGET_UID)


def test_the_same_decision_gives_the_same_id_and_another_one_gives_another() -> None:
    base = (SOP_UID, "Latency", NOW, 0, TARGET_UID)
    others = [
        ("another", "Latency", NOW, 0, TARGET_UID),
        (SOP_UID, "Errors", NOW, 0, TARGET_UID),
        (SOP_UID, "Latency", NOW + seconds(1), 0, TARGET_UID),
        (SOP_UID, "Latency", NOW, 1, TARGET_UID),
        (SOP_UID, "Latency", NOW, 0, "another"),
    ]

    assert action_id(*base) == action_id(*base)
    assert len({action_id(*base), *(action_id(*other) for other in others)}) == 6
    assert len(action_id(*base)) == 16


def test_the_id_stays_while_the_episode_does_and_nothing_was_done() -> None:
    story = Story()
    first = story.at_once(NO_LEADER).plans
    # The fraction of a second is lost when the status is written.
    later = story.after(seconds(30.7), NO_LEADER).plans

    assert [one.id for one in first] == [one.id for one in later]


def test_a_counted_attempt_gives_the_next_one_an_id_of_its_own() -> None:
    story = Story()
    (first,) = story.at_once(NO_LEADER).plans
    status = story.status.procedures[0]
    assert status.episode is not None
    counted = status.episode.model_copy(update={"attempts": 1})
    procedures = (status.model_copy(update={"episode": counted}), *story.status.procedures[1:])
    story.status = story.status.model_copy(update={"procedures": procedures})
    (second,) = story.after(minutes(1), NO_LEADER).plans

    assert (first.attempt, second.attempt) == (0, 1)
    assert first.id != second.id


def test_while_its_action_is_in_flight_a_procedure_decides_nothing_new() -> None:
    for phase in Phase:
        story = Story(status=Status(intents=(intent_of(phase),)))
        story.at_once(NO_LEADER)
        decision = story.after(minutes(60), NO_LEADER)

        assert (decision.plans, decision.escalations) == ((), ())
        assert "restart of Deployment fleet-manager" in (decision.procedures[0].doing or "")


def test_two_procedures_never_act_on_one_target_at_a_time() -> None:
    spec = spec_of(procedures=[procedure_of("Latency"), ERRORS_ACT])
    story = Story(spec, Status(intents=(intent_of(Phase.ISSUED),)))
    decision = story.at_once(NO_LEADER)

    assert not decision.plans
    assert decision.procedures[1].doing == (
        "waits for the running restart of Deployment fleet-manager"
    )


def test_a_target_under_a_second_name_is_the_same_target() -> None:
    api = {"kind": "Deployment", "name": "fleet-manager"}
    spec = spec_of(
        targets=[{"name": "api", "ref": api}, {"name": "refresher", "ref": api}],
        procedures=[procedure_of("Latency"), ERRORS_ACT],
    )
    elsewhere = intent_of(Phase.ISSUED, target="refresher")
    story = Story(spec, Status(intents=(elsewhere.model_copy(update={"procedure": "Other"}),)))

    assert not story.at_once(NO_LEADER).plans


def test_an_action_on_another_target_is_not_waited_for() -> None:
    other = intent_of(Phase.ISSUED, target="refresher", workload="token-refresher")
    story = Story(status=Status(intents=(other.model_copy(update={"procedure": "Errors"}),)))

    assert story.at_once(NO_LEADER).plans


def test_an_intent_of_a_row_that_is_gone_disturbs_no_decision() -> None:
    gone = intent_of(Phase.VERIFYING, row="removed", target="removed", procedure="Removed")
    story = Story(status=Status(intents=(gone,)))

    decision = story.at_once(NO_LEADER)
    assert decision.procedures[0].doing == (
        "waits for the running restart of Deployment fleet-manager"
    )


def test_a_row_may_name_its_target() -> None:
    latency = procedure_of("Latency")
    latency["handle"][1]["remediate"]["restart"] = {"target": "refresher"}
    (plan,) = Story(spec_of(procedures=[latency])).at_once(NO_LEADER).plans

    assert (plan.target, plan.workload, plan.uid) == ("refresher", "token-refresher", "u2")


def test_a_claim_of_its_own_does_not_refuse_a_plan() -> None:
    (plan,) = Story().at_once(NO_LEADER).plans
    ours = target(
        conflict=lambda action: action != plan.id, affordable=lambda action: action == plan.id
    )
    theirs = target(conflict=lambda action: action == plan.id)

    assert Story().at_once(NO_LEADER, api=ours).plans
    assert not Story().at_once(NO_LEADER, api=theirs).plans


def test_a_recreated_target_gets_another_id() -> None:
    (before,) = Story().at_once(NO_LEADER).plans
    (after,) = Story().at_once(NO_LEADER, api=target(view=deployment(uid="new"))).plans

    assert before.id != after.id


def test_the_evidence_of_a_row_is_its_checks_and_those_of_the_rows_above() -> None:
    (section, *_) = sections_of(spec_of())
    evidence = {row.name: evidence_of(section, row) for row in section.rows}

    assert evidence == {
        "rolling": ("ready",),
        "no-leader": ("ready", "leader"),
        "ocm-refuses": ("ready", "leader", "ocm"),
        "stuck": ("ready", "leader", "ocm", "moves"),
        "otherwise": ("ready", "leader", "ocm", "moves"),
    }


def test_evidence_that_has_run_once_allows_nothing() -> None:
    once = bad("None")
    story = Story()
    assert not story.at_once({"leader": replace(once, known_runs=1)}).plans
    assert story.after(seconds(30), {"leader": once}).plans


def test_without_verify_the_checks_of_the_row_prove_the_action() -> None:
    (section, *_) = sections_of(spec_of())
    rows = {row.name: row for row in section.rows}
    named, unnamed = rows["no-leader"], rows["stuck"]
    assert named.remediate is not None
    assert unnamed.remediate is not None

    assert verify_of(named, named.remediate).checks == ("leader",)
    assert verify_of(unnamed, unnamed.remediate).checks == ("moves",)


def test_remediation_is_allowed_when_one_row_could_act() -> None:
    story = Story()
    assert story.at_once({}).allowed is None

    refused = story.at_once({}, api=target(view=deployment(paused=True))).allowed
    assert refused is not None
    assert refused.reason == "DeploymentPaused"


def test_an_sop_without_actions_says_so() -> None:
    latency = procedure_of("Latency")
    latency["handle"] = [latency["handle"][2], latency["handle"][-1]]
    refused = Story(spec_of(procedures=[latency])).at_once({}).allowed

    assert refused is not None
    assert refused.reason == "NoRemediation"
