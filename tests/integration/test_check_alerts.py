"""The check `prometheus` with an alert, on a real Prometheus that sends to a real Alertmanager."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integration.monitored import Monitored, asked_through, endpoint, judged, unable
from servicesop.api.reasons import UnknownReason
from servicesop.checks.runner import Surroundings
from servicesop.judge.results import Sample, Verdict
from testbed import free_port

DOWN = ('telemeter_up{pod="a"} 0', 'telemeter_up{pod="b"} 1')
UP = ('telemeter_up{pod="a"} 1', 'telemeter_up{pod="b"} 1')


@pytest.fixture
async def surroundings(watched: Monitored) -> AsyncIterator[Surroundings]:
    async with asked_through(*watched.endpoints) as surroundings:
        yield surroundings


@pytest.fixture
def down(watched: Monitored) -> Iterator[Monitored]:
    """One of two pods is down, and the alert of that fires in both servers."""
    watched.export(*DOWN)
    watched.until_state("TelemeterDown", "firing")
    watched.until_managed("active")
    yield watched
    for silence in watched.alertmanager.get("/api/v2/silences"):
        if silence["status"]["state"] != "expired":
            watched.alertmanager.unsilence(silence["id"])
    watched.export(*UP)
    watched.until_state("TelemeterDown", "inactive")
    watched.until_managed()


async def asked(surroundings: Surroundings, name: str = "TelemeterDown", **fields: Any) -> Sample:
    return await judged(surroundings, spec(name, **fields))


def spec(
    name: str = "TelemeterDown", *, connection: str | None = "metrics", **fields: Any
) -> dict[str, Any]:
    given = {"alert": {"name": name, "onEmpty": "Inconclusive"} | fields}
    return given | ({"connection": connection} if connection else {})


def silence(watched: Monitored, **labels: str) -> str:
    now = datetime.now(UTC)
    return watched.alertmanager.silence(
        (now - timedelta(minutes=1)).isoformat(), (now + timedelta(hours=1)).isoformat(), **labels
    )


async def test_an_alert_fires_or_not(watched: Monitored, surroundings: Surroundings) -> None:
    watched.export(*UP)
    watched.until_state("TelemeterDown", "inactive")
    sample = await asked(surroundings)
    assert (sample.verdict, sample.message) == (
        Verdict.PASSED,
        "the alert TelemeterDown does not fire",
    )


@pytest.mark.parametrize("alertmanager", [{}, {"alertmanager": "alerts"}])
async def test_one_that_fires_is_a_finding(
    down: Monitored, surroundings: Surroundings, alertmanager: dict[str, str]
) -> None:
    sample = await asked(surroundings, **alertmanager)
    assert sample.findings == {"Firing"}
    assert (sample.message, sample.evidence) == ("the alert TelemeterDown fires", ("1 firing",))
    for labels, fires in (
        ({"pod": "a"}, True),
        ({"pod": "a", "severity": "critical"}, True),
        ({"pod": "b"}, False),
        ({"pod": "a", "severity": "info"}, False),
        ({"zone": "a"}, False),
    ):
        named = [{"name": name, "value": value} for name, value in labels.items()]
        sample = await asked(surroundings, labels=named, **alertmanager)
        assert bool(sample.findings) is fires


async def test_alertmanager_alone_tells_what_it_holds(
    down: Monitored, surroundings: Surroundings
) -> None:
    only: dict[str, Any] = {"connection": None, "alertmanager": "alerts"}
    assert (await asked(surroundings, **only)).findings == {"Firing"}
    other = [{"name": "pod", "value": 'b"\\'}]
    absent = await asked(surroundings, labels=other, **only)
    assert (absent.reason, absent.message) == (
        UnknownReason.EMPTY,
        "Alertmanager holds no alert TelemeterDown",
    )
    assert (await asked(surroundings, labels=other, onEmpty="Passed", **only)).verdict is (
        Verdict.PASSED
    )


@pytest.mark.parametrize("connection", ["metrics", None])
async def test_a_silence_counts_from_when_it_is_made_until_it_is_gone(
    down: Monitored, surroundings: Surroundings, connection: str | None
) -> None:
    asks: dict[str, Any] = {"connection": connection, "alertmanager": "alerts"}
    assert (await asked(surroundings, **asks)).findings == {"Firing"}
    # Another alert's silence is not this one's.
    silence(down, alertname="TelemeterDown", pod="b")
    assert (await asked(surroundings, **asks)).findings == {"Firing"}
    identity = silence(down, alertname="TelemeterDown")
    down.until_managed("suppressed")
    silenced = await asked(surroundings, **asks)
    assert (silenced.verdict, silenced.message, silenced.evidence) == (
        Verdict.PASSED,
        "the alert TelemeterDown fires, but is silenced",
        ("1 silenced",),
    )
    # Who asks Prometheus alone cannot see the silence.
    assert (await asked(surroundings)).findings == {"Firing"}
    down.alertmanager.unsilence(identity)
    down.until_managed("active")
    assert (await asked(surroundings, **asks)).findings == {"Firing"}


async def test_one_silenced_alert_hides_no_other(
    down: Monitored, surroundings: Surroundings
) -> None:
    down.export('telemeter_up{pod="a"} 0', 'telemeter_up{pod="b"} 0')
    down.until_managed("active", "active")
    silence(down, pod="a")
    down.until_managed("active", "suppressed")
    for connection in ("metrics", None):
        sample = await asked(surroundings, connection=connection, alertmanager="alerts")
        assert sample.findings == {"Firing"}
        assert sample.evidence == ("1 firing", "1 silenced")


async def test_a_rule_that_does_not_exist_is_what_the_check_says(
    surroundings: Surroundings,
) -> None:
    # "Does not fire" would be true of every misspelt name.
    unknown = await asked(surroundings, "TelemterDown")
    assert (unknown.reason, unknown.message) == (
        UnknownReason.EMPTY,
        "there is no alerting rule TelemterDown",
    )
    assert (await asked(surroundings, "TelemterDown", onEmpty="Failed")).findings == {"Empty"}


async def test_a_pending_alert_does_not_fire(
    watched: Monitored, surroundings: Surroundings
) -> None:
    watched.export(*UP, "telemeter_slow 1")
    watched.until_state("Slow", "pending")
    assert (await asked(surroundings, "Slow")).verdict is Verdict.PASSED


async def test_a_rule_that_cannot_be_evaluated_is_unknown(
    watched: Monitored, surroundings: Surroundings
) -> None:
    watched.export(*UP, 'telemeter_pair{n="1"} 1', 'telemeter_pair{n="2"} 1')
    watched.until_state("Broken", "err")
    sample = await asked(surroundings, "Broken")
    assert (sample.verdict, sample.reason) == (
        Verdict.INCONCLUSIVE,
        UnknownReason.NOT_EVALUATED,
    )


async def test_alertmanager_matters_only_where_something_fires(down: Monitored) -> None:
    gone = endpoint("alerts", f"http://127.0.0.1:{free_port()}", "Alertmanager")
    async with asked_through(endpoint("metrics", down.prometheus.url), gone) as surroundings:
        failure = await unable(surroundings, spec(alertmanager="alerts"))
        assert failure.reason is UnknownReason.UNREACHABLE
        calm = await asked(surroundings, "Slow", alertmanager="alerts")
        assert calm.verdict is Verdict.PASSED
