"""The broken cases of checks http."""

from typing import Any

from sop_cases.broken import ABSENT, Broken, changed

LOGIN = {"name": "login", "key": "key"}
"""A key of a Secret or ConfigMap."""

OAUTH2 = {"tokenUrl": "https://sso.example.com/token", "secretRef": {"name": "login"}}
"""How a token is got, as it should be."""

A_URL = (
    "must be a URL such as https://service.example.com:8443/path?query: http or https, a host name"
    " or an IP address ([...] for IPv6), no user, no fragment, other characters as %XX"
)
"""What the server says of any other."""


def _http(**fields: Any) -> dict[str, Any]:
    spec = {"url": "https://refresher.example.com/ready"}
    return {"name": "refresher-answers", "http": changed(spec, fields)}


CASES = {
    "an HTTP check of nothing": Broken(
        {"checks.8": _http(url=ABSENT)},
        (
            "spec.checks[8].http: Invalid value: exactly one of the fields in [url service] must "
            "be set"
        ),
    ),
    "an HTTP check of two servers": Broken(
        {"checks.8": _http(service={"name": "refresher", "port": 80})},
        (
            "spec.checks[8].http: Invalid value: exactly one of the fields in [url service] must "
            "be set"
        ),
    ),
    "a URL with a user": Broken(
        {"checks.8": _http(url="http://user@example.com/")},
        f'spec.checks[8].http.url: Invalid value: "http://user@example.com/": {A_URL}',
    ),
    "a URL with a port that is none": Broken(
        {"checks.8": _http(url="http://example.com:65536/")},
        f'spec.checks[8].http.url: Invalid value: "http://example.com:65536/": {A_URL}',
    ),
    "a URL of another scheme": Broken(
        {"checks.8": _http(url="file:///etc/passwd")},
        f'spec.checks[8].http.url: Invalid value: "file:///etc/passwd": {A_URL}',
    ),
    "a path with a fragment": Broken(
        {"checks.8": _http(url=ABSENT, service={"name": "r", "port": 80, "path": "/a#b"})},
        (
            'spec.checks[8].http.service.path: Invalid value: "/a#b": must be a path such as '
            "/ready?full=1: no fragment, other characters as %XX"
        ),
    ),
    "a latency of nothing": Broken(
        {"checks.8": _http(maxSeconds="0")},
        ("spec.checks[8].http.maxSeconds: Invalid value: maxSeconds must be greater than 0"),
    ),
    "a body that may be anything": Broken(
        {"checks.8": _http(body={})},
        (
            "spec.checks[8].http.body: Invalid value: at least one of the fields in [matches "
            "lacks] must be set"
        ),
    ),
    "a header of the connection's": Broken(
        {"checks.8": _http(headers=[{"header": "Host", "secretKeyRef": LOGIN}])},
        (
            'spec.checks[8].http.headers[0].header: Invalid value: "Host": must not be a header '
            "that the operator sets itself [host content-length transfer-encoding connection "
            "keep-alive te trailer upgrade expect accept-encoding user-agent]"
        ),
    ),
    "a header of two lines": Broken(
        {"checks.8": _http(headers=[{"header": "X-A: b", "secretKeyRef": LOGIN}])},
        (
            'spec.checks[8].http.headers[0].header: Invalid value: "X-A: b": must be the name of a '
            "header such as \"X-Api-Key\": letters, digits and '-'"
        ),
    ),
    "two tokens at once": Broken(
        {
            "checks.8": _http(
                headers=[{"header": "authorization", "secretKeyRef": LOGIN}], oauth2=OAUTH2
            )
        },
        (
            "spec.checks[8].http.headers: Invalid value: headers must not hold Authorization when "
            "oauth2 is set"
        ),
    ),
    "two scopes in one": Broken(
        {"checks.8": _http(oauth2=OAUTH2 | {"scopes": ["a b"]})},
        (
            'spec.checks[8].http.oauth2.scopes[0]: Invalid value: "a b": must be one scope: no '
            "blanks, quotes or backslashes"
        ),
    ),
    "authorities in two places": Broken(
        {"checks.8": _http(ca={"secretKeyRef": LOGIN, "configMapKeyRef": LOGIN})},
        (
            "spec.checks[8].http.ca: Invalid value: exactly one of the fields in [secretKeyRef "
            "configMapKeyRef] must be set"
        ),
    ),
    "authorities without TLS": Broken(
        {"checks.8": _http(url="http://example.com/", ca={"secretKeyRef": LOGIN})},
        "spec.checks[8].http.ca: Invalid value: ca must not be set without https",
    ),
    "authorities without TLS of a Service": Broken(
        {
            "checks.8": _http(
                url=ABSENT, service={"name": "r", "port": 80}, ca={"configMapKeyRef": LOGIN}
            )
        },
        "spec.checks[8].http.ca: Invalid value: ca must not be set without https",
    ),
    "a key of a ConfigMap that is none": Broken(
        {"checks.8": _http(ca={"configMapKeyRef": {"name": "ca", "key": "a b"}})},
        (
            'spec.checks[8].http.ca.configMapKeyRef.key: Invalid value: "a b": must be a key of a '
            "ConfigMap or Secret: letters, digits, '-', '_' and '.'"
        ),
    ),
}
