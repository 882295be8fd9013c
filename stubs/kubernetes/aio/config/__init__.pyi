from typing import Any

from kubernetes.aio.client import Configuration

class ConfigException(Exception): ...  # noqa: N818 - the library's name

class _KubeConfigLoader:
    @property
    def current_context(self) -> dict[str, Any]: ...
    async def load_and_set(self, client_configuration: Configuration) -> None: ...

async def load_kube_config(
    config_file: str | None = ...,
    context: str | None = ...,
    client_configuration: Configuration | None = ...,
    persist_config: bool = ...,
) -> _KubeConfigLoader: ...
def load_incluster_config(
    client_configuration: Configuration | None = ..., try_refresh_token: bool = ...
) -> None: ...
