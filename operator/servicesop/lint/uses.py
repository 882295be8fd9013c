"""Rules about what an SOP defines and does not use."""

from collections.abc import Iterator

from servicesop.api.sop import Notify
from servicesop.lint.fields import references
from servicesop.lint.rules import Problem, Subject

_KINDS = {
    "teams": ("team", "no escalation names it"),
    "links": ("link", "no step names it"),
    "texts": ("text", "no escalation names it"),
    "connections": ("connection", "no check asks it"),
}


def unused_checks(subject: Subject) -> Iterator[Problem]:
    """Find checks that nothing rests on."""
    named = references(subject.spec, "checks", "findings")
    used = {ref.partition("/")[0] for _, ref in named}
    for number, check in enumerate(subject.spec.checks):
        if check.name not in used:
            yield Problem(
                f"spec.checks[{number}].name",
                f"the check {check.name} is run, and no procedure, row, step or other check"
                " names it",
            )


def unused_entries(subject: Subject) -> Iterator[Problem]:
    """Find teams, links, texts and connections that nothing names."""
    for field, (what, why) in _KINDS.items():
        used = {name for _, name in references(subject.spec, field)}
        for number, item in enumerate(getattr(subject.spec, field)):
            if item.name not in used:
                path = f"spec.{field}[{number}].name"
                yield Problem(path, f"the {what} {item.name} is not used: {why}")


def nobody_told(subject: Subject) -> Iterator[Problem]:
    """Find an SOP whose escalations reach nobody."""
    if subject.spec.notify is Notify.NONE:
        yield Problem("spec.notify", "rows escalate to teams, and notify: None tells nobody")
