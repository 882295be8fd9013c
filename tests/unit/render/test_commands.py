"""Every check has a command that a person can paste, and no secret stands in it."""

import shlex
import subprocess
from typing import Any

import pytest

from servicesop.api.checks.check import CHECK_TYPES
from servicesop.api.checks.leader import LeaseTable
from servicesop.api.checks.stuck_rows import StuckRows
from servicesop.checks.lease_query import holders_per_worker
from servicesop.checks.row_queries import Query, aged_rows, allowed_seconds
from servicesop.render.commands.registry import COMMANDS
from servicesop.render.findings import WORDS
from unit.render.pages import page, section, shell_of, spec, with_check

CHECKS = {
    "workload": (
        "{name: c, workload: {target: store, minReady: 2}}",
        "get statefulset/orders-store",
    ),
    "resource": (
        "{name: c, resource: {apiVersion: batch/v1, kind: Job, name: migrate, condition: {type:"
        " Complete}}}",
        "get Job.v1.batch migrate \\\n"
        '  -o custom-columns=\'NAME:.metadata.name,STATUS:.status.conditions[?(@.type=="Complete")]'
        '.status,REASON:.status.conditions[?(@.type=="Complete")].reason\'',
    ),
    "events": (
        "{name: c, events: {reasons: [FailedMount], type: Warning, pattern: it's, within: 5m}}",
        "  grep -P -e '\\sorders[-\\s]' |\n  grep -P -e '\\s(FailedMount)\\s' |\n"
        "  grep -P -e 'it'\"'\"'s'",
    ),
    "logs": (
        "{name: c, logs: {container: web, pattern: 'failed: .*', within: 10m, max: 50, classes:"
        " [{name: RateLimit, pattern: '429', minShare: '0.5'}, {name: Other, rest: true}]}}",
        "  echo \"  Other: $(printf '%s' \"$lines\" | grep -vP -e 429 | grep -c '')\"",
    ),
    "leader": (
        "{name: c, leader: {workers: [a, b], kubernetesLease: {name: 'orders-{worker}'}, metric:"
        " {connection: metrics, expr: leads, worker: w}, logs: {container: web, acquired:"
        " 'leads {worker} as {holder}', lost: 'lost {worker}'}}}",
        "get leases orders-a orders-b \\\n",
    ),
    "sql": (
        "{name: c, sql: {connection: orders-db, query: select count(id) from orders, value:"
        " {max: '5', onEmpty: Failed}}}",
        "psql_orders_db <<'SQL'\nselect count(id) from orders\nSQL",
    ),
    "stuckRows": (
        "{name: c, stuckRows: {connection: orders-db, table: orders, limits: [{statuses: [new],"
        " olderThan: 3m}, {statuses: [failed], max: 0}]}}",
        'FROM "orders" WHERE "status"::text = ANY(\'{new}\'::text[]) AND "deleted_at" IS NULL',
    ),
    "prometheus": (
        "{name: c, prometheus: {connection: metrics, alert: {name: Down, onEmpty: Passed, labels:"
        " [{name: job, value: 'a\"b'}], alertmanager: alerts}}}",
        'ALERTS{alertname="Down",alertstate="firing",job="a\\"b"}',
    ),
    "http": (
        "{name: c, http: {url: 'https://orders.example.com/ready?full=1', headers: [{header:"
        " X-Key, secretKeyRef: {name: orders-web, key: api.key}}]}}",
        "  printf 'X-Key: %s\\n' \"$(secret_key orders-web api.key)\"\n} | curl ",
    ),
    "config": (
        "{name: c, config: {object: {kind: Secret, name: orders-web}, values: [{key: api.key,"
        " minLength: 8}]}}",
        "secret_key orders-web api.key | wc -c",
    ),
    "networkPolicy": (
        "{name: c, networkPolicy: {to: {podLabels: {app: db}}, mustReach: [{from: {namespaceName:"
        " shop, podLabels: {app: web}}, ports: [{port: 5432}]}], onlyThese: true}}",
        'get pods --show-labels -l app=db\nkubectl -n "$NAMESPACE" describe networkpolicies',
    ),
}


