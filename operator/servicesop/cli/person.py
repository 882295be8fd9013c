"""As whom, and where, a command that a person runs asks a cluster."""

import re
from collections.abc import Callable
from pathlib import Path

import click

from servicesop.sources.kubernetes.access import Access

_NAMESPACE = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_Command = Callable[..., None]

_KUBECONFIG = click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The kubeconfig; without it $KUBECONFIG or ~/.kube/config, as kubectl does.",
)
_CONTEXT = click.option(
    "--context", help="The context of the kubeconfig; without it the current one."
)
_OF_THE_SOP = click.option(
    "-n",
    "--namespace",
    help="Look at this namespace, whatever the SOP says; without it the SOP's own, else the"
    " context's.",
)


def asks_a_cluster(command: _Command) -> _Command:
    """Give a command the options kubeconfig, context and namespace."""
    return _KUBECONFIG(_CONTEXT(_OF_THE_SOP(command)))


class NamespaceError(Exception):
    """No namespace has such a name; the message is for the person."""


def namespace_of(given: str | None, own: str | None, access: Access) -> str:
    """Give where to look: as the option says, the SOP, or the context. Raise NamespaceError."""
    namespace = given or own or access.namespace or "default"
    if not _NAMESPACE.fullmatch(namespace):
        raise NamespaceError(
            f"{namespace!r} is no name of a namespace: lower case letters, digits and '-'"
        )
    return namespace
