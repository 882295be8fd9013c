"""What the models know of deletePod and of texts beyond the API server's rules."""

from typing import Any

import pytest
from pydantic import ValidationError

from servicesop.api.incident_texts import PLACEHOLDERS, IncidentText
from servicesop.api.kinds import ActionKind
from servicesop.api.sop import Spec
from sop_cases import ABSENT, Broken

WHERE = "row one-pod of OnePodFails deletes a pod from ocm-accepts, which must"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"checks.3.logs.max": ABSENT, "checks.3.logs.min": 1},
            f"{WHERE} have max: only then it names a pod",
        ),
        ({"checks.3.logs.target": "refresher"}, f"{WHERE} be a check of the same target"),
        (
            {"procedures.3.handle.0.remediate.deletePod.target": "refresher"},
            f"{WHERE} be a check of the same target",
        ),
    ],
)
def test_the_check_must_be_one_that_can_name_a_pod_of_the_target(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError) as raised:
        Spec.model_validate(Broken(changes, "").sop()["spec"])

    (error,) = raised.value.errors()
    assert error["msg"] == f"Value error, {message}"


@pytest.mark.parametrize("target", ["api", ABSENT])
def test_the_first_target_may_be_left_out_on_either_side(target: object) -> None:
    changes = {"checks.3.logs.target": target}
    spec = Spec.model_validate(Broken(changes, "").sop()["spec"])

    [row, _] = spec.procedures[3].handle or ()
    assert row.remediate is not None
    assert row.remediate.action is ActionKind.DELETE_POD


def test_every_placeholder_is_known_and_described() -> None:
    text = " ".join(f"${{{name}}}" for name in PLACEHOLDERS)
    assert IncidentText(name="t", title="T", text=text).text == text

    described = IncidentText.model_json_schema()["properties"]["text"]["description"]
    assert [name for name in PLACEHOLDERS if f"`${{{name}}}`" not in described] == []


@pytest.mark.parametrize("text", ["$", "$$", "costs $5\n$", "$${region}", "{region}", "$ {x}"])
def test_a_dollar_alone_is_no_placeholder(text: str) -> None:
    assert IncidentText(name="t", title="T", text=text).text == text


@pytest.mark.parametrize("text", ["${", "${region", "${ region }", "${Region}", "$${x}", "${}"])
def test_what_looks_like_another_placeholder_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="must not hold other placeholders"):
        IncidentText(name="t", title="T", text=text)
