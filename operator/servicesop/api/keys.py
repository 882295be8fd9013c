"""How an SOP names values in Secrets and ConfigMaps: always by reference, always its own."""

from typing import Annotated

from pydantic import Field

from servicesop.api.base import ApiModel, ObjectName, Rule, exactly_one, wire

_KEY = r"^[-._a-zA-Z0-9]+$"

DataKey = Annotated[
    str,
    Field(max_length=253, pattern=_KEY),
    wire(
        "string",
        Rule(
            f"self.matches('{_KEY}')",
            "must be a key of a ConfigMap or Secret: letters, digits, '-', '_' and '.'",
        ),
        maxLength=253,
    ),
]
"""A key of a ConfigMap or Secret."""


class SecretRef(ApiModel):
    """A Secret in the SOP's own namespace, read as the namespace's runner."""

    name: ObjectName
    """Its name."""


class SecretKeyRef(ApiModel):
    """A key of a Secret in the SOP's own namespace, read as the namespace's runner."""

    name: ObjectName
    """The Secret's name."""
    key: DataKey
    """The key."""


class ConfigMapKeyRef(ApiModel):
    """A key of a ConfigMap in the SOP's own namespace, read as the namespace's runner."""

    name: ObjectName
    """The ConfigMap's name."""
    key: DataKey
    """The key."""


class Authorities(ApiModel):
    """Certificates in PEM form of the authorities that may have signed the server's."""

    rules = (exactly_one("secretKeyRef", "configMapKeyRef"),)

    secret_key_ref: SecretKeyRef | None = None
    """They are in a Secret."""
    config_map_key_ref: ConfigMapKeyRef | None = None
    """They are in a ConfigMap."""
