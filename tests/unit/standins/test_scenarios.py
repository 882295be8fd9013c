"""The scenarios of an SOP reach each of its procedures, by rows that there are."""

import pytest
import yaml

from e2e import test_procedures_kas_fleet_manager as kas_fleet_manager
from e2e import test_procedures_managed_services_api as managed_services_api
from readme.markdown import ROOT
from servicesop.api.sop import Spec
from servicesop.decide.procedures import sections_of
from standins.fleet_manager import FleetManager
from standins.scenario import Scenario

SCENARIOS: dict[str, list[Scenario[FleetManager]]] = {
    "kas-fleet-manager": kas_fleet_manager.SCENARIOS,
    "managed-services-api": managed_services_api.SCENARIOS,
}


@pytest.mark.parametrize("service", SCENARIOS)
def test_each_procedure_is_reached_by_its_rows(service: str) -> None:
    scenarios = SCENARIOS[service]
    text = (ROOT / "manifests/sops" / service / "base/servicesop.yaml").read_text()
    spec = Spec.model_validate(yaml.safe_load(text)["spec"])
    tables = {one.name: {row.name for row in one.rows} for one in sections_of(spec)}

    assert {procedure for each in scenarios for procedure in each.rows} == tables.keys()
    for each in scenarios:
        for procedure, row in each.rows.items():
            assert row in tables[procedure]
