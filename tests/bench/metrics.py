"""What the `prometheus` checks of the benchmark ask: a real Prometheus, and the series in it."""

import json
import re
import urllib.request
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

from polling import eventually
from testbed import Run, ServerError
from testbed.lifetime import Lifetime
from testbed.monitoring import Exporter, Prometheus

ENDPOINT = "metrics"
_ASKED = r'^prometheus_http_requests_total\{code="200",handler="/api/v1/query"\} (\S+)$'
_SECONDS = 10.0


class MetricsServer(Lifetime):
    """A Prometheus that scrapes one series per check; use as a context manager."""

    def __init__(self, run: Run) -> None:
        self._exporter = Exporter()
        self._prometheus = Prometheus(run, {"bench": self._exporter})
        self._values: dict[str, int] = {}

    def _live(self, life: ExitStack) -> None:
        life.enter_context(self._exporter)
        life.enter_context(self._prometheus)

    def serve(self, names: Iterable[str]) -> None:
        """Export a series of each name, and wait until they can be asked for."""
        self._values = dict.fromkeys(names, 1)
        self._export()
        eventually(
            lambda: self._prometheus.values("count(depth)") == [str(len(self._values))],
            "the series have been scraped",
        )

    def break_(self, name: str) -> None:
        """Let a series exceed its limit."""
        self._values[name] = 9
        self._export()

    def expression(self, name: str) -> str:
        """What a check asks."""
        return f'depth{{name="{name}"}}'

    def url(self, name: str) -> str:
        """The same as the operator sends it."""
        query = urlencode({"query": self.expression(name), "timeout": "5000ms"})
        return f"{self._prometheus.url}/api/v1/query?{query}"

    def asked(self) -> int:
        """How many queries it has answered, as it counts them itself."""
        with urllib.request.urlopen(f"{self._prometheus.url}/metrics", timeout=_SECONDS) as page:
            found = re.search(_ASKED, page.read().decode(), re.MULTILINE)
        if found is None:
            raise ServerError("Prometheus does not count its queries")
        return int(float(found[1]))

    def endpoints(self, file: Path, namespaces: list[str]) -> Path:
        """Write the operator's file of endpoints."""
        endpoint = {
            "name": ENDPOINT,
            "kind": "Prometheus",
            "url": self._prometheus.url,
            "namespaces": namespaces,
        }
        file.write_text(json.dumps({"endpoints": [endpoint]}))
        return file

    def _export(self) -> None:
        self._exporter.text = "".join(
            f"{self.expression(name)} {value}\n" for name, value in self._values.items()
        )
