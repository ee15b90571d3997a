"""The checks of a pull request put together: one comment, one JSON, one SARIF, one exit status."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cogfreeze.review.render import as_json, markdown
from cogfreeze.review.sarif import Result

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cogfreeze.review.lines import Lines
    from cogfreeze.review.model import Danger, Diff

# By this the comment is found again, and replaced.
MARKER = "<!-- cogfreeze-ci -->"
# Code hosts refuse longer comments; GitHub's limit is 65,536.
_LONGEST = 60_000

CURRENT, ORIGINS, AUDIT, LICENCES, IMAGE = "lock", "origins", "audit", "licenses", "image"
# Check → exit status where it fails; the first that fails decides. 2 stays for unusable input.
STATUSES = {CURRENT: 1, ORIGINS: 3, AUDIT: 4, LICENCES: 5, IMAGE: 6}
_TITLES = {
    CURRENT: "the lock matches the declaration",
    ORIGINS: "its origins confirm what changed",
    AUDIT: "no known vulnerabilities",
    LICENCES: "the licences are accepted",
    IMAGE: "the image is built as recorded",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check.

    Attributes:
        name: a key of `STATUSES`.
        passed: None where it was skipped.
        summary: one sentence.
        findings: a line of text for each, as text and not Markdown.
        results: the same for SARIF.
        details: the same for JSON.
    """

    name: str
    passed: bool | None
    summary: str
    findings: tuple[str, ...] = ()
    results: tuple[Result, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


def exit_status(checks: tuple[Check, ...]) -> int:
    """Return the status of the first check that failed; 0 where none did."""
    return next((STATUSES[each.name] for each in checks if each.passed is False), 0)


def comment(checks: tuple[Check, ...], diff: Diff, lock: str) -> str:
    """Return the comment's Markdown. It begins with `MARKER`."""
    failed = [each for each in checks if each.passed is False]
    head = f"## {markdown.code(lock)}: {'review needed' if failed or diff.dangers else 'nothing found'}"
    parts = [MARKER, head, "", "| check | result |", "|---|---|"]
    parts += [f"| {_TITLES[each.name]} | {_word(each)}: {_cell(each.summary)} |" for each in checks]
    for each in failed:
        shown = each.findings[:20]
        parts += ["", f"**{_TITLES[each.name][:1].upper()}{_TITLES[each.name][1:]}: no**", ""]
        parts += [f"- {markdown.code(text)}" for text in shown]
        if len(each.findings) > len(shown):
            parts.append(f"- and {len(each.findings) - len(shown)} more")
    text = "\n".join(parts) + "\n\n" + markdown.render(diff, title=f"Changes since {diff.before}")
    if len(text) <= _LONGEST:
        return text
    cut = text[:_LONGEST].rpartition("\n")[0]
    closed = "\n\n</details>" if cut.count("<details>") > cut.count("</details>") else ""
    return f"{cut}{closed}\n\nThis is cut here; `cog diff` shows the rest.\n"


def _word(check: Check) -> str:
    return "skipped" if check.passed is None else "yes" if check.passed else "**no**"


def _cell(text: str) -> str:
    return markdown.code(text).replace("|", "\\|")


def document(checks: tuple[Check, ...], diff: Diff) -> dict[str, Any]:
    """Return everything as JSON values."""
    return {
        "format": 1,
        "status": exit_status(checks),
        "checks": [
            {
                "name": each.name,
                "passed": each.passed,
                "summary": each.summary,
                "findings": list(each.findings),
                "details": dict(each.details),
            }
            for each in checks
        ],
        "diff": as_json.render(diff),
    }


def results(checks: tuple[Check, ...], diff: Diff, lines: Lines) -> Iterator[Result]:
    """Yield every finding as SARIF results, the diff's dangers too."""
    seen = set()
    for check in checks:
        for result in check.results:
            seen.add((result.rule, result.line))
            yield result
    for danger in diff.dangers:
        found = _danger(danger, lines)
        if (found.rule, found.line) not in seen:
            yield found


def _danger(danger: Danger, lines: Lines) -> Result:
    detail = f" ({danger.detail})" if danger.detail else ""
    return Result(
        rule=danger.rule,
        title=danger.message,
        message=f"{danger.subject} {danger.message}{detail}",
        severity="high",
        line=lines.of(danger.place),
        identity=f"{danger.platform} {danger.subject}",
    )
