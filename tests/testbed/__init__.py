"""Real servers for tests, demo and benchmark: a Kubernetes control plane and PostgreSQL.

Everything comes from package registries (Go modules, PyPI, npm, Debian) and runs as the calling
user, without Docker. A `Run` owns one directory and the processes started in it; `ControlPlane` and
`Postgres` are started in a run, and nothing of them outlives the process that opened the run.
"""

from testbed.audit import AuditLog, AuditRecord
from testbed.control_plane import ControlPlane, KubectlError
from testbed.pgbouncer import PgBouncer, PoolMode
from testbed.pod_log import PodLog
from testbed.postgres import Postgres
from testbed.postgres_programs import Version
from testbed.processes import PortTakenError, Process, Run, ServerError, free_port

__all__ = [
    "AuditLog",
    "AuditRecord",
    "ControlPlane",
    "KubectlError",
    "PgBouncer",
    "PodLog",
    "PoolMode",
    "PortTakenError",
    "Postgres",
    "Process",
    "Run",
    "ServerError",
    "Version",
    "free_port",
]
