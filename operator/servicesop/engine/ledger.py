"""Target records and budget, kept as ConfigMaps in the operator's own namespace.

Every change is a compare-and-swap: read, compute, write with the resourceVersion that was read. A
copy is kept in memory for decisions; the API server's is the one that counts.
"""

import hashlib
import logging
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

from pydantic import ValidationError

from servicesop.api.base import ApiModel
from servicesop.api.kinds import ActionKind
from servicesop.api.status import Outcome
from servicesop.api.times import whole_seconds
from servicesop.decide import ledger as rules
from servicesop.decide.ledger import Budget, BudgetEntry, Claim, TargetRecord
from servicesop.sources.kubernetes.client import ApiError, Json, KubeClient

LABEL = "servicesop.io/record"
BUDGET = "servicesop-budget"
_TRIES = 8

_log = logging.getLogger(__name__)
Record = TypeVar("Record", TargetRecord, Budget)
Target = tuple[str, str, str]
"""Namespace, kind, name."""


class Conflict(Exception):  # noqa: N818 - an answer, not a failure
    """Somebody else holds what was asked for, or who holds it cannot be told."""


class Ledger:
    """Claims targets, spends budgets, and gives both back. Raise ApiError and ApiUnreachable."""

    def __init__(
        self,
        client: KubeClient,
        namespace: str,
        *,
        now: Callable[[], datetime],
        open_ids: Callable[[], set[str]],
        alive: Callable[[], set[str]],
    ) -> None:
        """`open_ids` gives the ids of all open intents, of all SOPs; `alive` the SOPs' uids."""
        self._client = client
        self._path = f"/api/v1/namespaces/{namespace}/configmaps"
        self._now = now
        self._open_ids = open_ids
        self._alive = alive
        self._targets: dict[Target, TargetRecord] = {}
        self._budget = Budget()
        self.loaded = False

    async def load(self) -> None:
        """Read everything back; times in the future count from now (a clock was set back)."""
        targets: dict[Target, TargetRecord] = {}
        async for page in self._client.list_pages(self._path, {"labelSelector": f"{LABEL}=target"}):
            for item in page.items:
                try:
                    record = _parse(item, TargetRecord)
                except Conflict:
                    continue
                targets[_key(record)] = rules.not_later(record, self._now())
        self._targets = targets
        found = await self._read(BUDGET)
        try:
            budget = _parse(found, Budget) if found else Budget()
            self._budget = rules.budget_not_later(budget, self._now())
        except Conflict:
            return
        self.loaded = True

    def target(self, target: Target) -> TargetRecord:
        """Give what is remembered of a target."""
        return self._targets.get(target) or _blank(*target)

    def conflict(self, target: Target, action_id: str) -> bool:
        """Say whether somebody else may act on the target now; yes while that is not known."""
        if not self.loaded:
            return True
        record = self.target(target)
        return rules.claimed_by_other(record, action_id, self._now(), self._open_ids())

    def ends(self, target: Target) -> tuple[datetime, ...]:
        """Give the times at which time alone may change what `conflict` and `affordable` say."""
        return rules.ends(self.target(target), self._budget)

    @property
    def ground(self) -> tuple[object, ...]:
        """What it knows beside the records of targets; while that is the same, only time counts."""
        return (self.loaded, self._budget, self._open_ids())

    def affordable(self, namespace: str, targets: int, action_id: str) -> bool:
        """Say whether one more action fits the budgets; no while that is not known."""
        return self.loaded and rules.budget_left(
            self._budget, namespace, targets, action_id, self._open_ids(), self._now()
        )

    async def claim(
        self, target: Target, action_id: str, action: ActionKind, sop: str, uid: str
    ) -> None:
        """Claim a target for one action. Raise Conflict when somebody else holds it."""
        now = self._now()
        deadline = whole_seconds(now + rules.CLAIM_TIME)
        made = Claim(id=action_id, sop=sop, uid=uid, deadline=deadline)

        def enter(record: TargetRecord) -> TargetRecord:
            record = rules.reclaim(record, self._open_ids(), self._alive(), now)
            if rules.claimed_by_other(record, action_id, now, self._open_ids()):
                raise Conflict
            return rules.claim(record, made, action, now)

        await self._change_target(target, enter)

    async def spend(self, namespace: str, targets: int, action_id: str) -> None:
        """Enter an action into the budgets. Raise Conflict when they are exhausted."""
        now = self._now()

        def enter(budget: Budget) -> Budget:
            budget = rules.sweep(budget, self._open_ids(), now)
            open_ids = self._open_ids()
            if not rules.budget_left(budget, namespace, targets, action_id, open_ids, now):
                raise Conflict
            deadline = whole_seconds(now + rules.CLAIM_TIME)
            entry = BudgetEntry(id=action_id, namespace=namespace, time=now, deadline=deadline)
            return rules.spend(budget, entry, open_ids, now)

        await self._change_budget(enter)

    async def finish(self, target: Target, action_id: str, outcome: Outcome) -> None:
        """Write the outcome down, then give back the budget, then the claim."""
        await self._change_target(target, lambda one: rules.finish(one, action_id, outcome))
        had_effect = outcome.had_effect
        await self._change_budget(lambda one: rules.close(one, action_id, had_effect=had_effect))
        await self._change_target(target, lambda one: rules.release(one, action_id))

    async def sweep(self) -> None:
        """Void what a crash left behind, and drop records of targets that are long idle.

        What SOPs say about how their actions ended must have been written down before.
        """
        now, open_ids, alive = self._now(), self._open_ids(), self._alive()
        if rules.sweep(self._budget, open_ids, now) is not self._budget:
            await self._change_budget(lambda one: rules.sweep(one, self._open_ids(), now))
        for target, record in list(self._targets.items()):
            if rules.reclaim(record, open_ids, alive, now) is not record:
                await self._change_target(
                    target, lambda one: rules.reclaim(one, self._open_ids(), self._alive(), now)
                )
            if _idle(record, now):
                await self._delete(target, now)

    async def _change_target(
        self, target: Target, change: Callable[[TargetRecord], TargetRecord]
    ) -> None:
        def in_time(record: TargetRecord) -> TargetRecord:
            return change(rules.not_later(record, self._now()))

        self._targets[target] = await self._swap(_name(target), "target", _blank(*target), in_time)

    async def _change_budget(self, change: Callable[[Budget], Budget]) -> None:
        def in_time(budget: Budget) -> Budget:
            return change(rules.budget_not_later(budget, self._now()))

        self._budget = await self._swap(BUDGET, "budget", Budget(), in_time)

    async def _swap(
        self, name: str, label: str, empty: Record, change: Callable[[Record], Record]
    ) -> Record:
        for _ in range(_TRIES):
            found = await self._read(name)
            record = _parse(found, type(empty)) if found else empty
            changed = change(record)
            if changed == record:
                return record
            try:
                await self._write(name, label, changed, found)
            except ApiError as error:
                if error.status in (404, 409):
                    continue
                raise
            return changed
        raise Conflict

    async def _read(self, name: str) -> Json | None:
        try:
            return await self._client.get(f"{self._path}/{name}")
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def _write(self, name: str, label: str, record: ApiModel, found: Json | None) -> None:
        metadata: Json = {"name": name, "labels": {LABEL: label}}
        body: Json = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
        body["data"] = {"record": record.model_dump_json(by_alias=True, exclude_none=True)}
        if found is None:
            await self._client.create(self._path, body)
        else:
            metadata["resourceVersion"] = found["metadata"]["resourceVersion"]
            await self._client.replace(f"{self._path}/{name}", body)

    async def _delete(self, target: Target, now: datetime) -> None:
        found = await self._read(_name(target))
        self._targets.pop(target, None)
        if found is None:
            return
        record = _parse(found, TargetRecord)
        if not _idle(record, now):
            # Our copy was old: another process has acted.
            self._targets[target] = record
            return
        version = found["metadata"]["resourceVersion"]
        options = {"preconditions": {"resourceVersion": version}}
        try:
            await self._client.delete(f"{self._path}/{_name(target)}", options)
        except ApiError as error:
            if error.status not in (404, 409):
                raise


@lru_cache(maxsize=4096)
def _blank(namespace: str, kind: str, name: str) -> TargetRecord:
    """Give the record of a target to which nothing was done: most, and asked on every turn."""
    return TargetRecord(namespace=namespace, kind=kind, name=name)


def _idle(record: TargetRecord, now: datetime) -> bool:
    latest = max((entry.time for entry in record.actions), default=None)
    return record.claim is None and (latest is None or now - latest > rules.KEEP_IDLE)


def _name(target: Target) -> str:
    return "target-" + hashlib.sha256("/".join(target).encode()).hexdigest()[:20]


def _key(record: TargetRecord) -> Target:
    return (record.namespace, record.kind, record.name)


def _parse(item: Json, model: type[Record]) -> Record:
    try:
        return model.model_validate_json(item.get("data", {}).get("record", ""))
    except ValidationError:
        name = item["metadata"]["name"]
        _log.error(
            "the record in ConfigMap %s cannot be read, so nothing may be done that it limits;"
            " delete it to start afresh",
            name,
        )
        raise Conflict from None
