"""Say where requirements/*.txt do not fit pyproject.toml, without asking any package index."""

import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_PIN = re.compile(r"(?m)^([A-Za-z0-9][-._A-Za-z0-9]*)==(\S+)((?:.*\\\n)*.*)")

# What a set holds of others it holds in the same versions.
_PARTS = {"test": ("build", "run"), "dev": ("test",)}


@dataclass(frozen=True, slots=True)
class Pin:
    """One locked package."""

    version: str
    hashes: int


def main(root: Path) -> int:
    """Print every fault of the lock files under `root`; 1 if there is one."""
    faults = find_faults(root)
    for fault in faults:
        print(f"{fault}; run make lock", file=sys.stderr)
    return 1 if faults else 0


def find_faults(root: Path) -> list[str]:
    """Compare each lock file with what the project asks for, and with the sets that it holds."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    build = project["build-system"]["requires"]
    run = project["project"]["dependencies"]
    test = [*run, *build, *extras["test"]]
    wanted = {"build": build, "run": run, "test": test, "dev": [*test, *extras["dev"]]}
    texts = {name: (root / "requirements" / f"{name}.txt").read_text() for name in wanted}
    locked = {name: _pins(text) for name, text in texts.items()}
    faults = []
    for name, pins in locked.items():
        found = _missing(pins, wanted[name])
        found += [f"{package} has no hash" for package, pin in pins.items() if not pin.hashes]
        if "://" in texts[name]:
            found.append("a lock file must hold no URL")
        for part in _PARTS.get(name, ()):
            found += [
                f"{package} must be {pin.version} as in {part}.txt"
                for package, pin in locked[part].items()
                if package not in pins or pins[package].version != pin.version
            ]
        faults += [f"requirements/{name}.txt: {fault}" for fault in found]
    return faults


def _pins(text: str) -> dict[str, Pin]:
    return {
        canonicalize_name(name): Pin(version, rest.count("--hash=sha256:"))
        for name, version, rest in _PIN.findall(text)
    }


def _missing(pins: dict[str, Pin], wanted: list[str]) -> list[str]:
    faults = []
    for requirement in map(Requirement, wanted):
        pin = pins.get(canonicalize_name(requirement.name))
        if pin is None:
            faults.append(f"{requirement} is not locked")
        elif not requirement.specifier.contains(pin.version, prereleases=True):
            faults.append(f"{requirement} is asked for, {pin.version} is locked")
    return faults


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent))
