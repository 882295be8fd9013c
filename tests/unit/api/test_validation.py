"""An SOP that never met an API server is refused in the API server's words."""

import re
from typing import Any

import pytest

from servicesop.api.sop import Spec
from servicesop.api.validation import InvalidSpecError, valid_spec
from sop_cases import BROKEN, Broken, complete

CIRCLE = "two checks that depend on each other"
# The server's own text of what RE2 does not know stands in front of ours; here the check says it.
# Of a circle the server can name only where it begins.
OTHER_WORDS = {"a pattern that RE2 does not know", CIRCLE}
# Of a name that leads nowhere the server can say only whose it is; here it has its own field.
OF_A_NAME = re.compile(r"spec\.(\w+): Invalid value: (\S+) (must be the name of .+); wrong in (.+)")


def faults(spec: object) -> tuple[str, ...]:
    with pytest.raises(InvalidSpecError) as raised:
        valid_spec(spec)
    return raised.value.faults


def changed(**fields: Any) -> dict[str, Any]:
    spec: dict[str, Any] = complete()["spec"]
    return spec | fields


def test_a_complete_sop_is_read() -> None:
    assert valid_spec(complete()["spec"]).title


@pytest.mark.parametrize(
    "broken",
    [pytest.param(case, id=name) for name, case in BROKEN.items() if name not in OTHER_WORDS],
)
def test_a_broken_sop_is_refused_in_the_words_of_the_server(broken: Broken) -> None:
    (fault,) = faults(broken.sop()["spec"])

    assert re.fullmatch(words(broken), fault), fault


def words(broken: Broken) -> str:
    """A pattern of what is said."""
    of_a_name = OF_A_NAME.fullmatch(broken.says)
    if of_a_name is None:
        return re.escape(broken.says)
    items, field, message, owner = of_a_name.groups()
    index = [item["name"] for item in broken.sop()["spec"][items]].index(owner)
    way = field.removeprefix(f"{items}[]").replace("[]", "[0]")
    place = re.escape(f"spec.{items}[{index}]{way}").replace(r"\[0\]", r"\[\d+\]")
    return rf'{place}(\[\d+\])?: Invalid value: "[\w/-]+": {re.escape(message)}'


def test_each_name_that_leads_nowhere_is_told_at_its_own_field() -> None:
    spec = changed()
    spec["procedures"][0]["steps"][1]["check"] = "leader"
    spec["procedures"][1]["checks"] = ["ocm-acepts", "ocm-accepts", "nowhere"]
    spec["checks"][0]["dependsOn"] = ["ocm-acepts"]

    must = "must be the name of one of spec.checks"
    assert sorted(faults(spec)) == [
        f'spec.checks[0].dependsOn[0]: Invalid value: "ocm-acepts": {must}',
        f'spec.procedures[0].steps[1].check: Invalid value: "leader": {must}',
        f'spec.procedures[1].checks[0]: Invalid value: "ocm-acepts": {must}',
        f'spec.procedures[1].checks[2]: Invalid value: "nowhere": {must}',
    ]


def test_a_circle_is_refused_with_the_way_around() -> None:
    (fault,) = faults(BROKEN[CIRCLE].sop()["spec"])

    assert fault == BROKEN[CIRCLE].says.replace(
        "; wrong in cluster-leader", ": cluster-leader -> accepted-moves-on -> cluster-leader"
    )


def test_all_that_is_wrong_is_told_at_once() -> None:
    spec = changed(every="often", tittle="x")
    spec["checks"][0]["workload"]["minReady"] = -1
    del spec["title"]

    assert sorted(faults(spec)) == [
        "spec.checks[0].workload.minReady: Invalid value: -1:"
        " input should be greater than or equal to 0",
        'spec.every: Invalid value: "often": must be a duration such as "30s", "3m" or "1h30m"',
        "spec.title: Required value",
        f"unknown field spec.tittle; there are {', '.join(Spec.model_json_schema()['properties'])}",
    ]


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        (None, "spec: Invalid value: "),
        ("text", 'spec: Invalid value: "text": '),
        (changed(mode="Force"), "spec.mode: Unsupported value: \"Force\": must be 'Observe', "),
        (changed(checks=[]), "spec.checks: Invalid value: "),
    ],
    ids=["nothing", "a text", "another mode", "no checks"],
)
def test_what_the_schema_refuses_is_told_with_its_field(spec: object, fault: str) -> None:
    assert faults(spec)[0].startswith(fault)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"to": "ops"}, 'to: Invalid value: "ops": must be a list'),
        ({"to": []}, "to: Invalid value: must not be empty"),
        ({"to": [7]}, "to[0]: Invalid value: 7: must be a text; a number, true, false or a date"),
        ("ops", ': Invalid value: "ops": must be an object with named fields'),
        (
            {"to": ["ops"], "who": 1},
            "handle[3].escalate.who; there are to",
        ),
    ],
    ids=["no list", "an empty list", "a number", "no object", "an unknown field"],
)
def test_a_fault_is_told_once_and_in_the_words_of_yaml(change: object, fault: str) -> None:
    spec = changed()
    (index,) = [i for i, one in enumerate(spec["procedures"][0]["handle"]) if "otherwise" in one]
    spec["procedures"][0]["handle"][index]["escalate"] = change

    assert fault in faults(spec)[0]
    assert not any(one.startswith("spec.procedures: ") for one in faults(spec))


def test_a_long_value_is_not_repeated() -> None:
    (fault,) = faults(changed(every="x" * 1000))

    assert fault == 'spec.every: Invalid value: must be a duration such as "30s", "3m" or "1h30m"'
