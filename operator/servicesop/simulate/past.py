"""What was done to the targets before a test starts, as the operator remembers it."""

from collections.abc import Iterable

from servicesop.api.sop import Spec
from servicesop.api.status import Outcome
from servicesop.engine.ledger import Ledger
from servicesop.simulate.cases import Acted
from servicesop.simulate.clock import SetClock


async def remember(
    acted: Iterable[Acted], spec: Spec, namespace: str, ledger: Ledger, clock: SetClock
) -> None:
    """Enter each act into the records at its time, oldest first; then it is the start again."""
    start = clock.now()
    for number, one in enumerate(sorted(acted, key=lambda one: one.ago, reverse=True)):
        named = spec.target_named(one.target)
        assert named is not None, "unknown names are told before"
        target = (namespace, str(named.ref.kind), named.ref.name)
        clock.set(start - one.ago)
        # Of no SOP that is there: the limits count per target, by whomever it was acted on.
        action_id = f"before-{number}"
        await ledger.claim(target, action_id, one.act, f"{namespace}/before", "before")
        outcome = Outcome.HELPED if one.helped else Outcome.DID_NOT_HELP
        await ledger.finish(target, action_id, outcome)
    clock.set(start)
