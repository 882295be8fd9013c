"""The actions, as a person does them."""

from servicesop.api.procedures import Remediate
from servicesop.render.by_hand import KUBECTL, Command, Names, resource
from servicesop.render.markdown import code


def action(remediate: Remediate, names: Names) -> tuple[str, Command]:
    """Say in a few words what is done, and how a person does it."""
    assert remediate.restart is not None
    target = resource(names.target(remediate.restart.target))
    text = f"{KUBECTL} rollout restart {target}\n{KUBECTL} rollout status {target}"
    return f"restart {code(target)}", Command(text)
