from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from servicesop.api.base import ApiModel
from servicesop.api.checks.check import CHECK_TYPES
from servicesop.api.crd import SchemaError, check_bounds, crd
from servicesop.api.sop import Spec
from servicesop.api.status import Status
from servicesop.cli.generate_crd import stale
from sop_cases import BROKEN, Broken, complete

CRDS = Path(__file__).parents[3] / "crds"
SCHEMA = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
SPEC, STATUS = SCHEMA["properties"]["spec"], SCHEMA["properties"]["status"]


def nodes(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for field in schema.get("properties", {}).values():
        yield from nodes(field)
    if "items" in schema:
        yield from nodes(schema["items"])


def test_the_files_in_crds_are_what_the_models_give() -> None:
    assert stale(CRDS, version("servicesop")) == []


def test_a_changed_or_missing_file_is_named_as_stale(tmp_path: Path) -> None:
    (tmp_path / "released").mkdir()
    for path in ("servicesops.servicesop.io.yaml", "released/0.1.0.yaml"):
        (tmp_path / path).write_text((CRDS / path).read_text("utf-8"), "utf-8")
    with (tmp_path / "released/0.1.0.yaml").open("a") as file:
        file.write("# changed\n")
    assert stale(tmp_path, "0.1.0") == [
        "kustomize-schema.json",
        "servicesop.schema.json",
        "released/0.1.0.yaml",
    ]


def test_the_check_types_of_the_crd_are_exactly_the_finished_ones() -> None:
    check = SPEC["properties"]["checks"]["items"]
    types = {name for name, field in check["properties"].items() if field["type"] == "object"}
    assert types == set(CHECK_TYPES)


def test_the_schema_is_structural() -> None:
    foreign = {"$ref", "$defs", "anyOf", "oneOf", "allOf", "const", "title"}
    for node in nodes(SCHEMA):
        assert not foreign & set(node), node
        assert not {"properties", "additionalProperties"} <= set(node), node
        assert node["type"] in {"object", "array", "string", "integer", "boolean"}


def test_every_field_of_the_spec_is_described() -> None:
    for node in nodes(SPEC):
        for name, field in node.get("properties", {}).items():
            assert field.get("description"), name


def test_durations_have_their_defaults_as_text() -> None:
    assert SPEC["properties"]["every"]["default"] == "30s"
    assert SPEC["properties"]["blindFor"]["default"] == "10m"


def test_the_defaults_of_a_limit_apply_when_it_is_not_given() -> None:
    remediate = SPEC["properties"]["procedures"]["items"]["properties"]["handle"]["items"]
    attempts = remediate["properties"]["remediate"]["properties"]["attempts"]
    assert attempts["default"] == {}
    assert attempts["properties"]["max"]["default"] == 2
    assert attempts["properties"]["per"]["default"] == "6h"


def test_a_column_for_soft_deletion_can_be_switched_off() -> None:
    columns = SPEC["properties"]["checks"]["items"]["properties"]["stuckRows"]["properties"]
    deleted = columns["columns"]["properties"]["deleted"]
    assert (deleted["default"], deleted["nullable"]) == ("deleted_at", True)


def test_only_conditions_are_a_map_list() -> None:
    assert STATUS["properties"]["conditions"]["x-kubernetes-list-map-keys"] == ["type"]
    types = [node["x-kubernetes-list-type"] for node in nodes(SCHEMA) if node["type"] == "array"]
    assert types.count("map") == 1
    assert set(types) == {"map", "atomic"}


def test_an_absent_status_is_not_taken_for_a_current_one() -> None:
    assert STATUS["default"] == {"observedGeneration": -1}


def test_the_columns_are_those_of_the_table() -> None:
    columns = crd()["spec"]["versions"][0]["additionalPrinterColumns"]
    fields = {column["jsonPath"].split(".")[2].split("[")[0] for column in columns}
    known = {*STATUS["properties"], *SPEC["properties"], "creationTimestamp"}
    assert fields <= known
    assert [column["name"] for column in columns if column["priority"] == 0] == [
        *("Healthy", "Failing", "Since", "Doing", "Team", "Checked", "Age"),
    ]
    assert [column["name"] for column in columns if column["priority"] == 1] == [
        *("Ready", "Mode", "Notify", "Checks", "Last action", "Message"),
    ]


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "string"}, r"spec\.x must have maxLength"),
        ({"type": "integer", "minimum": 0}, r"spec\.x must have maximum"),
        ({"type": "integer", "maximum": 9}, r"spec\.x must have minimum"),
        ({"type": "array", "items": {"type": "boolean"}}, r"spec\.x must have maxItems"),
        ({"type": "array", "maxItems": 1, "items": {"type": "string"}}, r"spec\.x\[\] must have"),
        ({"type": "number"}, r"spec\.x must be a text, a whole number"),
        ({"type": "object"}, r"spec\.x must have declared fields"),
    ],
)
def test_what_has_no_bounds_is_refused(schema: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError, match=f"^{message}"):
        check_bounds({"type": "object", "properties": {"x": schema}}, "spec")


def test_the_models_read_a_complete_sop() -> None:
    spec = Spec.model_validate(complete()["spec"])
    assert [check.type for check in spec.checks] == [
        *("workload", "leader", "stuckRows", "logs", "sql", "stuckRows"),
        *("prometheus", "prometheus", "http"),
    ]


@pytest.mark.parametrize(
    "broken", [pytest.param(case, id=name) for name, case in BROKEN.items() if case.by_models]
)
def test_the_models_refuse_what_the_server_refuses(broken: Broken) -> None:
    with pytest.raises(ValidationError) as raised:
        Spec.model_validate(broken.sop()["spec"])
    for error in raised.value.errors():
        same_words = error["msg"].removeprefix("Value error, ") in broken.says
        assert same_words or error["type"] in {"string_pattern_mismatch", "greater_than_equal"}


def test_every_field_of_the_models_is_in_the_crd() -> None:
    # The models' fields and the schema's are compared by name: nothing is lost on the way.
    def compare(model: type[ApiModel], schema: dict[str, Any]) -> None:
        names = {field.alias or name for name, field in model.model_fields.items()}
        assert names == set(schema["properties"])

    compare(Spec, SPEC)
    compare(Status, STATUS)
    for name, check_type in CHECK_TYPES.items():
        compare(check_type, SPEC["properties"]["checks"]["items"]["properties"][name])
