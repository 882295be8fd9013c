"""The broken cases of spec.texts, and of what names one."""

from sop_cases.broken import Broken

_PLACEHOLDERS = (
    "must not hold other placeholders than"
    " ${service} ${namespace} ${procedure} ${opened} ${checks} ${region}"
)

CASES = {
    "two texts of one name": Broken(
        {"texts.1": {"name": "notice", "title": "Another", "text": "x"}},
        ("spec.texts: Invalid value: the names in texts must be unique: there are two notice"),
        by_models=False,
    ),
    "an unknown placeholder": Broken(
        {"texts.0.text": "since ${since}"},
        f'spec.texts[0].text: Invalid value: "since ${{since}}": {_PLACEHOLDERS}',
    ),
    "a placeholder that is not closed": Broken(
        {"texts.0.text": "$${region}, $5, ${region"},
        f'spec.texts[0].text: Invalid value: "$${{region}}, $5, ${{region": {_PLACEHOLDERS}',
    ),
    "an empty placeholder": Broken(
        {"texts.0.text": "${}"},
        f'spec.texts[0].text: Invalid value: "${{}}": {_PLACEHOLDERS}',
    ),
    "an unknown text of a row": Broken(
        {"procedures.3.handle.1.escalate.text": "page"},
        (
            "spec.procedures: Invalid value: procedures[].handle[].escalate.text must"
            " be the name of one of spec.texts; wrong in OnePodFails"
        ),
        by_models=False,
    ),
    "an unknown text of orElse": Broken(
        {"procedures.3.handle.0.orElse.text": "page"},
        (
            "spec.procedures: Invalid value: procedures[].handle[].orElse.text must"
            " be the name of one of spec.texts; wrong in OnePodFails"
        ),
        by_models=False,
    ),
    "a region that is no name": Broken(
        {"region": "US South"},
        (
            'spec.region: Invalid value: "US South": must be lower case letters, digits and '
            "'-', starting and ending with a letter or digit"
        ),
    ),
}
