"""`servicesop run`: the operator's process."""

import asyncio
import logging
from datetime import timedelta
from ipaddress import ip_network
from itertools import chain
from pathlib import Path

import click

from servicesop.api.durations import parse_duration
from servicesop.app.config import Config
from servicesop.app.loop import new_event_loop
from servicesop.app.operator import EndedError
from servicesop.app.operator import run as run_operator
from servicesop.app.probes import ListenError
from servicesop.cli.options import ENDPOINTS, AddressType
from servicesop.sources.dial import Network
from servicesop.sources.kubernetes.access import AccessError
from servicesop.sources.prometheus.endpoints import Endpoint


class DurationType(click.ParamType[timedelta]):
    """A duration as in an SOP."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Read it, or tell the user the allowed form."""
        try:
            return parse_duration(value)
        except ValueError as wrong:
            self.fail(f"{value!r}: {wrong}", param, ctx)


class NetworksType(click.ParamType[tuple[Network, ...]]):
    """ADDRESS or NETWORK, several with commas between them."""

    name = "networks"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Network, ...]:
        """Read them, or tell the user the allowed form."""
        try:
            return tuple(ip_network(part) for part in str(value).split(","))
        except ValueError:
            self.fail(
                f'{value!r}: must be addresses or networks, such as "10.0.0.7,10.1.0.0/16"',
                param,
                ctx,
            )


@click.command()
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The cluster; without it the one that this runs in.",
)
@click.option(
    "--namespace",
    default="servicesop-system",
    show_default=True,
    help="The operator's own namespace, for its records.",
)
@click.option(
    "--pod",
    help="The operator's own pod in that namespace, to tell a server that is silent from one that"
    " NetworkPolicies keep the operator from; without it they are not looked at.",
)
@click.option(
    "--start-hold",
    type=DurationType(),
    default="5m",
    show_default=True,
    help="Act on nothing for this long after the start, and for two periods of each SOP.",
)
@click.option(
    "--heartbeat",
    type=DurationType(),
    default="5m",
    show_default=True,
    help="Renew an unchanged status at least this often (and 1 s per SOP).",
)
@click.option(
    "--allow-dial",
    type=AddressType(),
    multiple=True,
    help="Connect to this HOST:PORT although it is loopback, a node or the like; repeatable.",
)
@click.option(
    "--refuse-dial",
    type=NetworksType(),
    multiple=True,
    help="Never connect to these addresses or networks, such as the nodes'; repeatable.",
)
@ENDPOINTS
@click.option(
    "--listen",
    type=AddressType(),
    default="0.0.0.0:8080",
    show_default=True,
    help="Serve /livez, /readyz and /metrics here.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
)
def run(
    kubeconfig: Path | None,
    namespace: str,
    pod: str | None,
    start_hold: timedelta,
    heartbeat: timedelta,
    allow_dial: tuple[tuple[str, int], ...],
    refuse_dial: tuple[tuple[Network, ...], ...],
    endpoints: tuple[Endpoint, ...] | None,
    listen: tuple[str, int],
    log_level: str,
) -> None:
    """Run the operator."""
    logging.basicConfig(
        level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # These tell every watch event and request, bodies included.
    for name in ("kopf", "aiohttp", "asyncio"):
        logging.getLogger(name).setLevel("WARNING")
    config = Config(
        kubeconfig=kubeconfig,
        namespace=namespace,
        pod=pod,
        start_hold=start_hold,
        heartbeat=heartbeat,
        allow_dial=frozenset(allow_dial),
        refuse_dial=tuple(chain.from_iterable(refuse_dial)),
        endpoints=endpoints or (),
        listen=listen,
    )
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(run_operator(config))
    except AccessError as unable:
        raise click.ClickException(str(unable)) from None
    except EndedError:
        raise click.ClickException("the operator has ended by itself; see the log") from None
    except ListenError:
        host, port = listen
        raise click.ClickException(
            f"cannot listen on {host}:{port}; is another process using that port?"
        ) from None
