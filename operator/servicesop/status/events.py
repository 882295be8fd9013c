"""Events: what changed between two statuses, told once."""

from dataclasses import dataclass

from servicesop.api.status import CheckState, Escalation, Outcome, Phase, Status, Tri

NORMAL = "Normal"
WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class Note:
    """One Event: type, machine-readable reason and action, and one line for people."""

    type: str
    reason: str
    action: str
    text: str


def notes(before: Status, after: Status) -> list[Note]:
    """Give the transitions between two statuses, in the order in which they matter."""
    return [
        *_ready(before, after),
        *_checks(before, after),
        *_procedures(before, after),
        *_actions(before, after),
        *_escalations(before, after),
    ]


def _condition(status: Status, name: str) -> tuple[Tri | None, str]:
    for condition in status.conditions:
        if condition.type == name:
            return condition.status, condition.message
    return None, ""


def _ready(before: Status, after: Status) -> list[Note]:
    was, _ = _condition(before, "Ready")
    now, text = _condition(after, "Ready")
    if now is Tri.FALSE and was is not Tri.FALSE:
        return [Note(WARNING, "NotReady", "Run", text)]
    if now is Tri.TRUE and was is Tri.FALSE:
        return [Note(NORMAL, "Ready", "Run", "the checks run")]
    return []


def _checks(before: Status, after: Status) -> list[Note]:
    was = {one.name: one.state for one in before.checks}
    suspended, resumed = [], []
    skipped: dict[str, list[str]] = {}
    for one in after.checks:
        old = was.get(one.name)
        if old is None or old is one.state:
            continue
        if one.state is CheckState.SUSPENDED:
            suspended.append(one.name)
        elif old is CheckState.SUSPENDED:
            resumed.append(one.name)
        # A check that has not run yet is only waiting for its turn.
        elif one.state is CheckState.SKIPPED and old is not CheckState.NOT_RUN:
            skipped.setdefault(one.message or "", []).append(one.name)
    found = []
    if suspended:
        found.append(Note(NORMAL, "ChecksSuspended", "Run", ", ".join(suspended)))
    if resumed:
        found.append(Note(NORMAL, "ChecksResumed", "Run", ", ".join(resumed)))
    for why, names in skipped.items():
        found.append(Note(NORMAL, "ChecksSkipped", "Run", f"{', '.join(names)}: {why}"))
    return found


def _procedures(before: Status, after: Status) -> list[Note]:
    was = {procedure.name: procedure for procedure in before.procedures}
    found = []
    for procedure in after.procedures:
        old = was.get(procedure.name)
        # Unknown in between is no transition: neither a blind minute nor a restart of the operator
        # begins or ends an episode.
        happened = old is not None and (
            old.state is Tri.TRUE or (old.state is Tri.UNKNOWN and old.episode is not None)
        )
        _, text = _condition(after, procedure.name)
        if procedure.state is Tri.TRUE and not happened:
            note = Note(WARNING, "ProcedureStarted", "Decide", f"{procedure.name}: {text}")
            found.append(note)
        if procedure.state is Tri.FALSE and happened:
            found.append(Note(NORMAL, "ProcedureEnded", "Decide", f"{procedure.name} is over"))
        would = procedure.doing if (procedure.doing or "").startswith("would do") else None
        if would and (old is None or would != old.doing):
            found.append(Note(NORMAL, "DryRun", "Decide", f"{procedure.name}: {would}"))
    return found


def _actions(before: Status, after: Status) -> list[Note]:
    found = []
    sent = {one.id for one in before.intents if one.phase is not Phase.PLANNED}
    for intent in after.intents:
        if intent.phase is not Phase.PLANNED and intent.id not in sent:
            noun = intent.action.noun.capitalize()
            pod = f"evicted pod {intent.pod} of" if intent.pod else "restarted"
            text = f"{pod} {intent.kind} {intent.workload} (action {intent.id})"
            found.append(Note(NORMAL, f"{noun}Issued", noun, text))
    known = {item.id for item in before.history}
    for item in reversed(after.history):
        if item.id not in known:
            kind = NORMAL if item.outcome in (Outcome.HELPED, Outcome.NOT_NEEDED) else WARNING
            done = item.action.of(item.kind, item.workload)
            text = f"{done} (action {item.id}): {item.outcome}"
            noun = item.action.noun.capitalize()
            found.append(Note(kind, f"{noun}{item.outcome}", "Verify", text))
    return found


def _escalations(before: Status, after: Status) -> list[Note]:
    was = {one.key: one for one in before.escalations}
    now = {one.key for one in after.escalations}
    found = [
        Note(WARNING, "Escalated", "Escalate", _text(one))
        for one in after.escalations
        if one.key not in was or was[one.key].to != one.to
    ]
    found += [
        Note(NORMAL, "EscalationResolved", "Escalate", f"{', '.join(one.procedures)} is over")
        for key, one in was.items()
        if key not in now
    ]
    return found


def _text(one: Escalation) -> str:
    why = f": {one.message}" if one.message else ""
    return f"{', '.join(one.procedures)}: {one.reason}, to {', '.join(one.to)}{why}"
