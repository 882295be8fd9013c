"""The scenarios of an SOP reach each of its procedures, by rows that there are."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import yaml

from e2e import test_procedures_armada_cluster as armada_cluster
from e2e import test_procedures_fleet_managers as fleet_managers
from e2e import test_procedures_observatorium as observatorium
from e2e import test_procedures_telemeter as telemeter
from readme.markdown import ROOT
from servicesop.api.sop import Spec
from servicesop.decide.procedures import sections_of
from standins.scenario import Scenario

SCENARIOS: Mapping[str, Sequence[Scenario[Any]]] = {
    "kas-fleet-manager": fleet_managers.OF_THE_FLEET_MANAGER,
    "managed-services-api": fleet_managers.OF_THE_API,
    "observatorium": observatorium.SCENARIOS,
    "telemeter": telemeter.SCENARIOS,
    "armada-cluster": armada_cluster.SCENARIOS,
}


def rows_of(service: str) -> set[tuple[str, str]]:
    """Give all rows of an SOP's tables, each with its procedure."""
    text = (ROOT / "manifests/sops" / service / "base/servicesop.yaml").read_text()
    spec = Spec.model_validate(yaml.safe_load(text)["spec"])
    return {(one.name, row.name) for one in sections_of(spec) for row in one.rows}


def reached(service: str) -> set[tuple[str, str]]:
    """Give the rows that win in scenarios."""
    return {
        won for each in SCENARIOS[service] for won in (*each.rows.items(), *each.afterwards.items())
    }


@pytest.mark.parametrize("service", SCENARIOS)
def test_each_procedure_is_reached_by_its_rows(service: str) -> None:
    rows, won = rows_of(service), reached(service)

    assert {procedure for procedure, _ in won} == {procedure for procedure, _ in rows}
    assert won <= rows


@pytest.mark.parametrize("service", ["observatorium", "telemeter", "armada-cluster"])
def test_each_row_has_a_cause(service: str) -> None:
    assert reached(service) == rows_of(service)
