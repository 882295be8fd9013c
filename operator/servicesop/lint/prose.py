"""Rules about what people read: the prose of the page, and its steps."""

from collections.abc import Iterator

from servicesop.lint.rules import Problem, Subject


def missing_prose(subject: Subject) -> Iterator[Problem]:
    """Find places where people would look for a word and find none."""
    if subject.spec.summary is None:
        yield Problem("spec", "there is no summary of the service")
    for number, procedure in enumerate(subject.spec.procedures):
        path = f"spec.procedures[{number}]"
        # Under a second title it is the same section.
        wanted = ("title",) if procedure.same_as else ("title", "impact", "summary")
        missing = [field for field in wanted if getattr(procedure, field) is None]
        if missing:
            yield Problem(path, f"the procedure {procedure.name} lacks {' and '.join(missing)}")
        for index, row in enumerate(procedure.handle or ()):
            # What the last row is for is plain: nothing else was found.
            if row.escalate and not row.otherwise and row.escalate.because is None:
                yield Problem(
                    f"{path}.handle[{index}].escalate",
                    f"row {row.name} of {procedure.name} hands over without a because",
                )


def checks_without_step(subject: Subject) -> Iterator[Problem]:
    """Find checks by which a procedure happens and which its page does not mention."""
    for number, procedure in enumerate(subject.spec.procedures):
        # Who takes another's steps cannot add to them.
        if procedure.handle is None:
            continue
        shown = {step.check for step in procedure.steps}
        for index, name in enumerate(procedure.checks or ()):
            if name not in shown:
                yield Problem(
                    f"spec.procedures[{number}].checks[{index}]",
                    f"{procedure.name} happens by {name}, and none of its steps is that check",
                )
