"""The actions, as a person does them."""

from dataclasses import dataclass

from servicesop.api.procedures import DeletePod, Remediate, Restart
from servicesop.render.by_hand import KUBECTL, Command, Names, resource
from servicesop.render.markdown import code


@dataclass(frozen=True, slots=True)
class Action:
    """An action, as the page tells it."""

    says: str
    """What is done, as the rest of a sentence."""
    command: Command
    rules: tuple[str, ...] = ()
    """What must be true for it, each a sentence."""


def action(remediate: Remediate, names: Names) -> Action:
    """Say what is done, and how a person does it."""
    if remediate.delete_pod is not None:
        return _delete_pod(remediate.delete_pod, names)
    assert remediate.restart is not None, "one of them is there"
    return _restart(remediate.restart, names)


def _restart(restart: Restart, names: Names) -> Action:
    target = resource(names.target(restart.target))
    text = f"{KUBECTL} rollout restart {target}\n{KUBECTL} rollout status {target}"
    return Action(f"restart {code(target)}", Command(text))


def _delete_pod(delete: DeletePod, names: Names) -> Action:
    target = resource(names.target(delete.target))
    pod_from = code(delete.pod_from)
    text = (
        f"{KUBECTL} get poddisruptionbudgets\n"
        f"POD=...  # the one that the command of {delete.pod_from} shows\n"
        f'{KUBECTL} delete pod "$POD"'
    )
    budget = (
        "It may be done without a PodDisruptionBudget."
        if delete.allow_without_pdb
        else "A PodDisruptionBudget has to allow it; `kubectl delete` does not look at that."
    )
    return Action(
        f"delete the one pod of {code(target)} that {pod_from} singles out",
        Command(text),
        (f"Only if {pod_from} singles out exactly one pod.", budget),
    )
