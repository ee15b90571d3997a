"""A difference as JSON values; `docs/review.md` describes them. `FORMAT` rises when a key changes its meaning."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cogfreeze.review.model import Advisory, Diff, PackageChange, PlatformDiff
    from cogfreeze.review.packages import Package

FORMAT = 1


def render(diff: Diff) -> dict[str, Any]:
    """Return a difference; what isn't there is null, what nobody asked for too."""
    return {
        "format": FORMAT,
        "before": diff.before,
        "after": diff.after,
        "first": diff.is_first,
        "same": diff.is_empty,
        "dangers": [
            {key: getattr(each, key) for key in ("rule", "platform", "subject", "message", "detail")}
            for each in diff.dangers
        ],
        "declaration": [
            {"key": each.key, "added": list(each.added), "removed": list(each.removed)} for each in diff.inputs
        ],
        "tools": [asdict(each) for each in diff.tools],
        "files": [_change(each) for each in diff.files],
        "platforms": [_platform(each) for each in diff.platforms],
        "licences": [asdict(each) for each in diff.licences],
        "advisories": {"introduced": _advisories(diff.introduced), "fixed": _advisories(diff.fixed)},
    }


def _advisories(found: tuple[Advisory, ...] | None) -> list[dict[str, Any]] | None:
    return None if found is None else [asdict(each) for each in found]


def _platform(platform: PlatformDiff) -> dict[str, Any]:
    layers = None
    if platform.layers is not None:
        layers = [
            {"name": each.name, "new": each.before is None, "size": each.after.size} for each in platform.layers
        ]
    return {
        "platform": platform.platform,
        "status": platform.status,
        "facts": [asdict(each) for each in platform.facts],
        "packages": [_change(each) for each in platform.changes],
        "size": {"before": platform.size[0], "after": platform.size[1]},
        "layers": layers,
    }


def _change(change: PackageChange) -> dict[str, Any]:
    return {
        "kind": change.package.kind,
        "name": change.package.name,
        "architecture": change.package.architecture,
        "change": change.what,
        "declared": change.package.is_declared,
        "because": list(change.because),
        "before": _package(change.before),
        "after": _package(change.after),
    }


def _package(package: Package | None) -> dict[str, Any] | None:
    if package is None:
        return None
    keys = ("version", "form", "file", "sha256", "size", "origin", "url", "commit", "hash_origin")
    return {key: getattr(package, key) for key in keys}
