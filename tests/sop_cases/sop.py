"""The broken cases of an SOP as a whole."""

from sop_cases.broken import Broken

CASES = {
    "a duration in words": Broken(
        {"every": "often"},
        ('spec.every: Invalid value: "often": must be a duration such as "30s", "3m" or "1h30m"'),
    ),
    "an interval below a second": Broken(
        {"every": "0s"}, 'spec.every: Invalid value: "0s": must be at least "1s"'
    ),
}
