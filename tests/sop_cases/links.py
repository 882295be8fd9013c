"""The broken cases of spec.links, and of what names one."""

from sop_cases.broken import Broken

CASES = {
    "two links of one name": Broken(
        {"links.1": {"name": "sentry", "title": "S", "url": "https://s.example.com"}},
        ("spec.links: Invalid value: the names in links must be unique: there are two sentry"),
        by_models=False,
    ),
    "a link that is no URL": Broken(
        {"links.0.url": "sentry.example.com"},
        (
            'spec.links[0].url: Invalid value: "sentry.example.com": must be an '
            "http:// or https:// URL"
        ),
    ),
    "a link beside a check": Broken(
        {"procedures.0.steps.1.link": "sentry"},
        ("spec.procedures[0].steps[1]: Invalid value: link is only allowed beside manual"),
    ),
    "an unknown link of a step": Broken(
        {"procedures.0.steps.0.link": "grafana"},
        (
            "spec.procedures: Invalid value: procedures[].steps[].link must be the "
            "name of one of spec.links; wrong in ClusterProvisioningLatency"
        ),
        by_models=False,
    ),
}
