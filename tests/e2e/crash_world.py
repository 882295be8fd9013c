"""A world in which the operator is killed at each step of an action."""

from pathlib import Path

from e2e.action_steps import Step
from e2e.service import Service
from testbed import Run
from testbed.holding_proxy import Hold, HoldingProxy
from testbed.operator import Operator, start_operator


class World:
    """One service and one operator behind the proxy, which outlives a test unless it is killed."""

    def __init__(
        self,
        run: Run,
        proxy: HoldingProxy,
        kubeconfig: Path,
        service: Service,
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

    def crash_at(self, step: Step, *, committed: bool = False) -> Hold:
        """Let the service fall ill, and kill the operator while it waits for this answer."""
        if step.after is None:
            hold = self.hold(step, committed=committed)
            self._fall_ill()
        else:
            before = self.hold(step.after, committed=True)
            self._fall_ill()
            self._wait_for(before)
            hold = self.hold(step, committed=committed)
            before.let_through()
        self._wait_for(hold)
        self.kill()
        return hold

    def assert_helped_once(self) -> None:
        """One effect, and everybody remembers that it helped."""
        self.service.assert_one_effect()
        assert self.service.sop()["status"]["history"][0]["outcome"] == "Helped"
        assert self.service.target_record()["actions"][-1]["outcome"] == "Helped"

    def wait_until_over(self) -> None:
        self.service.wait(self.service.over, "the end of the episode")

    def _fall_ill(self) -> None:
        self.service.fail()
        self.service.apply()

    def _wait_for(self, hold: Hold) -> None:
        self.service.wait(lambda: hold.arrived, "the request")
