"""Findings as SARIF 2.1.0, each at its line of cog.lock: what code hosts show beside a pull request's lines."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "unknown": "warning"}
# Code hosts sort security findings by a number.
_SCORES = {"critical": 9.5, "high": 8.0, "medium": 5.5, "low": 2.0, "unknown": 5.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One finding.

    Attributes:
        rule: the id of what was found: `CVE-2026-1234`, `other-hash`.
        title: what the rule is about, one line.
        severity: `critical`, `high`, `medium`, `low` or `unknown`.
        line: in the lock.
        identity: what makes it the same finding when its line moves.
        suppressed: why it is not reported; None where it is.
    """

    rule: str
    title: str
    message: str
    severity: str
    line: int
    identity: str
    score: float | None = None
    suppressed: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)


def document(results: Iterable[Result], file: str) -> dict[str, Any]:
    """Return the document.

    Args:
        file: the lock's path from the repository's root.
    """
    found = list(results)
    rules = {each.rule: each for each in found}
    order = {rule: number for number, rule in enumerate(sorted(rules))}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "cogfreeze",
                        "version": version("cogfreeze"),
                        "rules": [_rule(rules[rule]) for rule in order],
                    }
                },
                "results": [_result(each, order, file) for each in found],
            }
        ],
    }


def _rule(found: Result) -> dict[str, Any]:
    score = found.score if found.score is not None else _SCORES[found.severity]
    return {
        "id": found.rule,
        "shortDescription": {"text": found.title or found.rule},
        "properties": {"security-severity": f"{score:.1f}", "tags": ["security"]},
    }


def _result(found: Result, order: Mapping[str, int], file: str) -> dict[str, Any]:
    identity = hashlib.sha256(f"{found.rule}\0{found.identity}".encode()).hexdigest()
    result: dict[str, Any] = {
        "ruleId": found.rule,
        "ruleIndex": order[found.rule],
        "level": _LEVELS[found.severity],
        "message": {"text": found.message},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": file, "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": found.line},
                }
            }
        ],
        "partialFingerprints": {"cogfreeze/v1": identity},
    }
    if found.suppressed is not None:
        result["suppressions"] = [{"kind": "external", "justification": found.suppressed}]
    if found.properties:
        result["properties"] = dict(found.properties)
    return result
