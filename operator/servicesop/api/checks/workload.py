"""The check type `workload`."""

from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import Field

from servicesop.api.base import ApiModel, PositiveDuration, TargetName, at_least_one


class Restarts(ApiModel):
    """Restarts of containers in a sliding window, over all pods of the target."""

    max: Annotated[int, Field(ge=0, le=1000)]
    """Most restarts allowed (finding Restarting)."""
    within: PositiveDuration = timedelta(hours=1)
    """Length of the window that ends now."""


class Workload(ApiModel):
    """The target has its replicas configured and ready; a running rollout is not a failure."""

    findings: ClassVar[tuple[str, ...]] = (
        "TooFewConfigured",
        "NotReady",
        "ImagePull",
        "ConfigError",
        "CrashLoop",
        "Restarting",
        "RolloutFailed",
    )
    rules = (at_least_one("replicas", "minReady", "restarts"),)

    target: TargetName | None = None
    """The target, by name; the first one when not given."""
    replicas: Annotated[int, Field(ge=0, le=10000)] | None = None
    """Configured replicas must be at least this many (finding TooFewConfigured)."""
    min_ready: Annotated[int, Field(ge=0, le=10000)] | None = None
    """Ready pods must be at least this many (finding NotReady); all that are configured when not
    given."""
    restarts: Restarts | None = None
    """How often containers may restart."""
