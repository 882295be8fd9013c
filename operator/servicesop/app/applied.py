"""Reads an applied SOP as a person does: with that person's own rights, changing nothing."""

from typing import Any

from servicesop.api.base import GROUP, KIND, PLURAL, VERSION
from servicesop.app.once import ClusterError, reachable
from servicesop.app.sources import goodbye
from servicesop.sources.kubernetes.access import Access
from servicesop.sources.kubernetes.client import ApiError, ApiUnreachable, UserClient


async def applied(access: Access, namespace: str, name: str) -> dict[str, Any] | None:
    """Give the SOP of that name; None where there is none. Raise ClusterError."""
    path = f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{PLURAL}/{name}"
    try:
        async with UserClient(access) as client:
            await reachable(access, client)
            return dict(await client.get(path))
    except ApiUnreachable:
        raise ClusterError(
            f"the API server {access.host} has stopped to answer; try again"
        ) from None
    except ApiError as refused:
        if refused.status == 404:
            return None
        raise ClusterError(
            f"the {KIND} {name} in the namespace {namespace} cannot be read: the API server answers"
            f" {refused.status}"
            + ("; you may not get servicesops there" if refused.status == 403 else "")
        ) from None
    finally:
        await goodbye()