def test_each_type_has_a_command_and_words_for_its_findings() -> None:
    assert set(COMMANDS) == set(CHECKS) == set(CHECK_TYPES)
    assert {name: tuple(words) for name, words in WORDS.items()} == {
        name: model.findings for name, model in CHECK_TYPES.items()
    }


@pytest.mark.parametrize("kind", CHECKS)
def test_a_step_has_the_command_of_its_check(kind: str) -> None:
    check, command = CHECKS[kind]
    blocks = shell_of(page(with_check(check)), "Steps")

    assert command in "\n".join(blocks)


@pytest.mark.parametrize("kind", CHECKS)
def test_what_is_pasted_is_sound_shell(kind: str) -> None:
    text = page(with_check(CHECKS[kind][0]))
    blocks = shell_of(text, "Before you begin") + [
        block for block in shell_of(text, "Steps") if not block.startswith(("ALERTS", "sum by"))
    ]

    checked = subprocess.run(
        ["bash", "-n"], input="\n".join(blocks), text=True, capture_output=True
    )
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("kind", CHECKS)
def test_the_functions_that_the_commands_use_are_defined_first(kind: str) -> None:
    text = page(with_check(CHECKS[kind][0]))
    (begin,) = shell_of(text, "Before you begin")
    used = "\n".join([begin, *shell_of(text, "Steps")])

    for name in ("selector_of", "pods_of", "secret_key", "psql_orders_db"):
        assert (f"\n{name}() {{" in begin) == (f"{name} " in used.replace(f"{name}()", "")), name


def run(script: str, *, programs: dict[str, str]) -> str:
    """Run a script with programs of ours in the place of real ones; they are shell functions."""
    functions = "\n".join(f"{name}() {{\n{body}\n}}" for name, body in programs.items())
    result = subprocess.run(
        ["bash", "-c", f"set -u\n{functions}\n{script}"], text=True, capture_output=True
    )
    assert (result.returncode, result.stderr) == (0, ""), result.stderr
    return result.stdout


def hostile(text: str) -> dict[str, Any]:
    body = with_check("{name: c, sql: {connection: orders-db, query: '', rows: {max: 5}}}")
    body["checks"][-1]["sql"]["query"] = text
    return body


@pytest.mark.parametrize(
    "query",
    [
        "select 1\nSQL\necho broken",
        "select '$(echo broken)', `echo broken`",
        "select 1 \\! echo broken",
        "with a as (select 'it''s') select * from a",
    ],
)
def test_a_query_reaches_psql_as_it_is_and_nothing_of_it_the_shell(query: str) -> None:
    text = page(hostile(query))
    script = "\n".join([*shell_of(text, "Before you begin"), shell_of(text, "Steps")[-1]])
    said = run(
        script,
        programs={"kubectl": "echo secret", "psql": 'printf "%s\\n" "$@"; echo "$PGPASSWORD"'},
    )

    assert said == f"--no-psqlrc\n--command\n{query}\nsecret\n"


def test_a_pattern_reaches_grep_as_it_is() -> None:
    pattern = 'it\'s $(echo broken) `x` \\d+ "q"'
    body = with_check("{name: c, logs: {pattern: x, within: 10m, max: 0}}")
    body["checks"][-1]["logs"]["pattern"] = pattern
    text = page(body)
    script = "\n".join([*shell_of(text, "Before you begin"), shell_of(text, "Steps")[-1]])
    said = run(script, programs={"kubectl": "echo pod/a", "grep": 'printf "%s\\n" "$@"'})

    assert said.splitlines() == ["pod/a", "-cP", "-e", pattern]


