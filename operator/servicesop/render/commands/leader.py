"""`leader` by hand: the table of leases, the Leases, the metric and the logs."""

from servicesop.api.checks.check import Check
from servicesop.api.checks.leader import WORKER, LeaderLogs
from servicesop.checks.leader_lines import any_line
from servicesop.checks.lease_query import holders_per_worker
from servicesop.checks.row_queries import Query
from servicesop.render.by_hand import KUBECTL, PODS_OF, ByHand, Command, Names, resource, word
from servicesop.render.commands.database import asked
from servicesop.render.commands.logs import each_pod
from servicesop.render.commands.metrics import promql
from servicesop.render.markdown import code

_LEASE_COLUMNS = (
    "NAME:.metadata.name,HOLDER:.spec.holderIdentity,RENEWED:.spec.renewTime,"
    "SECONDS:.spec.leaseDurationSeconds"
)


def leader(check: Check, names: Names) -> ByHand:
    """See who leads, by each of the places that say it."""
    spec = check.leader
    assert spec is not None
    workers = " ".join(map(code, spec.names))
    commands: list[Command] = []
    if spec.lease is not None:
        query = Query(holders_per_worker(spec.lease), (list(spec.names),))
        connection = names.connection(spec.lease.connection)
        says = (
            "Who is led, by how many, and one of them; a worker that is not listed has no leader:"
        )
        commands.append(asked(connection, query.filled, says))
    if spec.kubernetes_lease is not None:
        lease = spec.kubernetes_lease.name
        leases = " ".join(word(lease.replace(WORKER, worker)) for worker in spec.names)
        text = f"{KUBECTL} get leases {leases} \\\n  -o custom-columns={_LEASE_COLUMNS}"
        commands.append(Command(text, "Who holds the Leases, and until when:"))
    if spec.metric is not None:
        metric = spec.metric
        text = f"sum by ({metric.worker}) (\n{metric.expr.strip()}\n)"
        commands.append(promql(names, metric.connection, text, ", where each worker should have 1"))
    if spec.logs is not None:
        commands.append(_logged(spec.logs, spec.names, names))
    many = "exactly one leader for the worker" + "s" * (len(spec.names) > 1)
    return ByHand(f"there is {many} {workers}", tuple(commands))


def _logged(spec: LeaderLogs, workers: tuple[str, ...], names: Names) -> Command:
    target = resource(names.target(spec.target))
    then = f"grep -P -e {word(any_line(spec, workers))} |\n    tail -n 5"
    text = each_pod(target, spec.container, "", then)
    return Command(text, "The last that each pod said of it:", needs=(PODS_OF,))
