"""A difference as lines for a terminal. The caller colours them by their style."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cogfreeze.review import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cogfreeze.review.model import Diff, KindChanges, PackageChange, PlatformDiff

DANGER, HEADING, PLAIN, FAINT = "danger", "heading", "plain", "faint"
# (style, text) of one line.
Line = tuple[str, str]


def lines(diff: Diff, *, most: int | None = None) -> Iterator[Line]:
    """Yield the lines of a difference.

    Args:
        most: at most so many lines of packages for each platform and kind; the rest is counted.
    """
    if diff.is_empty:
        yield PLAIN, words.summary(diff)
        return
    yield from _dangers(diff)
    yield from _advisories(diff)
    yield from _section("Declaration", (f"{each.key}: {words.input_change(each)}" for each in diff.inputs))
    yield from _section("Tools", (f"{each.name}: {words.fact(each)}" for each in diff.tools))
    yield from _section("Files that build.run downloads", map(_package, diff.files))
    for platform in diff.platforms:
        yield from _platform(platform, most)
    yield from _section("Licences", (f"{each.package}: {words.licence(each)}" for each in diff.licences))
    yield HEADING, words.summary(diff)


def _section(title: str, found: Iterable[str]) -> Iterator[Line]:
    for number, text in enumerate(found):
        if number == 0:
            yield HEADING, title
        yield PLAIN, f"  {text}"


def _dangers(diff: Diff) -> Iterator[Line]:
    if diff.dangers:
        yield DANGER, "Look at this first"
    for danger in diff.dangers:
        platform = f" ({danger.platform})" if danger.platform and len(diff.platforms) > 1 else ""
        yield DANGER, f"  {danger.subject} {danger.message}{platform}"
        if danger.detail:
            yield PLAIN, f"      {danger.detail}"


def _advisories(diff: Diff) -> Iterator[Line]:
    for title, style, found in (
        ("Known vulnerabilities that this brings in", DANGER, diff.introduced),
        ("Known vulnerabilities that this fixes", HEADING, diff.fixed),
    ):
        if found:
            yield style, title
        for each in found or ():
            summary = f": {each.summary}" if each.summary else ""
            yield (
                style if style == DANGER else PLAIN,
                f"  {each.id} ({each.severity}) {each.package} {each.version}{summary}",
            )


def _platform(platform: PlatformDiff, most: int | None) -> Iterator[Line]:
    yield HEADING, words.status(platform)
    for fact in platform.facts:
        yield PLAIN, f"  {fact.name}: {words.fact(fact)}"
    if platform.status == "removed":
        return
    for kind in platform.kinds:
        yield HEADING, f"  {words.counted(kind)}"
        found = list(_kind(kind))
        yield from found[:most]
        if most is not None and len(found) > most:
            yield FAINT, f"    and {len(found) - most} more lines; `cog diff` shows all"
    if (text := words.layers(platform)) is not None:
        yield PLAIN, f"  layers to rebuild and push: {text}"


def _kind(kind: KindChanges) -> Iterator[Line]:
    for declared in kind.declared:
        if declared.change:
            yield PLAIN, f"    {_package(declared.change)}"
        else:
            yield FAINT, f"    {words.unchanged_parent(declared.name)}"
        for change in declared.pulled:
            yield PLAIN, f"      {_package(change, declared.name)}"


def _package(change: PackageChange, parent: str = "") -> str:
    details = (words.what(change), words.sizes(change), words.origin(change), words.because(change, parent))
    version = "" if change.package.kind == "file" else f" {words.versions(change)}"
    return f"{words.name(change)}{version}, " + ", ".join(each for each in details if each)
