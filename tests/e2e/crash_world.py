"""A world in which the operator is killed at each step of an action."""

from pathlib import Path
from typing import Generic, TypeVar

from e2e.action_steps import Step
from e2e.service import Service
from testbed import Run
from testbed.holding_proxy import Hold, HoldingProxy
from testbed.operator import Operator, start_operator

Of = TypeVar("Of", bound=Service)


class World(Generic[Of]):
    """One service and one operator behind the proxy, which outlives a test unless it is killed."""

    def __init__(
        self,
        run: Run,
        proxy: HoldingProxy,
        kubeconfig: Path,
        service: Of,
        *options: str,
    ) -> None:
        """`options` are the operator's."""
        self.proxy = proxy
        self.service = service
        self._run = run
        self._kubeconfig = proxy.kubeconfig(kubeconfig)
        self._options = ("--start-hold=1s", *options)
        self._operator: Operator | None = None

    def start(self) -> None:
        """See to it that an operator runs."""
        if self._operator is None:
            self._operator = start_operator(self._run, self._kubeconfig, *self._options)

    def kill(self) -> None:
        """See to it that none runs."""
        if self._operator is not None:
            self._operator.kill()
            self._operator = None

    def hold(self, step: Step, *, committed: bool = False) -> Hold:
        return step.hold(self.proxy, self.service.namespace, committed=committed)

    def crash_at(self, hold: Hold) -> None:
        """Wait for the request, and kill the operator while it waits for the answer."""
        self.service.wait(lambda: hold.arrived, "the request")
        self.kill()

    def assert_helped_once(self) -> None:
        """One effect, and everybody remembers that it helped."""
        self.service.assert_one_effect()
        assert self.service.sop()["status"]["history"][0]["outcome"] == "Helped"
        assert self.service.target_record()["actions"][-1]["outcome"] == "Helped"

    def wait_until_over(self) -> None:
        self.service.wait(self.service.over, "the end of the episode")
