from collections.abc import Callable

class Configuration:
    host: str
    api_key: dict[str, str]
    refresh_api_key_hook: Callable[[Configuration], None] | None
    ssl_ca_cert: str | None
    ca_cert_data: str | bytes | None
    cert_file: str | None
    key_file: str | None
    verify_ssl: bool
    tls_server_name: str | None
    proxy: str | None
    def __init__(self) -> None: ...
