"""The steps of a procedure, and the checks that its table asks besides."""

from servicesop.api.checks.check import Check
from servicesop.api.procedures import Procedure, Step
from servicesop.api.sop import Spec
from servicesop.render.by_hand import Command, Names
from servicesop.render.commands.registry import by_hand
from servicesop.render.markdown import block, code, link, numbered, plain, prose


def steps(spec: Spec, procedure: Procedure) -> str:
    """Write the steps in their order, each with what a person types."""
    parts = [numbered(_step(spec, one) for one in procedure.steps)] if procedure.steps else []
    besides = checks_besides(spec, procedure)
    if besides:
        lead = "The table below also rests on:" if procedure.steps else "What is checked:"
        parts += [lead, numbered(_checked(spec, check) for check in besides)]
    return "\n\n".join(parts)


def checks_besides(spec: Spec, procedure: Procedure) -> tuple[Check, ...]:
    """Give the checks that decide something but are no step, in the order of the SOP."""
    rows = procedure.handle or ()
    decide = {ref.partition("/")[0] for row in rows if row.when for ref in row.when.refs}
    decide |= set(procedure.checks or ())
    shown = {step.check for step in procedure.steps}
    return tuple(one for one in spec.checks if one.name in decide - shown)


def _step(spec: Spec, step: Step) -> str:
    if step.check is not None:
        check = next(one for one in spec.checks if one.name == step.check)
        return _checked(spec, check, informational=step.informational)
    assert step.manual is not None, "manual or check is there"
    text = prose(step.manual)
    if step.informational:
        text += "\n\nThis is evidence; it decides nothing."
    if step.link is not None:
        to = next(one for one in spec.links if one.name == step.link)
        # Behind a list or a block of code a paragraph of its own; else in the same line.
        gap = "\n\n" if "\n" in text else ": "
        text = text.removesuffix(".") + gap if gap == ": " else text + gap
        text += link(to.title, to.url)
    return text


def _checked(spec: Spec, check: Check, *, informational: bool = False) -> str:
    done = by_hand(check, Names(spec))
    title = f": {plain(check.title)}" if check.title is not None else ""
    parts = [f"**{code(check.name)}**{title}"]
    notes = [f"It asserts that {done.asserts}."]
    if informational:
        notes.append("This is evidence; it decides nothing.")
    if check.depends_on:
        on = " and ".join(map(code, check.depends_on))
        notes.append(f"It says something only while {on} is well.")
    if check.suspend:
        notes.append("It is suspended: the operator does not run it.")
    parts.append(" ".join(notes))
    return "\n\n".join([*parts, *map(shown, done.commands)])


def shown(command: Command) -> str:
    """Write a command, and what it is for."""
    typed = block(command.language, command.text)
    return f"{command.says}\n\n{typed}" if command.says else typed
