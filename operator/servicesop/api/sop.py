"""The ServiceSOP's spec: the page as an object."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from servicesop.api.base import (
    ApiModel,
    Name,
    ObjectName,
    PositiveDuration,
    Prose,
    Rule,
    Sentence,
    Url,
    exactly_one,
)
from servicesop.api.checks.check import Check
from servicesop.api.dependencies import chain_error
from servicesop.api.incident_texts import IncidentText
from servicesop.api.keys import DataKey, SecretRef
from servicesop.api.kinds import WorkloadKind
from servicesop.api.procedures import Mode, Procedure


class Notify(StrEnum):
    """What people get."""

    NONE = "None"
    INFO = "Info"
    PAGE = "Page"


class TargetRef(ApiModel):
    """A workload in the SOP's own namespace."""

    kind: WorkloadKind
    """The kind of the workload."""
    name: ObjectName
    """Its name."""


class Target(ApiModel):
    """A workload that checks look at and actions may change."""

    name: Name
    """Unique in the SOP."""
    ref: TargetRef
    """The workload."""


class PostgresKeys(ApiModel):
    """Which key of the Secret holds what."""

    host: DataKey = "host"
    """One host name or address; no list, no socket path."""
    port: DataKey = "port"
    """The port."""
    database: DataKey = "database"
    """The database's name."""
    user: DataKey = "user"
    """A role with SELECT only, never the application's own."""
    password: DataKey = "password"  # noqa: S105 - the name of a key
    """Its password."""
    ca: DataKey | None = None
    """Certificates in PEM form of the authorities that may have signed the server's."""


class Tls(StrEnum):
    """How the connection is protected."""

    DISABLE = "Disable"
    REQUIRE = "Require"
    VERIFY_FULL = "VerifyFull"


class Postgres(ApiModel):
    """A PostgreSQL database."""

    rules = (
        Rule(
            "!has(self.tls) || (self.tls == 'VerifyFull') == (has(self.keys) && has(self.keys.ca))",
            "`keys.ca` must be set when, and only when, `tls` is VerifyFull",
            holds=lambda postgres: (
                postgres.tls is None
                or (postgres.tls is Tls.VERIFY_FULL) == (postgres.keys.ca is not None)
            ),
        ),
    )
    secret_ref: SecretRef
    """Where host, user and password are."""
    keys: PostgresKeys = PostgresKeys()
    """The keys of that Secret."""
    tls: Tls | None = None
    """VerifyFull encrypts and makes sure that it is the server of that name; it is the default
    where keys.ca is set. Require, the default otherwise, encrypts and verifies nothing: who stands
    between can read and change everything. Disable sends all in the clear where the server lets it.
    """
    allow_privileged_role: bool = False
    """Use the role although it may do more than read. The queries stay read-only, but such a role
    can read files, run programs or end other sessions from within a query."""

    @property
    def protection(self) -> Tls:
        """What `tls` says, or what it is by default."""
        if self.tls is not None:
            return self.tls
        return Tls.REQUIRE if self.keys.ca is None else Tls.VERIFY_FULL


class PrometheusEndpoint(ApiModel):
    """A Prometheus, or what answers its API (Thanos, Mimir), that the administrator has named."""

    endpoint: Name
    """The administrator's name for it."""


class AlertmanagerEndpoint(ApiModel):
    """An Alertmanager that the administrator has named."""

    endpoint: Name
    """The administrator's name for it."""


class Connection(ApiModel):
    """Something that checks ask."""

    rules = (exactly_one("postgres", "prometheus", "alertmanager"),)

    name: Name
    """Unique in the SOP."""
    postgres: Postgres | None = None
    """A PostgreSQL database."""
    prometheus: PrometheusEndpoint | None = None
    """A Prometheus that the operator's administrator has named."""
    alertmanager: AlertmanagerEndpoint | None = None
    """An Alertmanager that the operator's administrator has named."""


class Team(ApiModel):
    """Who is called."""

    name: Name
    """Unique in the SOP."""
    title: Sentence
    """What people call the team."""
    todo: Sentence | None = None
    """What is still missing about the team, kept visible."""


