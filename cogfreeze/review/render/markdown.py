"""A difference as Markdown for a pull request's comment. Every value stands in a code span, escaped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cogfreeze.review import words
from cogfreeze.review.sizes import difference, size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cogfreeze.review.facts import Fact
    from cogfreeze.review.model import Advisory, Diff, KindChanges, LicenceChange, PackageChange, PlatformDiff

# So many rows stand open; more are folded away.
_OPEN = 20


def code(value: str) -> str:
    """Return a value as a code span that it can't break out of.

    >>> code("a`b")
    '`` a`b ``'
    """
    value = "".join(char if char.isprintable() else " " for char in value) or " "
    longest = max((len(run) for run in re.findall(r"`+", value)), default=0)
    fence = "`" * (longest + 1)
    space = " " if longest else ""
    return f"{fence}{space}{value}{space}{fence}"


def _cell(value: str) -> str:
    """A code span within a table, where a bar would end the cell in spite of it."""
    return code(value).replace("|", "\\|")


def render(diff: Diff, *, title: str = "Changes of cog.lock") -> str:
    """Return the whole document."""
    return "\n".join(_lines(diff, title)).rstrip("\n") + "\n"


def _lines(diff: Diff, title: str) -> Iterator[str]:
    yield f"### {title}"
    yield ""
    yield words.summary(diff)
    yield from _dangers(diff)
    yield from _advisories(diff)
    inputs = (f"{code(each.key)}: {_input(each.added, each.removed)}" for each in diff.inputs)
    yield from _section("Declaration", inputs)
    yield from _section("Tools", (f"{each.name}: {_fact(each)}" for each in diff.tools))
    files = (f"{code(each.package.name)}: {words.what(each)}, {words.sizes(each)}" for each in diff.files)
    yield from _section("Files that `build.run` downloads", files)
    for platform in diff.platforms:
        yield from _platform(platform)
    yield from _section("Licences", map(_licence, diff.licences))


def _section(title: str, found: Iterable[str]) -> Iterator[str]:
    for number, text in enumerate(found):
        if number == 0:
            yield from ("", f"**{title}**", "")
        yield f"- {text}"


def _dangers(diff: Diff) -> Iterator[str]:
    if diff.dangers:
        yield from ("", "> [!CAUTION]", "> **Look at this first**", ">")
    for danger in diff.dangers:
        platform = f" ({danger.platform})" if danger.platform and len(diff.platforms) > 1 else ""
        detail = f"<br>{code(danger.detail)}" if danger.detail else ""
        yield f"> - {code(danger.subject)} {danger.message}{platform}{detail}"


def _licence(change: LicenceChange) -> str:
    before = f"{code(change.before)} → " if change.before else ""
    return f"{code(change.package)}: {before}{code(change.after)}"


def _advisories(diff: Diff) -> Iterator[str]:
    for title, found in (
        ("Known vulnerabilities that this brings in", diff.introduced),
        ("Known vulnerabilities that this fixes", diff.fixed),
    ):
        yield from _section(title, map(_advisory, found or ()))


def _advisory(found: Advisory) -> str:
    summary = f": {code(found.summary)}" if found.summary else ""
    return f"{code(found.id)} ({found.severity}) {code(f'{found.package} {found.version}')}{summary}"


def _input(added: tuple[str, ...], removed: tuple[str, ...]) -> str:
    if len(added) == len(removed) == 1:
        return f"{code(removed[0])} → {code(added[0])}"
    found = [f"added {code(each)}" for each in added] + [f"removed {code(each)}" for each in removed]
    return "; ".join(found) or "the order changed"


def _fact(found: Fact) -> str:
    before, after, note = found.before, found.after, found.note
    if before is None or after is None:
        text = f"{code(after or before or '')} ({'new' if before is None else 'removed'})"
    else:
        text = f"{code(before)} → {code(after)}"
    return f"{text} ({note})" if note else text


def _platform(platform: PlatformDiff) -> Iterator[str]:
    yield from ("", f"#### {words.status(platform)}")
    if platform.facts:
        yield ""
    for fact in platform.facts:
        yield f"- {fact.name}: {_fact(fact)}"
    if platform.status == "removed":
        return
    for kind in platform.kinds:
        yield from _table(kind)
    if (text := words.layers(platform)) is not None:
        yield from ("", f"Layers to rebuild and push: {text}.")


def _table(kind: KindChanges) -> Iterator[str]:
    folded = len(kind.all) > _OPEN
    yield ""
    yield f"<details><summary>{words.counted(kind)}</summary>" if folded else f"**{words.counted(kind)}**"
    yield ""
    yield "| package | before | after | change | size | because of |"
    yield "|---|---|---|---|---|---|"
    for declared in kind.declared:
        if declared.change:
            yield _row(declared.change, "declared" if kind.kind in ("python", "apt") else "")
        for change in declared.pulled:
            others = ", ".join(_cell(each) for each in change.because[:3])
            more = f" and {len(change.because) - 3} more" if len(change.because) > 3 else ""
            yield _row(change, others + more)
    if folded:
        yield from ("", "</details>")


def _row(change: PackageChange, because: str) -> str:
    before = _cell(_version(change, after=False)) if change.before else "none"
    after = _cell(_version(change, after=True)) if change.after else "none"
    grown = f" ({difference(change.before.size, change.after.size)})" if change.before and change.after else ""
    origin = words.origin(change)
    cells = (
        _cell(words.name(change)),
        before,
        after,
        words.what(change) + (f", {origin}" if origin else ""),
        size(change.package.size) + grown,
        because,
    )
    return f"| {' | '.join(cells)} |"


def _version(change: PackageChange, *, after: bool) -> str:
    package = change.after if after else change.before
    if package is None:
        return ""
    differs = change.before and change.after and change.before.commit != change.after.commit
    return f"{package.version} ({package.commit[:12]})" if differs and package.commit else package.version
