"""The check type `workload`."""

from typing import Annotated, ClassVar

from pydantic import Field

from servicesop.api.base import ApiModel, TargetName, at_least_one


class Workload(ApiModel):
    """The target has its replicas configured and ready; a running rollout is not a failure."""

    findings: ClassVar[tuple[str, ...]] = ("TooFewConfigured", "NotReady", "ImagePull", "CrashLoop")
    rules = (at_least_one("replicas", "minReady"),)

    target: TargetName | None = None
    """The target, by name; the first one when not given."""
    replicas: Annotated[int, Field(ge=0, le=10000)] | None = None
    """Configured replicas must be at least this many (finding TooFewConfigured)."""
    min_ready: Annotated[int, Field(ge=0, le=10000)] | None = None
    """Ready pods must be at least this many (finding NotReady); `replicas` when not given."""