class Link(ApiModel):
    """A place that steps send people to."""

    name: Name
    """Unique in the SOP."""
    title: Sentence
    """What is found there."""
    url: Url
    """Where it is."""


class Spec(ApiModel):
    """One service's standard operating procedures."""

    title: Sentence
    """What the service is called."""
    summary: Prose | None = None
    """What the service does."""
    region: Name | None = None
    """Where it runs, such as us-south; `${region}` in texts."""
    mode: Mode = Mode.DRY_RUN
    """What the machine may do: Observe only reports, DryRun decides too, Enforce also acts."""
    notify: Notify = Notify.INFO
    """What people get. With Page, a remediation that the mode forbids is escalated at once."""
    suspend: bool = False
    """Stop the checks and everything that follows from them."""
    every: PositiveDuration = timedelta(seconds=30)
    """How often each check runs, unless it says otherwise."""
    blind_for: PositiveDuration = timedelta(minutes=10)
    """How long a procedure may be unknown before somebody is told."""
    reopen_within: PositiveDuration = timedelta(minutes=15)
    """A problem that comes back within this time continues the same episode."""
    unsure_for: PositiveDuration = timedelta(minutes=2)
    """How long to wait for unknown checks before the last row is taken."""
    targets: Annotated[tuple[Target, ...], Field(max_length=12)] = ()
    """Workloads; the first is the default."""
    connections: Annotated[tuple[Connection, ...], Field(max_length=12)] = ()
    """Databases and monitoring systems that checks may ask."""
    teams: Annotated[tuple[Team, ...], Field(min_length=1, max_length=24)]
    """Teams that escalations may name."""
    links: Annotated[tuple[Link, ...], Field(max_length=32)] = ()
    """Places that steps may name."""
    texts: Annotated[tuple[IncidentText, ...], Field(max_length=8)] = ()
    """Texts that escalations may name, such as notices for customers."""
    checks: Annotated[tuple[Check, ...], Field(min_length=1, max_length=64)]
    """The checks, each defined once."""
    procedures: Annotated[tuple[Procedure, ...], Field(min_length=1, max_length=24)]
    """The sections of the page."""

    @field_validator("procedures")
    @classmethod
    def _findings_exist(
        cls, procedures: tuple[Procedure, ...], info: ValidationInfo
    ) -> tuple[Procedure, ...]:
        # The API server looks at this, but not at the findings that a check names itself.
        found = {
            check.name: check.findings
            for check in info.data.get("checks", ())
            if check.logs and check.logs.classes
        }
        for procedure in procedures:
            for row in procedure.handle or ():
                for ref in row.when.refs if row.when else ():
                    check, _, finding = ref.partition("/")
                    if finding and finding not in found.get(check, (finding,)):
                        raise ValueError(
                            f"row {row.name} of {procedure.name} names {ref}; the findings of"
                            f" {check} are {' '.join(found[check])}"
                        )
        return procedures

    @model_validator(mode="after")
    def _pods_come_from_their_target(self) -> Self:
        # Beyond what the API server's rules can afford.
        by_name = {check.name: check.logs for check in self.checks}
        for procedure in self.procedures:
            for row in procedure.handle or ():
                delete = row.remediate.delete_pod if row.remediate else None
                logs = by_name.get(delete.pod_from) if delete else None
                if delete is None or logs is None:
                    continue
                where = f"row {row.name} of {procedure.name} deletes a pod from {delete.pod_from}"
                if logs.max is None:
                    raise ValueError(f"{where}, which must have max: only then it names a pod")
                targets = {self.target_named(logs.target), self.target_named(delete.target)}
                if None not in targets and len(targets) > 1:
                    raise ValueError(f"{where}, which must be a check of the same target")
        return self

    def target_named(self, name: str | None) -> Target | None:
        """Give the target that a check or an action means, which is the first without a name."""
        return next((one for one in self.targets if name in (None, one.name)), None)

    @model_validator(mode="after")
    def _depends_on_no_circle(self) -> Self:
        wrong = chain_error(self.checks)
        if wrong is not None:
            raise ValueError(wrong)
        return self
