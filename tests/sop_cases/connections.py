"""The broken cases of spec.connections."""

from sop_cases.broken import Broken

CASES = {
    "a certificate authority that is not used": Broken(
        {"connections.0.postgres.tls": "Require", "connections.0.postgres.keys.ca": "db.ca_cert"},
        "spec.connections[0].postgres: Invalid value: `keys.ca` must be set when, and only when, "
        "`tls` is VerifyFull",
    ),
    "a certificate that nobody can verify": Broken(
        {"connections.0.postgres.tls": "VerifyFull"},
        "spec.connections[0].postgres: Invalid value: `keys.ca` must be set when, and only when, "
        "`tls` is VerifyFull",
    ),
    "two connections of one name": Broken(
        {"connections.3": {"name": "database", "postgres": {"secretRef": {"name": "x"}}}},
        (
            "spec.connections: Invalid value: the names in connections must be "
            "unique: there are two database"
        ),
        by_models=False,
    ),
    "a key that no Secret can have": Broken(
        {"connections.0.postgres.keys.port": "db/port"},
        (
            'spec.connections[0].postgres.keys.port: Invalid value: "db/port": must'
            " be a key of a ConfigMap or Secret: letters, digits, '-', '_' and '.'"
        ),
    ),
    "a connection to nothing": Broken(
        {"connections.3": {"name": "nowhere"}},
        (
            "spec.connections[3]: Invalid value: exactly one of the fields in [postgres "
            "prometheus alertmanager] must be set"
        ),
    ),
    "a connection to two": Broken(
        {"connections.1.alertmanager": {"endpoint": "alerts"}},
        (
            "spec.connections[1]: Invalid value: exactly one of the fields in [postgres "
            "prometheus alertmanager] must be set"
        ),
    ),
    "an endpoint of prometheus that is no name": Broken(
        {"connections.1.prometheus.endpoint": "https://x"},
        (
            'spec.connections[1].prometheus.endpoint: Invalid value: "https://x": must be '
            "lower case letters, digits and '-', starting and ending with a letter or digit"
        ),
    ),
    "an endpoint of alertmanager that is no name": Broken(
        {"connections.2.alertmanager.endpoint": "https://x"},
        (
            'spec.connections[2].alertmanager.endpoint: Invalid value: "https://x": must be '
            "lower case letters, digits and '-', starting and ending with a letter or digit"
        ),
    ),
}
