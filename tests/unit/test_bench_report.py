"""The benchmark's arithmetic, and when it says FAILED instead of a ratio."""

from dataclasses import replace

import pytest

from bench.report import (
    KINDS,
    Floor,
    Measured,
    Size,
    failed,
    lateness,
    lines,
    percentile,
    ratio,
    shortfalls,
)

SIZE = Size(sops=100, checks=10, every=5, seconds=30)
ALL = {"workload": 1200, "logs": 1200, "stuckRows": 1200, "prometheus": 1200, "http": 1200}
MEASURED = Measured(
    size=SIZE,
    done=ALL,
    cpu=2.4,
    floors=(Floor(cpu=0.9, asked=3600), Floor(cpu=1.8, asked=4500)),
    memory=90 << 20,
    peak_memory=95 << 20,
    requests={"get pods/log": 1200},
    status_writes=3,
    lateness=[0.0, 0.001, 0.002],
    detection={
        "workload": [0.1],
        "logs": [2.0, 4.0],
        "stuckRows": [1.0],
        "prometheus": [3.0],
        "http": [3.0],
    },
    unseen=0,
    first_verdicts=2.5,
)


def text(measured: Measured) -> dict[str, list[str]]:
    said: dict[str, list[str]] = {}
    for line in lines(measured):
        heading, rest = line.split(maxsplit=1)
        said.setdefault(heading, []).append(rest)
    return said


def test_there_are_as_many_of_each_kind() -> None:
    assert [SIZE.per_sop(kind) for kind in KINDS] == [2, 2, 2, 2, 2]
    assert {kind: SIZE.due(kind) for kind in KINDS} == ALL
    assert SIZE.rate == 200


def test_the_ratio_is_cpu_per_check_over_the_mean_of_both_floors() -> None:
    before, after = MEASURED.floors
    # A fifth of the checks asks nobody, so that four requests stand for five checks.
    assert before.per_check == pytest.approx(0.9 / 3600 * 4 / 5)
    assert after.per_check == pytest.approx(1.8 / 4500 * 4 / 5)
    assert ratio(MEASURED) == pytest.approx((2.4 / 6000) / (0.5 * (0.0002 + 0.00032)))


def test_the_report_says_what_was_measured() -> None:
    said = text(MEASURED)
    assert not failed(MEASURED)
    assert said["CPU"] == [
        "400 µs per check: 1.54 times the floor (200 µs before, 320 µs after); 8.0% of a core"
    ]
    assert said["Memory"] == ["90 MiB (peak 95 MiB)"]
    assert said["Requests"] == ["per minute: get pods/log 2,400"]
    assert said["Status"] == ["6 writes per minute"]
    assert said["Lateness"] == ["p50 0.001 s, p99 0.002 s, max 0.002 s (of 3)"]
    assert said["Detection"][1] == "logs       p50 2.000 s, p99 4.000 s, max 4.000 s (of 2)"
    assert said["Start"] == ["2.50 s until the last SOP's first verdict"]


@pytest.mark.parametrize("kind", KINDS)
def test_fewer_checks_than_were_due_is_failed_and_no_ratio(kind: str) -> None:
    short = replace(MEASURED, done={**ALL, kind: int(ALL[kind] * 0.96)})
    said = text(short)
    assert failed(short)
    assert shortfalls(short) == {kind: ALL[kind] - short.done[kind]}
    assert said["CPU"] == ["FAILED: fewer checks ran than were due, so there is nothing to compare"]
    assert [kind in line and "FAILED" in line for line in said["Checks"]] == [
        kind == each for each in KINDS
    ]
    assert "times the floor" not in "\n".join(lines(short))


def test_more_runs_of_one_kind_do_not_make_up_for_those_missing_of_another() -> None:
    assert failed(replace(MEASURED, done={**ALL, "logs": 600, "workload": 1800}))


def test_nothing_done_is_failed_too() -> None:
    nothing = replace(MEASURED, done=dict.fromkeys(KINDS, 0), lateness=[])
    assert failed(nothing)
    assert text(nothing)["Lateness"] == ["nothing was measured"]


def test_what_may_be_in_flight_at_the_end_is_one_second_of_checks() -> None:
    within = {kind: due - due // SIZE.seconds for kind, due in ALL.items()}
    assert not failed(replace(MEASURED, done=within))
    assert failed(replace(MEASURED, done={**within, "logs": within["logs"] - 1}))


def test_a_broken_service_that_nobody_saw_is_failed() -> None:
    blind = replace(MEASURED, unseen=2)
    assert failed(blind)
    assert text(blind)["Detection"][-1] == "FAILED: 2 broken targets were not seen in the status"


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert [percentile(values, each) for each in (50, 99, 100)] == [50, 99, 100]
    assert percentile([7.0], 99) == 7.0


def test_lateness_is_counted_from_the_most_punctual_run() -> None:
    assert lateness([10.0, 15.3, 20.1, 25.0], 5) == pytest.approx([0.0, 0.3, 0.1, 0.0])
    # A first run that was late does not make the others early.
    assert lateness([10.4, 15.0, 20.0], 5) == pytest.approx([0.4, 0.0, 0.0])
    assert lateness([], 5) == []


def test_a_run_that_was_left_out_is_not_lateness() -> None:
    assert lateness([10.0, 15.0, 25.0, 30.1], 5) == pytest.approx([0.0, 0.0, 0.0, 0.1])