def test_the_queries_are_those_that_the_checks_send() -> None:
    lease = LeaseTable.model_validate({"connection": "orders-db", "table": "leases"})
    rows = StuckRows.model_validate(
        {"connection": "x", "table": "t", "statuses": ["it's", "b$1"], "olderThan": "3m"}
    )
    aged = aged_rows(rows, allowed_seconds(rows), 20)

    assert Query(holders_per_worker(lease), (["a", "b"],)).filled == holders_per_worker(
        lease
    ).replace("$1", "'{a,b}'")
    text = aged.filled
    assert "$2" not in text
    assert text.count("'{it''s,b$1}'") == 2
    assert text.startswith(aged.text.partition("$1")[0])


def test_no_password_stands_on_the_page_only_the_way_to_it() -> None:
    text = section(page(with_check(CHECKS["sql"][0])), "Before you begin")

    assert '  PGPASSWORD="$(secret_key orders-rds db.password)" \\\n' in text
    assert "PGSSLMODE=verify-full" in text
    assert 'secret_key orders-rds db.ca >"$authorities"' in text
    assert "default_transaction_read_only=on" in text


def test_a_token_and_headers_never_stand_on_a_command_line() -> None:
    check = (
        "{name: c, http: {service: {name: web, port: 8443, scheme: https, path: /a}, oauth2:"
        " {tokenUrl: 'https://sso.example.com/t', secretRef: {name: client}, scopes: [a, b]}}}"
    )
    (block,) = shell_of(page(with_check(check)), "Steps")[-1:]
    typed = [line for line in block.replace("\\\n", "").splitlines() if "curl" in line]

    assert len(typed) == 2
    for line in typed:
        words = shlex.split(line.partition("curl")[2].removesuffix("|"))
        assert not [one for one in words if "token" in one or "secret" in one]
    assert "--connect-to ::127.0.0.1:18080" in block
    assert '"https://web.$NAMESPACE.svc:8443"/a' in block


def test_evidence_and_dependencies_are_told() -> None:
    body = with_check(
        "{name: c, dependsOn: [replicas-ready], suspend: true, workload: {replicas: 1}}"
    )
    body["procedures"][0]["steps"][-1]["informational"] = True
    steps = section(page(body), "Steps")

    assert "This is evidence; it decides nothing." in steps
    assert "It says something only while `replicas-ready` is well." in steps
    assert "It is suspended: the operator does not run it." in steps
    assert "evidence" not in section(page(spec()), "Steps")


def test_lines_are_counted_by_the_first_kind_that_matches() -> None:
    check = (
        "{name: c, logs: {pattern: 'failed', within: 10m, max: 5, classes: [{name: Key, pattern:"
        " '40[13]'}, {name: Limit, pattern: '4'}, {name: Other, rest: true}]}}"
    )
    text = page(with_check(check))
    script = "\n".join([*shell_of(text, "Before you begin"), shell_of(text, "Steps")[-1]])
    log = "echo failed 401; echo well 401; echo failed 429; echo failed 403; echo failed; echo x"
    said = run(script, programs={"kubectl": f'case "$*" in *logs*) {log};; *) echo pod/a;; esac'})

    assert said.splitlines() == ["pod/a", "  all: 4", "  Key: 2", "  Limit: 1", "  Other: 1"]


def test_a_value_that_is_not_compared_is_shown_by_its_length() -> None:
    check = (
        "{name: c, config: {container: web, values: [{argument: --url, equals: x}, {argument:"
        " --key, nonEmpty: true}, {env: KEY, minLength: 3}, {env: URL, url: 'https://a.example'}]}}"
    )
    text = page(with_check(check))
    words = "--url https://a.example --key secret --key=secrets --keyring=k"
    kubectl = f"""case "$*" in
*--list*) printf '%s\\n' 'KEY=secret' 'URL=https://a.example' '# KEY from secret a, key b';;
*) printf '%s\\n' {words};;
esac"""
    shown = [
        run(f"export NAMESPACE=shop\n{block}", programs={"kubectl": kubectl})
        for block in shell_of(text, "Steps")[-2:]
    ]

    assert shown == [
        "--url https://a.example\n--key 6\n--key 7\n",
        "KEY 6\nURL=https://a.example\n# KEY from secret a, key b\n",
    ]
