"""One page about a lock: layers by size, packages, what changed, advisories, licences, who requires whom.

It holds everything itself and needs no script to be read; a small one of its own sorts and searches the packages.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from cogfreeze.review.facts import platform_facts
from cogfreeze.review.packages import KINDS, Graph, files, packages
from cogfreeze.review.render import html
from cogfreeze.review.render.html import code
from cogfreeze.review.sizes import size
from cogfreeze.review.treemap import squarify

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cogfreeze.lock.model import Lock, PlatformLock
    from cogfreeze.review.audit.findings import Audit
    from cogfreeze.review.model import Diff, Layer, Layers
    from cogfreeze.review.packages import Package

_WIDTH, _HEIGHT = 1000, 420
_STYLE = """\
.map { width: 100%; height: auto; display: block; } .map text { font: 13px system-ui, sans-serif; fill: #10131a; }
.map rect { stroke: var(--back); stroke-width: 2; } .map .size { font-size: 11px; fill: #333a44; }
nav a { margin-right: 1rem; } a { color: inherit; } details { margin: .15rem 0; } summary { cursor: pointer; }
details details { margin-left: 1.25rem; } .leaf { margin-left: 1.25rem; }
#search { font: inherit; padding: .4rem .6rem; width: 100%; max-width: 24rem; margin: .25rem 0 .75rem;
  color: var(--text); background: var(--soft); border: 1px solid var(--line); border-radius: .3rem; }
th button { all: unset; cursor: pointer; text-decoration: underline dotted; }
th button:focus-visible, #search:focus-visible { outline: 2px solid var(--good); }
.critical, .high { color: var(--danger); font-weight: 600; }
@media (max-width: 40rem) { .scroll table { min-width: 60rem; } .map { min-width: 40rem; } }
@media print { #search, nav { display: none; } .scroll { overflow: visible; } details > * { display: block; } }
"""
_COLOURS = ("#9ecbff", "#b4e3b8", "#ffd591", "#d5b9f7", "#ffb3ab", "#a8e0e0", "#f3c6dd", "#d3d99a", "#c9d1d9")
# What is already there is sorted and filtered; nothing is fetched and nothing of the lock becomes code.
_SCRIPT = """\
const table = document.getElementById("packages"), search = document.getElementById("search");
const rows = [...table.tBodies[0].rows];
search.hidden = false;
search.addEventListener("input", () => {
  const wanted = search.value.toLowerCase();
  for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
});
[...table.tHead.rows[0].cells].forEach((cell, column) => {
  const button = document.createElement("button");
  button.textContent = cell.textContent;
  cell.replaceChildren(button);
  let upward = false;
  button.addEventListener("click", () => {
    upward = !upward;
    const key = row => row.cells[column].dataset.sort ?? row.cells[column].textContent;
    const order = (a, b) => key(a).localeCompare(key(b), "en", {numeric: true});
    rows.sort((a, b) => upward ? order(a, b) : order(b, a));
    table.tBodies[0].append(...rows);
    for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
    cell.setAttribute("aria-sort", upward ? "ascending" : "descending");
  });
});
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What the page is about.

    Attributes:
        name: the image's.
        layers: of each platform.
        diff: None where nothing was compared.
        audit: None where nobody looked for advisories.
        licences: by sha256; None where nobody asked.
    """

    name: str
    lock: Lock
    layers: Layers
    diff: Diff | None = None
    audit: Audit | None = None
    licences: Mapping[str, str] | None = None


def render(contents: Contents) -> str:
    """Return the page."""
    body = "\n".join(_body(contents))
    page = html.page(f"{contents.name}: what is locked", (body, f"<script>{_SCRIPT}</script>"), style=_STYLE)
    digest = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    # Only this very script may run.
    return page.replace(escape(html.POLICY), escape(f"{html.POLICY}; script-src 'sha256-{digest}'"), 1)


def _body(contents: Contents) -> Iterator[str]:
    lock = contents.lock
    yield f"<h1>{escape(contents.name)}</h1>"
    count = sum(len(packages(each)) for each in lock.platforms)
    total = sum(package.size for each in lock.platforms for package in packages(each))
    platforms = ", ".join(each.platform for each in lock.platforms)
    yield f'<p class="faint">{count} packages, {escape(size(total))} of downloads, for {escape(platforms)}</p>'
    sections = ["layers", "packages-of", "requirements"]
    titles = {"layers": "Layers", "packages-of": "Packages", "requirements": "Who requires whom"}
    for name, title, there in (
        ("changes", "Changes", contents.diff),
        ("advisories", "Advisories", contents.audit),
        ("licences", "Licences", contents.licences),
    ):
        if there is not None:
            sections.append(name)
            titles[name] = title
    links = "".join(f'<a href="#{each}">{titles[each]}</a>' for each in sections)
    yield f'<nav aria-label="Sections">{links}</nav>'
    if contents.diff is not None:
        yield '<h2 id="changes">Changes</h2>'
        yield from html.sections(contents.diff)
    if contents.audit is not None:
        yield from _advisories(contents.audit)
    yield '<h2 id="layers">Layers</h2>'
    for platform in lock.platforms:
        yield from _layers(platform, contents.layers.get(platform.platform, ()))
    yield from _packages(contents)
    yield '<h2 id="requirements">Who requires whom</h2>'
    for platform in lock.platforms:
        yield from _requirements(platform)
    if contents.licences is not None:
        yield from _licences(contents)


def _layers(platform: PlatformLock, layers: Sequence[Layer]) -> Iterator[str]:
    yield f"<h3>{escape(platform.platform)}</h3><ul>"
    yield from (
        f"<li>{escape(each.name)}: {code(each.after or '')}</li>" for each in platform_facts(None, platform)
    )
    yield "</ul>"
    known = [each for each in layers if each.size]
    boxes = squarify([each.size or 0 for each in known], _WIDTH, _HEIGHT)
    label = f"Layers of {platform.platform} by size of their downloads"
    yield '<div class="scroll" tabindex="0">'
    yield f'<svg class="map" role="img" viewBox="0 0 {_WIDTH} {_HEIGHT}" aria-label="{escape(label)}">'
    for number, box in enumerate(boxes):
        layer = known[box.index]
        text, amount = escape(layer.name), escape(size(layer.size or 0))
        yield f"<g><title>{text}, {amount}</title>"
        yield (
            f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
            f' fill="{_COLOURS[number % len(_COLOURS)]}"/>'
        )
        # A letter is about 7 wide; what has no room for its name has it in the title.
        if box.width > 7 * len(layer.name) + 12 and box.height > 36:
            yield f'<text x="{box.x + 8:.1f}" y="{box.y + 19:.1f}">{text}</text>'
            yield f'<text class="size" x="{box.x + 8:.1f}" y="{box.y + 34:.1f}">{amount}</text>'
        yield "</g>"
    yield "</svg></div>"
    unknown = ", ".join(each.name for each in layers if not each.size)
    if unknown:
        yield f'<p class="faint">Not drawn, since the lock does not say their sizes: {escape(unknown)}.</p>'


def _packages(contents: Contents) -> Iterator[str]:
    yield '<h2 id="packages-of">Packages</h2>'
    yield '<input id="search" type="search" placeholder="Search packages" aria-label="Search packages" hidden>'
    yield '<div class="scroll" tabindex="0"><table id="packages"><thead><tr>'
    licence = contents.licences is not None
    heads = ("package", "version", "kind", "from", "size", "required by", *(("licence",) if licence else ()))
    yield "".join(f"<th>{each}</th>" for each in heads) + "</tr></thead><tbody>"
    for platform in contents.lock.platforms:
        for each in packages(platform):
            yield _row(each, contents.licences)
    for each in files(contents.lock):
        yield _row(each, contents.licences)
    yield "</tbody></table></div>"


def _row(package: Package, licences: Mapping[str, str] | None) -> str:
    by = (
        escape(", ".join(package.required_by))
        if package.required_by
        else "declared"
        if package.is_declared
        else ""
    )
    licence = f"<td>{escape(licences.get(package.sha256, 'unknown'))}</td>" if licences is not None else ""
    return (
        f"<tr><td>{code(package.name)}</td><td>{code(package.version)}</td>"
        f"<td>{escape(KINDS[package.kind].removesuffix('s'))}</td><td>{escape(package.origin)}</td>"
        f'<td class="number" data-sort="{package.size:015d}">{escape(size(package.size))}</td>'
        f"<td>{by}</td>{licence}</tr>"
    )


def _requirements(platform: PlatformLock) -> Iterator[str]:
    yield f"<h3>{escape(platform.platform)}</h3>"
    members = packages(platform)
    for kind, title in KINDS.items():
        graph = Graph(each for each in members if each.kind == kind)
        if not graph.packages:
            continue
        yield f"<details open><summary>{escape(title)}</summary>"
        shown: set[str] = set()
        for root in graph.roots:
            yield from _node(root, graph, shown, 0)
        yield "</details>"


def _node(name: str, graph: Graph, shown: set[str], depth: int) -> Iterator[str]:
    package, below = graph.packages[name], graph.requires[name]
    label = f"{code(name)} {escape(package.version)}"
    if not below or depth >= 50:
        yield f'<div class="leaf">{label}</div>'
    elif name in shown:
        yield f'<div class="leaf">{label} <span class="faint">(shown above)</span></div>'
    else:
        shown.add(name)
        yield f"<details><summary>{label}</summary>"
        for each in below:
            yield from _node(each, graph, shown, depth + 1)
        yield "</details>"


def _advisories(audit: Audit) -> Iterator[str]:
    yield '<h2 id="advisories">Advisories</h2>'
    if not audit.findings:
        yield "<p>No known vulnerability. The base image's own packages were not checked.</p>"
        return
    yield '<div class="scroll" tabindex="0"><table><tr>'
    yield "<th>advisory</th><th>severity</th><th>package</th><th>fixed in</th><th>summary</th></tr>"
    for each in audit.findings:
        package = each.places[0].package
        yield (
            f'<tr><td>{code(each.title)}</td><td class="{each.match.severity}">{each.match.severity}</td>'
            f"<td>{code(f'{package.name} {package.version}')}</td><td>{code(each.match.fixed or 'none')}</td>"
            f"<td>{escape(each.match.summary)}</td></tr>"
        )
    yield "</table></div>"


def _licences(contents: Contents) -> Iterator[str]:
    yield '<h2 id="licences">Licences</h2>'
    by_licence: dict[str, set[str]] = {}
    for platform in contents.lock.platforms:
        for each in packages(platform):
            found = (contents.licences or {}).get(each.sha256, "unknown")
            by_licence.setdefault(found, set()).add(each.name)
    yield from _licence_list(sorted(by_licence.items(), key=lambda pair: (-len(pair[1]), pair[0])))


def _licence_list(found: Iterable[tuple[str, set[str]]]) -> Iterator[str]:
    for licence, names in found:
        yield f"<details><summary>{code(licence)} ({len(names)})</summary>"
        yield f'<div class="leaf">{escape(", ".join(sorted(names)))}</div></details>'
