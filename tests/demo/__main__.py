"""`python -m demo`: see --help."""

import argparse
import contextlib
import shutil
import signal
import sys

from demo.parent import end_with_parent
from demo.scene import Scene
from demo.story import Plan, StepFailedError, Story
from demo.terminal import Terminal
from testbed import KubectlError, ServerError, binaries

_DESCRIPTION = """\
Shows the operator's main job on a real Kubernetes control plane and a real PostgreSQL, all on this
machine, and removes everything at the end. The fleet manager in it is a stand-in.
"""
_EXIT_CODES = """\
exit codes: 0 all came true; 10 + N: step N did not come true and the service was not touched;
20 + N: it did not, and the service's pods were restarted; 1: the demo could not be set up.
"""
_SETUP_FAILED = 1
_UNTOUCHED = 10
_TOUCHED = 20


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("make demo", description=_DESCRIPTION, epilog=_EXIT_CODES)
    parser.add_argument(
        "--keep", action="store_true", help="leave everything up at the end, until Ctrl-C"
    )
    against = parser.add_argument_group("to see it fail (step 2 must not come true)")
    against.add_argument(
        "--without-operator", action="store_true", help="do not start the operator"
    )
    against.add_argument(
        "--mode", choices=["Enforce", "DryRun", "Observe"], default="Enforce", help="the SOP's mode"
    )
    against.add_argument(
        "--fault",
        choices=["leader", "database"],
        default="leader",
        help="what happens in step 2: stop the database instead of losing the leader",
    )
    return parser.parse_args()


def _set_up(scene: Scene, terminal: Terminal, plan: Plan) -> None:
    terminal.title("A broken fleet manager is seen, healed and reported")
    binaries.ensure()
    scene.start_servers()
    kubernetes, postgres = scene.versions()
    terminal.setting(
        "Servers", f"Kubernetes {kubernetes} and PostgreSQL {postgres}: real, on this machine"
    )
    scene.start_service()
    terminal.setting(
        "Service",
        "kas-fleet-manager, a Deployment of 3 pods with a database. The nodes are simulated, and"
        " what runs in the pods is a stand-in that behaves like the real one.",
    )
    scene.install()
    if plan.operator:
        scene.start_operator()
        assert scene.operator is not None
        terminal.setting(
            "Operator",
            f"servicesop run (pid {scene.operator.process.pid}), rights of manifests/install",
        )
    terminal.setting("SOP", f"tests/demo/kas-fleet-manager.yaml, mode {plan.mode}")


def _tell(scene: Scene, terminal: Terminal, plan: Plan) -> int:
    story = Story(scene, terminal, plan)
    scene.apply_sop(plan.mode)
    try:
        story.tell()
    except StepFailedError as error:
        story.show_end()
        terminal.failed(str(error))
        terminal.note(story.tally())
        return (_UNTOUCHED if story.untouched() else _TOUCHED) + error.step
    terminal.done("The audit log has exactly one restart: the one that helped.")
    return 0


def _keep(scene: Scene, terminal: Terminal) -> None:
    kubectl = shutil.which("kubectl") or str(binaries.ensure() / "kubectl")
    terminal.block(
        "Everything stays up until Ctrl-C here. To look, in another terminal:",
        f"export KUBECONFIG={scene.control_plane.kubeconfig}\n"
        f"{kubectl} -n {scene.service.namespace} get servicesops -o wide --watch\n"
        f"{kubectl} -n {scene.service.namespace} get servicesop kas-fleet-manager -o yaml",
    )
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            signal.pause()


def main() -> int:
    """Run the demo and return its exit code."""
    end_with_parent()
    arguments = _arguments()
    plan = Plan(not arguments.without_operator, arguments.mode, arguments.fault)
    terminal = Terminal()
    try:
        with Scene() as scene:
            try:
                _set_up(scene, terminal, plan)
                code = _tell(scene, terminal, plan)
            except (KubectlError, ServerError) as error:
                terminal.failed(f"the demo could not be set up: {error}")
                return _SETUP_FAILED
            if arguments.keep:
                _keep(scene, terminal)
            return code
    except KeyboardInterrupt:
        terminal.note("Interrupted: everything has been removed.")
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
