"""The rule about overlays: they change what the base has, they do not lose it."""

from collections.abc import Iterator

from servicesop.lint.rules import Problem, Subject


def lost_in_overlay(subject: Subject) -> Iterator[Problem]:
    """Find what the base has and the SOP made of it has not."""
    if subject.base is None:
        return
    for field, what in (("checks", "check"), ("procedures", "procedure")):
        left = {item.name for item in getattr(subject.spec, field)}
        lost = [one.name for one in getattr(subject.base, field) if one.name not in left]
        if lost:
            yield Problem(
                f"spec.{field}",
                f"the base has the {what}{'s' * (len(lost) > 1)} {', '.join(lost)}, which"
                f" {'are' if len(lost) > 1 else 'is'} lost here",
            )
