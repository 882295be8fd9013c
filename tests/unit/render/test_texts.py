"""The texts for people outside stand there as they are copied; --live fills them in."""

from datetime import UTC, datetime
from typing import Any

from servicesop.api.status import Status
from servicesop.api.validation import valid_spec
from servicesop.render.live import live_state
from servicesop.render.page import Sop, runbook
from unit.render.pages import page, section, shell_of, spec

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
NOTICE = "TITLE: ${service} in ${region} <is> *slow*\nsince ${opened}: ${procedure}, ${checks}"


def with_text() -> dict[str, Any]:
    body = spec(texts=[{"name": "notice", "title": "Notice", "text": NOTICE}], region="us-south")
    body["procedures"][0]["handle"][2]["escalate"]["text"] = "notice"
    return body


def status(row: str) -> dict[str, Any]:
    since = "2026-01-31T09:00:00Z"
    return Status.model_validate(
        {
            "observedGeneration": 3,
            "conditions": [
                {
                    "type": "Healthy",
                    "status": "False",
                    "lastTransitionTime": since,
                    "reason": "ProcedureHappens",
                    "message": "a | b <c>",
                }
            ],
            "procedures": [
                {
                    "name": "OrdersDown",
                    "state": "True",
                    "since": since,
                    "doing": "waits",
                    "episode": {"started": since, "row": row},
                }
            ],
            "checks": [
                {"name": "replicas-ready", "state": "Failed", "since": since, "message": "no pod"}
            ],
            "escalations": [
                {
                    "key": "k",
                    "reason": "RowEscalates",
                    "to": ["shop"],
                    "procedures": ["OrdersDown"],
                    "checks": ["replicas-ready"],
                    "opened": "2026-01-31T09:10:00Z",
                    "message": "they are down",
                }
            ],
        }
    ).model_dump(mode="json", by_alias=True)


def live(body: dict[str, Any], applied: dict[str, Any] | None) -> str:
    read = valid_spec(body)
    state = live_state(read, ("shop", "orders"), applied, NOW)
    return runbook(Sop("orders", "shop", read), live=state)


def applied(body: dict[str, Any], row: str = "otherwise") -> dict[str, Any]:
    return {"metadata": {"generation": 3}, "spec": body, "status": status(row)}


def test_a_text_stands_there_as_it_is_copied_and_its_row_leads_to_it() -> None:
    text = page(with_text())

    assert shell_of(text, "Notice") == [NOTICE]
    assert section(text, "How to handle").endswith(
        "[Payments](#escalations), with the text [Notice](#notice)."
    )
    assert "- [Texts](#texts)" in text


def test_an_open_escalation_fills_in_its_text() -> None:
    body = with_text()

    assert shell_of(live(body, applied(body)), "Notice") == [
        "TITLE: Orders in us-south <is> *slow*\n"
        "since 2026-01-31T09:10:00Z: Orders are down, replicas-ready"
    ]
    # That row calls somebody else, without a text.
    assert shell_of(live(body, applied(body, "too-few")), "Notice") == [NOTICE]


def test_the_current_state_is_told_of_the_sop_and_of_each_procedure() -> None:
    body = with_text()
    text = live(body, applied(body))
    state = section(text, "Current state")

    assert state.startswith("Read at 2026-01-31T09:30:00Z from the namespace `shop`.\n")
    assert (
        "| `Healthy` | False  | 2026-01-31T09:00:00Z | ProcedureHappens | a \\| b &lt;c&gt; |"
        in state
    )
    assert "| `replicas-ready` | Failed | 2026-01-31T09:00:00Z |        | no pod  |" in state
    assert state.endswith(
        "- to `shop` since 2026-01-31T09:10:00Z, about `OrdersDown`: they are down"
    )
    assert section(text, "Orders are down").endswith(
        "Now: **True** since 2026-01-31T09:00:00Z, by `otherwise`: waits"
    )
    assert "differs" not in state
    assert "- [Current state](#current-state)\n- [Before you begin]" in text


def test_an_sop_that_is_not_applied_is_said_to_be_so() -> None:
    state = section(live(with_text(), None), "Current state")

    assert state.endswith("**There is no ServiceSOP `orders` there: this page is not applied.**")


def test_what_makes_the_state_stale_is_told() -> None:
    body = with_text()
    edited = applied(body) | {"metadata": {"generation": 4}}
    other = applied(body) | {"spec": spec()}
    unseen = {"metadata": {"generation": 1}, "spec": body}
    strange = applied(body) | {"status": {"observedGeneration": "x"}}

    assert "has not seen the last edit" in section(live(body, edited), "Current state")
    assert "differs from this page" in section(live(body, other), "Current state")
    assert "no operator has looked at it yet" in section(live(body, unseen), "Current state")
    assert "cannot be shown" in section(live(body, strange), "Current state")


def test_a_row_that_deletes_a_pod_says_which_and_when_it_may() -> None:
    body = spec()
    body["checks"].append({"name": "quiet", "logs": {"pattern": "429", "within": "1h", "max": 50}})
    body["procedures"][0]["handle"][0] = {
        "name": "one-pod",
        "when": {"anyFailed": ["quiet/SinglePod"]},
        "remediate": {"deletePod": {"podFrom": "quiet"}},
    }
    handle = section(page(body), "How to handle")

    assert "delete the one pod of `deployment/orders` that `quiet` singles out.\n" in handle
    assert 'kubectl -n "$NAMESPACE" delete pod "$POD"' in handle
    assert "- A PodDisruptionBudget has to allow it" in handle
