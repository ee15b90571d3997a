"""HTML that holds everything itself: no script, no font, no picture from elsewhere. Every value is escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from cogfreeze.review import words
from cogfreeze.review.sizes import difference, size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cogfreeze.review.model import Diff, KindChanges, PackageChange, PlatformDiff

# Nothing may be loaded, so a hostile name that got through would still fetch and run nothing.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
STYLE = """\
:root { color-scheme: light dark; --text: #1b1f24; --faint: #59636e; --line: #d1d9e0; --back: #fff;
  --soft: #f6f8fa;
  --danger: #b3261e; --danger-soft: #fdecea; --good: #1a7f37; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --faint: #9198a1; --line: #3d444d; --back: #0d1117;
  --soft: #151b23; --danger: #ff8a80; --danger-soft: #3a1513; --good: #57d98a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1.5rem 1rem 4rem; color: var(--text); background: var(--back);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.25rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 .5rem; }
p { margin: .25rem 0 .75rem; } ul { padding-left: 1.25rem; margin: .25rem 0; }
code { font: .875em ui-monospace, monospace; overflow-wrap: anywhere; }
.faint { color: var(--faint); }
.danger { border-left: .3rem solid var(--danger); background: var(--danger-soft); padding: .75rem 1rem;
  border-radius: .3rem; }
.danger h2 { margin-top: 0; color: var(--danger); }
.scroll { overflow-x: auto; } .scroll code { overflow-wrap: break-word; }
table { overflow-wrap: break-word; border-collapse: collapse; width: 100%; font-size: .925rem; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--faint); font-weight: 600; } td.number { text-align: right; white-space: nowrap; }
tr.pulled td:first-child { padding-left: 1.75rem; }
.downgraded, .rebuilt { color: var(--danger); } .removed { color: var(--faint); }
@media print { body { max-width: none; padding: 0; font-size: 11px; } }
"""


def page(title: str, body: Iterable[str], *, style: str = "") -> str:
    """Return a whole document. `body` is HTML already, `title` is not."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE}{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def render(diff: Diff, *, title: str = "Changes of cog.lock") -> str:
    """Return a difference as a document of its own."""
    return page(title, (f"<h1>{escape(title)}</h1>", *sections(diff)))


def sections(diff: Diff) -> Iterator[str]:
    """Yield a difference as parts of a page."""
    yield f'<p class="faint">{code(diff.before)} → {code(diff.after)}</p>'
    yield f"<p>{escape(words.summary(diff))}</p>"
    if diff.dangers:
        yield '<section class="danger"><h2>Look at this first</h2><ul>'
        for danger in diff.dangers:
            where = f" ({escape(danger.platform)})" if danger.platform and len(diff.platforms) > 1 else ""
            detail = f"<br>{code(danger.detail)}" if danger.detail else ""
            yield f"<li>{code(danger.subject)} {escape(danger.message)}{where}{detail}</li>"
        yield "</ul></section>"
    yield from _advisories(diff)
    inputs = (f"{code(each.key)}: {escape(words.input_change(each))}" for each in diff.inputs)
    yield from listed("Declaration", inputs)
    yield from listed("Tools", (f"{escape(each.name)}: {escape(words.fact(each))}" for each in diff.tools))
    files = (
        f"{code(each.package.name)}: {escape(words.what(each))}, {escape(words.sizes(each))}"
        for each in diff.files
    )
    yield from listed("Files that build.run downloads", files)
    for platform in diff.platforms:
        yield from _platform(platform)
    licences = (f"{code(each.package)}: {escape(words.licence(each))}" for each in diff.licences)
    yield from listed("Licences", licences)


def code(value: str) -> str:
    """Return a value as escaped code; what can't be seen is shown as its number."""
    shown = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in value)
    return f"<code>{escape(shown)}</code>"


def listed(title: str, found: Iterable[str]) -> Iterator[str]:
    """Yield a heading and a list of what is HTML already; nothing for an empty list."""
    items = list(found)
    if items:
        yield f"<h2>{escape(title)}</h2><ul>"
        yield from (f"<li>{each}</li>" for each in items)
        yield "</ul>"


def _advisories(diff: Diff) -> Iterator[str]:
    for title, found in (
        ("Known vulnerabilities that this brings in", diff.introduced),
        ("Known vulnerabilities that this fixes", diff.fixed),
    ):
        yield from listed(
            title,
            (
                f"{code(each.id)} ({escape(each.severity)}) {code(f'{each.package} {each.version}')}"
                + (f": {escape(each.summary)}" if each.summary else "")
                for each in found or ()
            ),
        )


def _platform(platform: PlatformDiff) -> Iterator[str]:
    yield f"<h2>{escape(words.status(platform))}</h2>"
    if platform.facts:
        yield "<ul>"
        yield from (f"<li>{escape(each.name)}: {escape(words.fact(each))}</li>" for each in platform.facts)
        yield "</ul>"
    if platform.status == "removed":
        return
    for kind in platform.kinds:
        yield from _table(kind)
    if (text := words.layers(platform)) is not None:
        yield f"<p>Layers to rebuild and push: {escape(text)}.</p>"


def _table(kind: KindChanges) -> Iterator[str]:
    yield f'<h3>{escape(words.counted(kind))}</h3><div class="scroll" tabindex="0"><table>'
    yield "<tr><th>package</th><th>version</th><th>change</th><th>size</th><th>because of</th></tr>"
    for declared in kind.declared:
        if declared.change:
            yield _row(declared.change, "", "declared" if declared.change.package.is_declared else "")
        else:
            yield f'<tr><td class="faint" colspan="5">{escape(words.unchanged_parent(declared.name))}</td></tr>'
        for change in declared.pulled:
            yield _row(change, "pulled", ", ".join(change.because))
    yield "</table></div>"


def _row(change: PackageChange, style: str, because: str) -> str:
    grown = f" ({difference(change.before.size, change.after.size)})" if change.before and change.after else ""
    origin = words.origin(change)
    what = words.what(change) + (f", {origin}" if origin else "")
    return (
        f'<tr class="{style}"><td>{code(words.name(change))}</td><td>{code(words.versions(change))}</td>'
        f'<td class="{change.what}">{escape(what)}</td>'
        f'<td class="number">{escape(size(change.package.size) + grown)}</td><td>{escape(because)}</td></tr>'
    )
