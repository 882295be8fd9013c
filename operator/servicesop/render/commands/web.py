"""`http` by hand: curl, with headers and tokens that are read from Secrets on the way."""

from servicesop.api.checks.check import Check
from servicesop.api.checks.http import Http, OAuth2, ServicePath
from servicesop.api.keys import Authorities
from servicesop.render.by_hand import (
    KUBECTL,
    SECRET_KEY,
    ByHand,
    Command,
    Definition,
    Names,
    word,
)
from servicesop.render.markdown import code

_LOCAL_PORT = 18080
_GRANT = """\
token=$(printf 'user = "%s:%s"\\n' "$(secret_key {id})" "$(secret_key {secret})" |
  curl --config - --silent --show-error {options}{url} |
  jq -r .access_token)"""


def http(check: Check, _: Names) -> ByHand:
    """Ask the server; what is sent from a Secret goes through a pipe, never over a command line."""
    spec = check.http
    assert spec is not None
    lines = [
        "curl --silent --show-error --output answer.txt",
        "--write-out '%{http_code} in %{time_total}s\\n'",
        f"--max-time {_seconds(check)}",
    ]
    before, after = [], []
    if spec.service is not None:
        before.append(_forward(spec.service))
        after.append('kill "$forward"')
        lines.append(f"--connect-to ::127.0.0.1:{_LOCAL_PORT}")
    if spec.ca is not None:
        before.append(_authorities("authorities", spec.ca))
        lines.append('--cacert "$authorities"')
    if spec.oauth2 is not None:
        before += _token(spec.oauth2)
    headers = [
        f"  printf '{each.header}: %s\\n' \"$(secret_key {word(each.secret_key_ref.name)}"
        f' {word(each.secret_key_ref.key)})"'
        for each in spec.headers
    ]
    if spec.oauth2 is not None:
        headers.append("  printf 'Authorization: Bearer %s\\n' \"$token\"")
    piped = ""
    if headers:
        piped = "{\n" + "\n".join(headers) + "\n} | "
        lines.append("--header @-")
    lines.append(_url(spec))
    text = "\n".join([*before, piped + " \\\n  ".join(lines), *after])
    return ByHand(_asserts(spec), (Command(text, needs=_needs(spec)),))


def _seconds(check: Check) -> str:
    """Leave the server as long as the check does: four fifths of the timeout."""
    return f"{check.timeout.total_seconds() * 0.8:g}"


def _needs(spec: Http) -> tuple[Definition, ...]:
    return (SECRET_KEY,) if spec.secrets else ()


def _url(spec: Http) -> str:
    if spec.service is None:
        assert spec.url is not None, "url or service is there"
        return word(spec.url)
    service = spec.service
    return f'"{service.scheme.value}://{service.name}.$NAMESPACE.svc:{service.port}"{word(service.path)}'


def _forward(service: ServicePath) -> str:
    return (
        f"{KUBECTL} port-forward {word(f'service/{service.name}')} {_LOCAL_PORT}:{service.port}"
        " >/dev/null &\nforward=$!\nsleep 2"
    )


def _authorities(variable: str, ca: Authorities) -> str:
    if ca.secret_key_ref is not None:
        ref = ca.secret_key_ref
        read = f"secret_key {word(ref.name)} {word(ref.key)}"
    else:
        assert ca.config_map_key_ref is not None, "one of the two is there"
        of = ca.config_map_key_ref
        template = f'{{{{index .data "{of.key}"}}}}'
        read = f"{KUBECTL} get configmap {word(of.name)} -o go-template={word(template)}"
    return f'{variable}=$(mktemp)\n{read} >"${variable}"'


def _token(grant: OAuth2) -> list[str]:
    lines, options = [], "--data grant_type=client_credentials "
    if grant.ca is not None:
        lines.append(_authorities("issuer_authorities", grant.ca))
        options += '--cacert "$issuer_authorities" '
    if grant.scopes:
        options += f"--data-urlencode {word('scope=' + ' '.join(grant.scopes))} "
    if grant.audience is not None:
        options += f"--data-urlencode {word('audience=' + grant.audience)} "
    secret = word(grant.secret_ref.name)
    lines.append(
        _GRANT.format(
            id=f"{secret} {word(grant.keys.id)}",
            secret=f"{secret} {word(grant.keys.secret)}",
            options=options,
            url=word(grant.token_url),
        )
    )
    return lines


def _asserts(spec: Http) -> str:
    if spec.service is not None:
        asked = f"{spec.service.scheme.value}://{spec.service.name}:{spec.service.port}"
        asked += spec.service.path
    else:
        asked = spec.url or ""
    parts = [f"answers {' or '.join(map(str, spec.codes))}"]
    if spec.max_seconds is not None:
        parts.append(f"within {spec.max_seconds} s")
    if spec.body is not None and spec.body.matches is not None:
        parts.append(f"with a body in which {code(spec.body.matches)} is found")
    if spec.body is not None and spec.body.lacks is not None:
        parts.append(f"with a body in which {code(spec.body.lacks)} is not found")
    return f"{code(asked)} {', '.join(parts)}"
