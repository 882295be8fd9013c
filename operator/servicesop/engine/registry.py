"""All SOPs of the process, and what is looked up across them on every decision."""

from collections import Counter, defaultdict

from servicesop.engine.sop import Key, Sop
from servicesop.sources.kubernetes.workloads import Place


class Registry:
    """The SOPs by key, with indexes that are kept, not computed: there may be thousands."""

    def __init__(self) -> None:
        self._sops: dict[Key, Sop] = {}
        self._acting: dict[Key, Sop] = {}
        self._targets: Counter[Place] = Counter()
        self._reacting: defaultdict[Place, set[tuple[Key, str]]] = defaultdict(set)
        self._changing: defaultdict[Place, set[Key]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._sops)

    def all(self) -> tuple[Sop, ...]:
        """Give all SOPs, as they are now."""
        return tuple(self._sops.values())

    def get(self, key: Key) -> Sop | None:
        """Give an SOP by its key."""
        return self._sops.get(key)

    def add(self, sop: Sop) -> None:
        """Enter an SOP."""
        self._sops[sop.key] = sop

    def remove(self, key: Key) -> Sop | None:
        """Take an SOP out; give it if it was there."""
        self._acting.pop(key, None)
        return self._sops.pop(key, None)

    def note(self, sop: Sop) -> None:
        """Take note of the actions in an SOP's status."""
        if sop.status.intents or sop.status.history:
            self._acting[sop.key] = sop
        else:
            self._acting.pop(sop.key, None)

    def open_ids(self) -> set[str]:
        """Give the ids of all actions that some SOP answers for: open, or not yet settled."""
        ids = set()
        for sop in self._acting.values():
            ids |= {intent.id for intent in sop.status.intents}
            ids |= {item.id for item in sop.status.history}
        return ids

    def alive(self) -> set[str]:
        """Give the uids of all SOPs."""
        return {sop.uid for sop in self._sops.values()}

    def link(self, sop: Sop) -> None:
        """Enter which workloads an SOP's spec names, and which of its checks react to them."""
        for place, names in _reacting(sop).items():
            self._reacting[place] |= {(sop.key, name) for name in names}
        for place in _places(sop):
            self._targets[place] += 1
            if _acts(sop):
                self._changing[place].add(sop.key)

    def unlink(self, sop: Sop) -> None:
        """Take back what `link` has entered."""
        for place, names in _reacting(sop).items():
            self._reacting[place] -= {(sop.key, name) for name in names}
            if not self._reacting[place]:
                del self._reacting[place]
        for place in _places(sop):
            self._targets[place] -= 1
            if not self._targets[place]:
                del self._targets[place]
            self._changing[place].discard(sop.key)
            if not self._changing[place]:
                del self._changing[place]

    def reacting(self, place: Place) -> tuple[tuple[Key, str], ...]:
        """Give the checks, by SOP and name, that run when a workload changes."""
        return tuple(self._reacting.get(place, ()))

    def changing(self, place: Place) -> tuple[Sop, ...]:
        """Give the SOPs that may act on a workload."""
        found = (self._sops.get(key) for key in self._changing.get(place, ()))
        return tuple(sop for sop in found if sop is not None)

    def count_targets(self) -> int:
        """Count the workloads that SOPs name."""
        return len(self._targets)


def _places(sop: Sop) -> set[Place]:
    targets = sop.spec.targets if sop.spec else ()
    return {(sop.namespace, target.ref.kind, target.ref.name) for target in targets}


def _reacting(sop: Sop) -> dict[Place, set[str]]:
    found: dict[Place, set[str]] = {}
    for name, watched in sop.watched.items():
        ref = watched.runner.reacts_to
        if ref is not None:
            found.setdefault((sop.namespace, ref.kind, ref.name), set()).add(name)
    return found


def _acts(sop: Sop) -> bool:
    return any(row.remediate for section in sop.sections for row in section.rows)
