"""The plain words of a difference, shared by all renderers, so that text, Markdown and HTML say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cogfreeze.review.model import MOVED, REBUILT
from cogfreeze.review.packages import APT, FILE, KINDS
from cogfreeze.review.sizes import difference, size

if TYPE_CHECKING:
    from cogfreeze.review.facts import Fact
    from cogfreeze.review.model import (
        Diff,
        InputChange,
        KindChanges,
        LayerChange,
        LicenceChange,
        PackageChange,
        PlatformDiff,
    )

_WHAT = {REBUILT: "same version, other bytes", MOVED: "same bytes, other details"}


def what(change: PackageChange) -> str:
    """`upgraded`, `added`, `same version, other bytes`."""
    return _WHAT.get(change.what, change.what)


def name(change: PackageChange) -> str:
    """The package's name; a .deb of a foreign architecture says which."""
    package = change.package
    foreign = package.kind == APT and package.architecture not in (None, "all", "amd64", "arm64")
    return f"{package.name}:{package.architecture}" if foreign else package.name


def versions(change: PackageChange) -> str:
    """`2.4.5 → 2.4.6`, or the one version that there is."""
    old, new = change.before, change.after
    if old and new and old.version != new.version:
        return f"{old.version} → {new.version}"
    if old and new and old.commit != new.commit:
        return f"{new.version} ({(old.commit or 'none')[:12]} → {(new.commit or 'none')[:12]})"
    return change.package.version


def sizes(change: PackageChange) -> str:
    """`16.9 MB, +1.2 MB`; of one that came or went, its size alone."""
    if change.before and change.after:
        return f"{size(change.after.size)}, {difference(change.before.size, change.after.size)}"
    return size(change.package.size)


def origin(change: PackageChange) -> str:
    """Where it comes from, where that is not the usual place or has changed; else empty."""
    package = change.package
    if change.before and change.after and change.before.origin != change.after.origin:
        return f"from {change.after.origin}, before from {change.before.origin}"
    if package.form in ("sdist", "git", "local"):
        return f"built from source ({package.form})"
    if package.kind != APT and package.kind != FILE and package.origin not in ("pypi", "python"):
        return f"from {package.origin}"
    return ""


def because(change: PackageChange, parent: str) -> str:
    """`also for torch, scipy`: the declared packages besides the one that it stands under."""
    others = [each for each in change.because if each != parent]
    if not others:
        return ""
    shown = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
    return f"also for {shown}"


def unchanged_parent(parent: str) -> str:
    """The heading for what was pulled along by a declared package that stayed as it was."""
    return f"{parent} (unchanged) requires"


def fact(found: Fact) -> str:
    """`2026-11-20 → 2026-11-25`, with its note."""
    if found.before is None:
        text = f"{found.after} (new)"
    elif found.after is None:
        text = f"{found.before} (removed)"
    else:
        text = f"{found.before} → {found.after}"
    return f"{text} ({found.note})" if found.note else text


def input_change(change: InputChange) -> str:
    """`numpy==2.4.5 → numpy==2.4.6`, or what was added and what was removed."""
    if len(change.added) == len(change.removed) == 1:
        return f"{change.removed[0]} → {change.added[0]}"
    words = [f"added {each}" for each in change.added] + [f"removed {each}" for each in change.removed]
    return "; ".join(words) or "the order changed"


def licence(change: LicenceChange) -> str:
    """`MIT → GPL-3.0-only`, or a new package's licence alone."""
    return f"{change.before} → {change.after}" if change.before else change.after


def layers(platform: PlatformDiff) -> str | None:
    """What is rebuilt and pushed, in one sentence; None where nobody said what the layers are."""
    if platform.layers is None:
        return None
    if not platform.layers:
        return "no layer with packages changes"
    known = [each.after.size for each in platform.layers if each.after.size is not None]
    listed = ", ".join(layer(each) for each in platform.layers[:8])
    more = f" and {len(platform.layers) - 8} more" if len(platform.layers) > 8 else ""
    total = f"; {size(sum(known))} in all" if len(known) > 1 else ""
    return f"{len(platform.layers)} of {platform.all_layers}: {listed}{more}{total}"


def layer(change: LayerChange) -> str:
    """`numpy (16.9 MB)`."""
    return change.name if change.after.size is None else f"{change.name} ({size(change.after.size)})"


def summary(found: Diff) -> str:
    """One line for the top: how many packages came, went and changed, and the size of all downloads."""
    if found.is_empty:
        return "Nothing changed."
    changes = [*found.files, *(change for platform in found.platforms for change in platform.changes)]
    counts = dict.fromkeys(("added", "removed", "upgraded", "downgraded", REBUILT, MOVED), 0)
    for change in changes:
        counts[change.what] += 1
    words = [f"{count} {_WHAT.get(kind, kind)}" for kind, count in counts.items() if count]
    text = f"{len(changes)} {'package' if len(changes) == 1 else 'packages'}: {', '.join(words)}"
    if not changes:
        text = "No package changed"
    before = sum(each.size[0] for each in found.platforms)
    after = sum(each.size[1] for each in found.platforms)
    if before != after:
        text += f"; downloads {size(after)} ({difference(before, after)})"
    return text + "."


def counted(kind: KindChanges) -> str:
    """`Python packages (3)`."""
    title = KINDS[kind.kind]
    return f"{title[:1].upper()}{title[1:]} ({len(kind.all)})"


def status(platform: PlatformDiff) -> str:
    """The platform's heading: `linux/arm64, added`."""
    return platform.platform if platform.status == "changed" else f"{platform.platform}, {platform.status}"
