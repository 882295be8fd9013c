"""The SOP of the model test of actions, and what its checks may be answered."""

from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Spec
from servicesop.judge.debounce import Windows
from servicesop.judge.results import Sample, error, failed, passed
from unit.decide.scenes import minutes, seconds, spec_of

GOOD, BAD, DARK = "good", "bad", "dark"
OTHER, THIRD = "other", "third"
"""Bad for another reason, which no row is about."""
CHANGING = "changing"
"""Bad for each of the three reasons in turn."""
ANSWERS: dict[str, Sample] = {
    GOOD: passed(),
    BAD: failed({"TooMany"}, "too many"),
    OTHER: failed({"TooFew"}, "too few"),
    THIRD: failed({"SinglePod"}, "only one pod"),
    DARK: error(UnknownReason.UNREACHABLE, "no connection"),
}
DATABASE, LEADER, OCM = CHECKS = ("database", "leader", "ocm")
ROUND = seconds(30)
START_HOLD = seconds(60)
MOST, IN_VAIN, COOLDOWN = 3, 2, minutes(10)
WINDOWS = Windows(fail=dict.fromkeys(("TooMany", "TooFew", "SinglePod"), ROUND), recover=ROUND)


def spec(mode: str = "Enforce", suspended: frozenset[str] = frozenset()) -> Spec:
    logs = {"pattern": "x", "within": "1m", "max": 0}
    waits = {LEADER: [DATABASE]}
    return spec_of(
        mode=mode,
        reopenWithin="3m",
        checks=[
            {
                "name": name,
                "logs": logs,
                "dependsOn": waits.get(name, []),
                "suspend": name in suspended,
            }
            for name in CHECKS
        ],
        procedures=[
            {
                "name": "Latency",
                "checks": ["leader"],
                "handle": [
                    {
                        "name": "ocm-refuses",
                        "when": {"anyFailed": ["ocm/TooMany"]},
                        "escalate": {"to": ["ocm-support"]},
                    },
                    {
                        "name": "no-leader",
                        "when": {"anyFailed": ["leader/TooMany"]},
                        "remediate": {
                            "restart": {},
                            "settle": "20s",
                            "verify": {"checks": ["leader"], "within": "1m"},
                            "attempts": {"max": IN_VAIN, "per": "6h"},
                            "atMost": {"max": MOST, "per": "24h"},
                            "cooldown": "10m",
                        },
                    },
                    {
                        "name": "otherwise",
                        "otherwise": True,
                        "escalate": {"to": ["control-plane"]},
                    },
                ],
            }
        ],
    )
