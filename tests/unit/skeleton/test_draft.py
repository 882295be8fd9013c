"""A page becomes a valid draft that keeps all of its prose, and says what did not fit."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from servicesop.api.validation import valid_spec
from servicesop.skeleton.draft import PLACEHOLDER, draft_of, empty_draft
from servicesop.skeleton.written import written

PAGE = """\
---
layout: default
title: "Front matter"
---
# SOP : Orders

<!-- TOC -->
- [SOP : Orders](#sop--orders)
    - [Orders are down](#orders-are-down)
<!-- /TOC -->

Takes the orders of the shop.

---

## Orders are down

### Impact

Nobody can order, `paid` or not.

- new customers

### Summary:

All pods are gone.

**Access required**

- The console of the cluster
- Edit access to:
    - shop-stage
    - shop-production

### Relevant secrets

orders-rds

### Steps

1. Look at [the board of orders](https://board.example.com/a?b=1).
   It shows the rate.
2. See whether the pods run:
    ```
    # Not a heading
    kubectl get pods

    kubectl logs <pod>
- Ask Grafana.
  - Stage: https://stage.example.com
  - Production: https://example.com/x
- How to handle
    - If no pod runs, restart them.
    - Otherwise, or if unsure, escalate to the Shop Floor team.

---

## Orders are late

### Impact:
They wait.- shop### Severity: Warning

### Summary
A queue.

### Steps
refer to the steps in [Orders are down](#orders-are-down)

## Escalations

- Money: check with Payments support, see [here](https://pay.example.com/oncall).
- Otherwise escalate to the Shop Floor team.

## Contacts

TODO: numbers
"""


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from strings(one)
    elif isinstance(value, str):
        yield value


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    draft = draft_of("orders", PAGE)
    read: dict[str, Any] = yaml.safe_load(written("orders", draft.spec))["spec"]
    assert read == draft.spec
    assert draft.notes == []
    valid_spec(read)
    return read


def test_each_section_is_a_procedure_with_its_prose(spec: dict[str, Any]) -> None:
    down, late = spec["procedures"]

    assert spec["title"] == "Orders"
    assert (down["name"], down["title"]) == ("OrdersAreDown", "Orders are down")
    assert down["impact"] == "Nobody can order, `paid` or not.\n\n- new customers"
    assert down["summary"] == "All pods are gone."
    assert down["accessRequired"] == [
        "The console of the cluster",
        "Edit access to: shop-stage, shop-production",
    ]
    assert down["relevantSecrets"] == ["orders-rds"]
    assert (down["severity"], late["severity"]) == ("critical", "warning")
    assert late["impact"] == "They wait.- shop"


def test_steps_are_manual_ones_with_their_links(spec: dict[str, Any]) -> None:
    steps = spec["procedures"][0]["steps"]

    assert steps[:3] == [
        {
            "manual": "Look at the board of orders.\nIt shows the rate.",
            "link": "the-board-of-orders",
        },
        {
            "manual": "See whether the pods run:\n```\n# Not a heading\nkubectl get pods\n\n"
            "kubectl logs <pod>"
        },
        {
            "manual": "Ask Grafana.\n- Stage: https://stage.example.com\n"
            "- Production: https://example.com/x"
        },
    ]
    assert steps[3:] == [
        {"manual": "How to handle: If no pod runs, restart them."},
        {"manual": "How to handle: Otherwise, or if unsure, escalate to the Shop Floor team."},
        {"check": PLACEHOLDER},
    ]


def test_a_section_that_refers_to_another_uses_its_steps(spec: dict[str, Any]) -> None:
    late = spec["procedures"][1]

    assert late["stepsFrom"] == "OrdersAreDown"
    assert "steps" not in late
    assert "handle" not in late


def test_teams_links_and_the_rest_are_collected(spec: dict[str, Any]) -> None:
    assert [one["title"] for one in spec["teams"]] == ["Payments support", "Shop Floor team"]
    assert all(one["todo"] for one in spec["teams"])
    assert spec["procedures"][0]["handle"][0]["escalate"]["to"] == ["shop-floor-team"]
    assert {one["name"]: one["url"] for one in spec["links"]} == {
        "the-board-of-orders": "https://board.example.com/a?b=1",
        "stage-example-com": "https://stage.example.com",
        "example-com": "https://example.com/x",
        "pay-example-com": "https://pay.example.com/oncall",
    }
    assert spec["summary"].startswith("Takes the orders of the shop.\n\nEscalations:\n\n- Money: ")
    assert spec["summary"].endswith("Contacts:\n\nTODO: numbers")


def test_the_one_check_is_a_placeholder_that_is_not_run(spec: dict[str, Any]) -> None:
    (check,) = spec["checks"]

    assert check["suspend"] is True
    assert "TODO" in check["title"]
    assert {one["checks"][0] for one in spec["procedures"]} == {PLACEHOLDER}


def test_every_word_of_the_page_is_there(spec: dict[str, Any]) -> None:
    body = PAGE.partition("<!-- /TOC -->")[2]
    reference = "refer to the steps in [Orders are down](#orders-are-down)"
    prose = re.sub(r"(?m)^#+ .*$|^\*\*.*$", "", body.replace(reference, ""))
    kept = " ".join(strings(spec))

    assert [word for word in re.findall(r"[A-Za-z]{2,}", prose) if word not in kept] == [
        "Severity",
        "Warning",
    ]


def test_a_page_of_another_shape_is_one_procedure() -> None:
    page = (
        "---\ntitle: Tokens fail\n---\n## Overview\nThey fail.\n\n## Actions to Take\n\n"
        "1. Look.\n\n## Escalation Policy\n\nPage the bank squad.\n\n"
        "### Notice template\n\n```\nTITLE: late\n```\n\n## Notes\n\n- Is it one pod?\n"
    )
    spec = draft_of("tokens", page).spec
    valid_spec(spec)
    (procedure,) = spec["procedures"]

    assert procedure["name"] == "TokensFail"
    assert procedure["summary"] == "They fail."
    assert [one.get("manual") for one in procedure["steps"]] == [
        "Look.",
        "Escalation Policy: Page the bank squad.",
        "Notes: Is it one pod?",
        None,
    ]
    assert spec["texts"] == [
        {"name": "notice-template", "title": "Notice template", "text": "TITLE: late"}
    ]
    assert [one["name"] for one in spec["teams"]] == ["bank-squad"]


def test_what_does_not_fit_is_said() -> None:
    steps = "\n".join(f"- step {number}" for number in range(40))
    page = f"## A\n### Impact\n{'x' * 3000}\n### Steps\n{steps}\n- {'word ' * 1000}\n"
    draft = draft_of("a", page)
    valid_spec(draft.spec)

    assert draft.notes[0] == (
        "left out: the end of the impact of 'A': it has 3000 characters, 2048 are allowed"
    )
    assert "left out: the step 'step 32' of 'A': 32 are allowed" in draft.notes
    assert len(draft.spec["procedures"][0]["steps"]) == 32


@pytest.mark.parametrize(
    "page",
    [
        "",
        "no headings at all",
        "# Only a title",
        "## Ready\n### Impact\nx\n## Ready\n### Impact\ny\n",
        "## 5xx\n### Steps\n- a\n",
        "## A\n### Steps\nrefer to the steps in [A](#a)\n",
        "## A\n### Steps\nrefer to the steps in [B](#b)\n## B\n### Steps\n"
        "refer to the steps in [A](#a)\n",
        "---\nnever: closed\n\n## A\n### Steps\n```\nnever closed",
        "## A\n### Steps\n- ```\n- b\n### Impact\n\x0c\u2028x\x00\n",
        "## A\n### Summary\n`${region}` ${x}\n### Steps\n- https://a.example/(b)\n",
    ],
)
def test_no_page_is_refused(page: str) -> None:
    spec = draft_of("a", page).spec

    valid_spec(yaml.safe_load(written("a", spec))["spec"])


def test_without_a_page_the_draft_is_a_skeleton_with_comments() -> None:
    text = written("orders", empty_draft("orders").spec)
    spec = yaml.safe_load(text)["spec"]
    valid_spec(spec)

    assert "# TODO" in text or "TODO:" in text
    for field in spec:
        assert re.search(rf"^  # .*\n(  # .*\n)*  {field}:", text, flags=re.MULTILINE), field
