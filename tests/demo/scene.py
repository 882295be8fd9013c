"""Everything the story needs: the servers, the service's stand-in and the operator."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from standins.fleet_manager import FleetManager
from testbed import ControlPlane, Postgres, Run
from testbed.lifetime import Lifetime
from testbed.operator import ACCOUNT, NAMESPACE, Operator, install, start_operator

_HERE = Path(__file__).parent
_START_HOLD = "4s"


class Scene(Lifetime):
    """The servers and processes of one demo. Use as a context manager.

    Leaving it ends all processes at once, through the run that owns them: leaving the servers one
    after the other would take up to 3 s for each.
    """

    def __init__(self) -> None:
        self._run = Run()
        self.operator: Operator | None = None

    def _live(self, life: ExitStack) -> None:
        life.enter_context(self._run)

    def start_servers(self) -> None:
        self.control_plane = ControlPlane(self._run).__enter__()
        self.postgres = Postgres(self._run).__enter__()

    def start_service(self) -> None:
        self.service = FleetManager(self._run, self.control_plane, self.postgres).__enter__()

    def install(self) -> None:
        """Apply the shipped manifests, and the rights that the service's team grants."""
        install(self.control_plane)
        self.control_plane.kubectl("apply", "-k", str(_HERE / "runner"))

    def start_operator(self) -> None:
        """Start `servicesop run` under its own account and wait until it is ready."""
        kubeconfig = self.control_plane.service_account_kubeconfig(NAMESPACE, ACCOUNT)
        self.operator = start_operator(
            self._run,
            kubeconfig,
            # Twice the SOP's cycle and some more, instead of the 5 min for real services.
            f"--start-hold={_START_HOLD}",
            # The operator never connects to loopback, where this demo's database is.
            f"--allow-dial=127.0.0.1:{self.postgres.port}",
        )

    def apply_sop(self, mode: str) -> None:
        sop = yaml.safe_load((_HERE / "kas-fleet-manager.yaml").read_text())
        sop["spec"]["mode"] = mode
        self.control_plane.kubectl("apply", "-f", "-", input=json.dumps(sop))

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl in the service's namespace."""
        return self.control_plane.kubectl("-n", self.service.namespace, *arguments)

    def status(self) -> dict[str, Any]:
        """Return the SOP's status."""
        sop = json.loads(self.kubectl("get", "servicesop", "kas-fleet-manager", "-o", "json"))
        status: dict[str, Any] = sop.get("status", {})
        return status

    def versions(self) -> tuple[str, str]:
        """Return the versions of Kubernetes and PostgreSQL, as they say themselves."""
        kubernetes = json.loads(self.control_plane.kubectl("version", "-o", "json"))
        [(postgres,)] = self.postgres.execute("SHOW server_version")
        return kubernetes["serverVersion"]["gitVersion"], postgres
