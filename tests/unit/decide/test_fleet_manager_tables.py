"""The tables of the fleet manager's SOP: whom it calls for what, and when it restarts.

The SOP has tests of its own, from what is observed. These go through the combinations that a
restart must not survive.
"""

import pytest

from readme.markdown import ROOT
from servicesop.api.sop import Spec
from servicesop.cli.documents import read_documents
from servicesop.decide import table
from servicesop.decide.procedures import sections_of
from servicesop.decide.table import Verdict, Why
from servicesop.judge.debounce import Memory
from unit.decide.scenes import bad, blind, good, maybe, skipped

SOP = ROOT / "manifests/sops/kas-fleet-manager/base/servicesop.yaml"
OSD = "OSDClusterProvisioningLatency"
KAFKA = "KafkaClusterProvisioningLatency"
DOWN = "KafkaServiceFleetManagerDown"
AVAILABILITY = "KafkaServiceFleetManagerAvailability"

LEADS = "cluster-workers-led"
MAKES = "kafka-workers-led"
DELETES = "deletion-worker-led"
ACCEPTED = "accepted-clusters-move-on"
Found = dict[str, Memory]


@pytest.fixture(scope="module")
def spec() -> Spec:
    (document,) = read_documents(SOP.read_text())
    return document.spec


def read(spec: Spec, procedure: str, found: Found) -> Verdict:
    (section,) = [one for one in sections_of(spec) if one.name == procedure]
    checks = dict.fromkeys((check.name for check in spec.checks), good())
    assert found.keys() <= checks.keys()
    return table.read(section.rows, checks | found)


@pytest.mark.parametrize(
    ("procedure", "found", "row"),
    [
        (DOWN, {"api-answers": bad("Refused")}, "otherwise"),
        (DOWN, {"api-answers": bad("Status")}, "pods-lack-database"),
        (
            DOWN,
            {"api-answers": bad("Refused"), "replicas-ready": bad("ImagePull")},
            "release-cannot-start",
        ),
        (
            DOWN,
            {"api-answers": bad("Refused"), "pods-are-scheduled": bad("Found")},
            "cluster-has-no-room",
        ),
        (AVAILABILITY, {"replicas-ready": bad("TooFewConfigured")}, "too-few-replicas"),
        (AVAILABILITY, {"answers-within-1s": bad("Above")}, "overloaded"),
        (AVAILABILITY, {"log-is-clean": bad("TooMany", "OCM")}, "ocm-fails"),
        (AVAILABILITY, {"log-is-clean": bad("TooMany", "Other")}, "otherwise"),
        (OSD, {LEADS: bad("None")}, "no-leader"),
        (OSD, {LEADS: bad("NoHeartbeat")}, "worker-hangs"),
        (OSD, {LEADS: bad("Many")}, "otherwise"),
        (OSD, {ACCEPTED: bad("Stuck")}, "accepted-idle"),
        (OSD, {"clusters-move-on": bad("Stuck")}, "idle-over-45m"),
        (OSD, {"clusters-succeed": bad("TooMany")}, "idle-over-45m"),
        (KAFKA, {MAKES: bad("None")}, "no-leader"),
        (KAFKA, {DELETES: bad("None")}, "no-leader"),
        (KAFKA, {DELETES: bad("NoHeartbeat")}, "worker-hangs"),
        (KAFKA, {"clusters-move-on": bad("Stuck")}, "ocm-refuses"),
        (KAFKA, {"kafkas-move-on": bad("Stuck")}, "data-plane"),
        (KAFKA, {"deletions-move-on": bad("Stuck")}, "data-plane"),
        (KAFKA, {"log-is-clean": bad("TooMany", "Kafka")}, "data-plane"),
        (KAFKA, {"accepted-kafkas-move-on": bad("Stuck")}, "otherwise"),
        (KAFKA, {"kafkas-succeed": bad("TooMany")}, "otherwise"),
    ],
)
def test_what_is_found_leads_to_its_row(spec: Spec, procedure: str, found: Found, row: str) -> None:
    verdict = read(spec, procedure, found)

    assert (verdict.row.name, verdict.unknown) == (row, ())


