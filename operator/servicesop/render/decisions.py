"""The decision table in words, row by row."""

from collections.abc import Mapping

from servicesop.api.durations import format_duration
from servicesop.api.procedures import Escalate, Procedure, Remediate, Row, When
from servicesop.api.sop import Spec
from servicesop.render.actions import action
from servicesop.render.by_hand import Names
from servicesop.render.findings import WORDS
from servicesop.render.markdown import bullets, code, numbered, plain
from servicesop.render.steps import shown


class Decisions:
    """Writes tables.

    `escalations` is the anchor of the section about the teams, `texts` those of the texts by name.
    """

    def __init__(self, spec: Spec, escalations: str, texts: Mapping[str, str]) -> None:
        self._spec = spec
        self._names = Names(spec)
        self._escalations = escalations
        self._texts = texts
        self._titles = {text.name: text.title for text in spec.texts}
        self._types = {check.name: check.type for check in spec.checks}
        self._teams = {team.name: team.title for team in spec.teams}

    def table(self, procedure: Procedure) -> str:
        """Write the table of a procedure."""
        lead = (
            "Read from the top; the first that is true decides. If it cannot be told whether one is"
            " true, do not act by a later one, and take the last."
        )
        return f"{lead}\n\n{numbered(self._row(row) for row in procedure.handle or ())}"

    def _row(self, row: Row) -> str:
        head = "Otherwise, or if unsure" if row.when is None else f"If {self._when(row.when)}"
        name = f"**{code(row.name)}**"
        if row.remediate is not None:
            done = action(row.remediate, self._names)
            rules = bullets([*done.rules, *self._rules(row, row.remediate)])
            return f"{name}: {head}, {done.says}.\n\n{shown(done.command)}\n\n{rules}"
        if row.hold is not None:
            because = plain(row.hold.because)
            limit = format_duration(row.hold.at_most)
            return f"{name}: {head}, wait, at most {limit}: {because}"
        assert row.escalate is not None, "one of the three is there"
        return f"{name}: {head}, {self._escalate(row.escalate)}"

    def _when(self, when: When) -> str:
        parts = []
        if when.any_failed:
            refs = " or ".join(map(self._ref, when.any_failed))
            parts.append(f"{refs} has failed")
        if when.all_failed:
            refs = " and ".join(map(self._ref, when.all_failed))
            parts.append(f"{refs} {'has' if len(when.all_failed) == 1 else 'have all'} failed")
        if when.all_passed:
            refs = " and ".join(map(self._ref, when.all_passed))
            parts.append(f"{refs} {'is' if len(when.all_passed) == 1 else 'are all'} well")
        return ", while ".join(parts) if when.all_passed else ", and ".join(parts)

    def _ref(self, ref: str) -> str:
        check, _, finding = ref.partition("/")
        if not finding:
            return code(check)
        words = WORDS[self._types[check]].get(finding)
        return f"{code(ref)}{f' ({words})' if words is not None else ''}"

    def _rules(self, row: Row, remediate: Remediate) -> list[str]:
        attempts, total = remediate.attempts, remediate.at_most
        cooldown = format_duration(remediate.cooldown)
        rules = [
            f"At most {_times(attempts.max)} in {format_duration(attempts.per)} without success, at"
            f" most {_times(total.max)} in {format_duration(total.per)} in all, {cooldown} apart.",
            f"Then wait {format_duration(remediate.settle)}, and see whether it helped:"
            f" {self._proof(row, remediate)}.",
        ]
        if remediate.mode is not None:
            mode = code(remediate.mode.value)
            rules.append(f"The operator does this in the mode {mode} at most.")
        if row.or_else is not None:
            rules.append(f"Where it may not be done or did not help, {self._escalate(row.or_else)}")
        else:
            rules.append("Where it may not be done or did not help, take the last of these.")
        return rules

    def _proof(self, row: Row, remediate: Remediate) -> str:
        if remediate.verify is not None:
            checks, within = remediate.verify.checks, format_duration(remediate.verify.within)
            return f"{' and '.join(map(code, checks))} must be well within {within}"
        refs = row.when.refs if row.when is not None else ()
        names = dict.fromkeys(ref.partition("/")[0] for ref in refs)
        return f"{' and '.join(map(code, names))} must be well"

    def _escalate(self, escalate: Escalate) -> str:
        teams = " and ".join(
            f"[{plain(self._teams[team])}](#{self._escalations})" for team in escalate.to
        )
        says = f"escalate to {teams}"
        if escalate.text is not None:
            title = plain(self._titles[escalate.text])
            says += f", with the text [{title}](#{self._texts[escalate.text]})"
        return f"{says}." if escalate.because is None else f"{says}: {plain(escalate.because)}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
