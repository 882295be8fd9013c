"""The runbook has all that the SOP has, in the order in which people read it."""

import re

import pytest

from servicesop.render.markdown import Anchors
from unit.render.pages import page, section, spec

HEADINGS = [
    "# SOP: Orders",
    "## Before you begin",
    "## Orders are down",
    "### Impact",
    "### Summary",
    "### Access required",
    "### Relevant secrets",
    "### Steps",
    "### How to handle",
    "## Escalations",
    "## Links",
]


def headings(text: str) -> list[str]:
    prose = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.DOTALL | re.MULTILINE)
    return [line for line in prose.splitlines() if line.startswith("#")]


def anchors(text: str) -> list[str]:
    given = Anchors()
    return [given.next(one.lstrip("# ")) for one in headings(text)]


def test_the_headings_stand_in_the_pages_order() -> None:
    assert headings(page(spec())) == HEADINGS


def test_the_contents_name_each_chapter_and_lead_there() -> None:
    text = page(spec())
    links = re.findall(r"^- \[(.+)\]\(#(.+)\)$", text.partition("---")[0], flags=re.MULTILINE)

    assert [f"## {name}" for name, _ in links] == [one for one in HEADINGS if one.startswith("## ")]
    assert {anchor for _, anchor in links} <= set(anchors(text))


def test_what_the_sop_does_not_say_is_named_as_missing() -> None:
    text = page(spec())

    assert section(text, "Impact") == "Nobody can order."
    assert section(text, "Summary") == "TODO: not written yet."
    assert section(text, "Access required") == "- The console of the cluster"
    assert section(text, "Relevant secrets") == "- orders-rds"


def test_steps_are_numbered_and_a_link_stands_in_its_line() -> None:
    steps = section(page(spec()), "Steps")

    assert steps.startswith(
        "1.  Look at the board: [The board](https://board.example.com/orders?a=1&b=2)\n"
        "2.  **`replicas-ready`**: three pods are ready\n\n    It asserts that "
    )


def test_the_table_is_told_row_by_row() -> None:
    handle = section(page(spec()), "How to handle")

    assert (
        "1.  **`too-few`**: If `replicas-ready/NotReady` (too few pods are ready) has failed,"
        " restart `deployment/orders`.\n" in handle
    )
    assert 'kubectl -n "$NAMESPACE" rollout restart deployment/orders' in handle
    assert (
        "- At most 2 times in 6h without success, at most 3 times in 24h in all, 15m apart.\n"
        in handle
    )
    assert (
        "Then wait 1m30s, and see whether it helped: `replicas-ready` must be well within 3m."
        in handle
    )
    assert (
        "did not help, escalate to [The shop's team](#escalations): a restart did not help"
        in handle
    )
    assert (
        "2.  **`upgrade`**: If `replicas-ready/Restarting` (containers restart too often) has"
        " failed, while `replicas-ready` is well, wait, at most 30m: a release is on its way"
        in handle
    )
    assert handle.endswith(
        "3.  **`otherwise`**: Otherwise, or if unsure, escalate to"
        " [The shop's team](#escalations) and [Payments](#escalations)."
    )


def test_the_teams_stand_there_with_what_is_missing() -> None:
    assert section(page(spec()), "Escalations").splitlines()[2:] == [
        "| The shop's team | `shop`          | TODO: the number is missing |",
        "| Payments        | `bank`          |                             |",
    ]


@pytest.mark.parametrize(
    ("procedure", "steps", "handle"),
    [
        (
            {"sameAs": "OrdersDown"},
            "Refer to the steps of [Orders are down](#orders-are-down).",
            "As in [Orders are down](#orders-are-down).",
        ),
        (
            {"stepsFrom": "OrdersDown", "checks": ["replicas-ready"]},
            "Then refer to the steps of [Orders are down](#orders-are-down).",
            "As in [Orders are down](#orders-are-down).",
        ),
    ],
    ids=["sameAs", "stepsFrom"],
)
def test_a_section_that_uses_another_one_leads_there(
    procedure: dict[str, object], steps: str, handle: str
) -> None:
    body = spec()
    body["procedures"].insert(0, {"name": "OrdersSlow", "title": "Orders are slow"} | procedure)
    text = page(body)

    assert section(text, "Steps").endswith(steps)
    assert section(text, "How to handle") == handle
    assert headings(text).count("### How to handle") == 2


def test_headings_of_one_text_have_anchors_of_their_own() -> None:
    body = spec()
    body["procedures"][0]["title"] = "Escalations"
    text = page(body)

    assert "[Escalations](#escalations)" in text
    assert "[Payments](#escalations-1)" in text


def test_a_check_that_only_the_table_names_has_its_command_too() -> None:
    body = spec()
    body["checks"].append({"name": "quiet", "logs": {"pattern": "panic", "within": "5m", "max": 0}})
    body["procedures"][0]["handle"][0]["when"] = {"anyFailed": ["quiet"]}
    steps = section(page(body), "Steps")

    assert "The table below also rests on:\n\n1.  **`quiet`**" in steps
    assert "grep -cP -e panic" in steps


def test_the_namespace_is_the_sops_or_left_to_the_person() -> None:
    assert "export NAMESPACE=shop\n" in page(spec(), "shop")
    assert "export NAMESPACE='a; rm -r b'\n" in page(spec(), "a; rm -r b")
    assert "export NAMESPACE=...  # where the service runs\n" in page(spec())


def test_the_page_is_the_same_each_time() -> None:
    assert page(spec()) == page(spec())