@pytest.mark.parametrize("ocm", [bad("TooMany"), blind(), maybe("TooMany"), good()])
@pytest.mark.parametrize(("procedure", "lost"), [(OSD, LEADS), (KAFKA, MAKES), (KAFKA, DELETES)])
def test_a_lost_leader_is_restarted_whatever_ocm_says(
    spec: Spec, procedure: str, lost: str, ocm: Memory
) -> None:
    verdict = read(spec, procedure, {lost: bad("None"), "ocm-accepts": ocm, "log-is-clean": ocm})

    assert (verdict.row.name, verdict.why) == ("no-leader", Why.ROW)


@pytest.mark.parametrize(
    ("ocm", "row", "why"),
    [
        (bad("TooMany"), "ocm-refuses", Why.ROW),
        # It will be known within a minute.
        (maybe("TooMany"), "ocm-refuses", Why.WAIT),
        # OCM may be what it is: nothing is restarted, somebody is asked.
        (blind(), "otherwise", Why.BLOCKED),
    ],
)
@pytest.mark.parametrize(
    ("procedure", "idle"),
    [
        (OSD, {ACCEPTED: bad("Stuck")}),
        (OSD, {LEADS: bad("NoHeartbeat")}),
        (KAFKA, {MAKES: bad("NoHeartbeat")}),
    ],
)
def test_nothing_idle_is_restarted_unless_ocm_is_known_to_be_well(
    spec: Spec, procedure: str, idle: Found, ocm: Memory, row: str, why: Why
) -> None:
    verdict = read(spec, procedure, idle | {"ocm-accepts": ocm})

    assert (verdict.row.name, verdict.why) == (row, why)


@pytest.mark.parametrize(
    ("api", "row", "why"),
    [
        (bad("Status"), "pods-lack-database", Why.ROW),
        (bad("Refused"), "pods-lack-database", Why.ROW),
        (maybe("Status"), "pods-lack-database", Why.WAIT),
        (blind(), "otherwise", Why.BLOCKED),
    ],
)
@pytest.mark.parametrize(
    ("procedure", "found"),
    [
        (OSD, {LEADS: bad("None")}),
        (OSD, {LEADS: bad("NoHeartbeat")}),
        (OSD, {ACCEPTED: bad("Stuck")}),
        (KAFKA, {MAKES: bad("None")}),
        (KAFKA, {DELETES: bad("None")}),
    ],
)
def test_nothing_is_restarted_unless_the_pods_are_known_to_have_their_database(
    spec: Spec, procedure: str, found: Found, api: Memory, row: str, why: Why
) -> None:
    verdict = read(spec, procedure, found | {"api-answers": api})

    assert (verdict.row.name, verdict.why) == (row, why)


@pytest.mark.parametrize("procedure", [OSD, KAFKA])
def test_nothing_is_restarted_while_we_cannot_ask_the_database(spec: Spec, procedure: str) -> None:
    waiting = [check.name for check in spec.checks if "database-answers" in check.depends_on]
    found = dict.fromkeys(waiting, skipped("database-answers")) | {"database-answers": blind()}

    verdict = read(spec, procedure, found)

    assert {LEADS, MAKES, DELETES, ACCEPTED} <= set(waiting)
    assert (verdict.row.name, verdict.why) == ("otherwise", Why.UNSURE)


def test_what_asks_the_database_waits_for_the_check_that_it_answers(spec: Spec) -> None:
    asking = [
        check.name
        for check in spec.checks
        if (check.stuck_rows or check.sql or check.leader) and check.name != "database-answers"
    ]
    waiting = [check.name for check in spec.checks if check.depends_on == ("database-answers",)]

    assert asking == waiting
