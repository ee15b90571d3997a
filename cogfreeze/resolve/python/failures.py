"""What uv said when it failed, in our own errors: what, where, and what to do. Its explanation is never lost."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cogfreeze.catalog.frameworks import TORCH_FAMILY
from cogfreeze.errors import CogError, NetworkError, ProjectError, ResolveError
from cogfreeze.resolve.fetch import redacted
from cogfreeze.resolve.python.sources import ROUTER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cogfreeze.resolve.python.sources import Sources
    from cogfreeze.resolve.requirements import Line

_START = re.compile(r"^(?:error|warning|hint): |^  cause: |^Resolved ", re.MULTILINE)
_CREDENTIALS = re.compile(r"//[^/@\s]+@")
_NO_PACKAGE = re.compile(r"[Bb]ecause (\S+) was not found in the (?:package registry|provided package locations)")
_NO_VERSION = re.compile(r"[Bb]ecause there (?:is no version of|are no versions of) (\S+)")
_NO_WHEEL = re.compile(r"ha(?:s|ve) no (?:usable wheels|wheels with a matching)")
_REQUIRED = re.compile(r"you require ([A-Za-z0-9]\S*)")
_NETWORK = (
    "Failed to fetch",
    "error sending request",
    "Failed to download",
    "Network connectivity is disabled",
    "Could not connect",
)
_CREDENTIALS_HINT = "give it credentials: netrc, `UV_INDEX_<NAME>_USERNAME` and `…_PASSWORD`, or a keyring"
_GIT = re.compile(r"`\S*git (fetch|clone|rev-parse|submodule|reset|lfs)\b|Git operation failed")
_NO_PROJECT = "does not appear to be a Python project"
_LONG = 400
# Longer than this, the conclusion comes first: nobody reads twenty steps to find it.
_VERY_LONG = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """uv's words: the error, its causes from the outermost in, and hints."""

    error: str
    causes: tuple[str, ...]
    hints: tuple[str, ...]

    @property
    def whole(self) -> str:
        return ": ".join([self.error, *self.causes])


def warnings(talk: str) -> list[str]:
    """Return what uv warned of, each in one line."""
    return [_one_line(text) for kind, text in _parts(talk) if kind == "warning"]


def explain_failure(talk: str, sources: Sources, *, pins: Sequence[str] = ()) -> CogError:
    """Return the error for a failed run.

    Args:
        talk: what uv printed on stderr.
        sources: what it was run on.
        pins: the `name==version` of `--upgrade-package`, which uv speaks of as requirements.
    """
    said = _said(talk, sources)
    text = said.whole
    if _NO_PROJECT in text:
        return _no_project(said, sources)
    if _GIT.search(text):
        return _repository(said, sources)
    if any(each in text for each in _NETWORK):
        return _network(said, sources)
    if denied := next((hint for hint in said.hints if "401" in hint or "403" in hint), None):
        return NetworkError(
            f"the package index refuses to answer: {denied.removesuffix('.')}", hint=_CREDENTIALS_HINT
        )
    if "No solution found" in said.error:
        return _unsatisfiable(said, sources, pins)
    if "parse requirement" in said.error or "Unexpected" in said.error:
        return _unreadable(said, sources)
    if hint := disk_hint(text):
        return CogError(f"uv failed: {_readable(text)}", hint=hint)
    return ResolveError(
        f"uv could not resolve the Python packages: {_readable(text)}",
        where=_where(text, sources),
        hint=_hint(said),
    )


def disk_hint(text: str) -> str | None:
    """Return what to do where uv could not write a file; None for any other failure."""
    if "No space left on device" in text or "os error 28" in text or "Disk quota exceeded" in text:
        return "free some disk space; `cog cache prune` removes what was not used for 30 days"
    if any(each in text for each in ("Permission denied", "Read-only file system", "Failed to initialize cache")):
        return "make the folder writable, or set `COG_CACHE_DIR` to one that is"
    return None


def build_failure(talk: str) -> str:
    """Return why a build failed, in one line: the last line of its own output, else uv's words."""
    lines = [line.strip() for line in talk.splitlines() if line.strip()]
    raised = [line for line in lines if re.match(r"[A-Za-z_.]*(Error|Exception)\b", line)]
    return (
        raised
        or [line.partition(": ")[2] for line in lines if line.startswith("error: ")]
        or lines
        or ["no reason given"]
    )[-1]


def _parts(talk: str) -> Iterator[tuple[str, str]]:
    """Split uv's talk into its messages: `error`, `cause`, `warning` and `hint`, each with its text."""
    starts = [*_START.finditer(talk)]
    for start, after in zip(starts, [*starts[1:], None], strict=True):
        kind = start[0].strip().rstrip(":")
        yield kind, talk[start.end() : after.start() if after else None].strip()


def _said(talk: str, sources: Sources) -> _Said:
    talk = _CREDENTIALS.sub("//…@", talk).replace(f"{sources.scratch}/", "")
    parts = [*_parts(talk)]
    error = next((text for kind, text in parts if kind == "error"), talk.strip() or "it gave no reason")
    return _Said(
        error=_one_line(error),
        causes=tuple(text for kind, text in parts if kind == "cause"),
        hints=tuple(_one_line(text) for kind, text in parts if kind == "hint"),
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _readable(text: str) -> str:
    """Return an explanation on one line if it is short, otherwise with uv's line breaks."""
    text = text.strip().removesuffix(".")
    if text.count("ecause") == 1:
        # One reason; the conclusion is what the message begins with.
        text = text.removeprefix("Because ")
        text = text.removesuffix(", we can conclude that your requirements are unsatisfiable")
    if len(text) <= _LONG:
        return _one_line(text)
    # uv sets the text off by nine spaces, under its own label.
    return "\n".join(re.sub(r"^ {9}", "  ", line).rstrip() for line in text.splitlines())


def _hint(said: _Said) -> str | None:
    # uv suggests its own option; the callers' hints give the one that works here.
    return "; ".join(hint for hint in said.hints if "--no-build" not in hint) or None


def _where(text: str, sources: Sources) -> str | None:
    """Return where the package is declared that an explanation ends at."""
    places = [sources.declared.where(_plain(name)) for name in _REQUIRED.findall(text)]
    return next((place for place in reversed(places) if place), None)


def _plain(name: str) -> str:
    from packaging.utils import canonicalize_name

    return canonicalize_name(re.split(r"[\[=<>!~@{,]", name)[0].rstrip("."))


def _unsatisfiable(said: _Said, sources: Sources, pins: Sequence[str]) -> CogError:
    cause = (
        " ".join(said.causes).replace(f"{ROUTER} depends on", "you require").replace(f"and {ROUTER}", "and you")
    )
    target = sources.target
    simple = cause.count("ecause") == 1
    where = _where(cause, sources)
    for pin in pins:
        # uv speaks of it as of a requirement, of the project's or of another package's.
        cause, found_in = re.subn(rf"(?:you require|(and)) {re.escape(pin)}(?![\w.])", _asked_for(pin), cause)
        where = f"--upgrade-package {pin}" if found_in else where
    index = f" on the index `{sources.torch.name}`" if sources.torch and _about_torch(cause) else ""
    if simple and (found := _NO_PACKAGE.search(cause)):
        return ResolveError(
            f"there is no package `{found[1]}`{index or ' on the package index'}",
            where=where,
            hint=_hint(said)
            or "check the spelling; a private package needs its index: `UV_INDEX` or a requirements file",
        )
    if simple and (found := _NO_VERSION.search(cause)):
        return ResolveError(
            f"there is no `{found[1]}`{index or ' on the package index'}",
            where=where,
            hint=_hint(said) or f"`pip index versions {_plain(found[1])}` lists the available versions",
        )
    required = [found.rstrip(".,") for found in _REQUIRED.findall(cause)]
    if len(required) == 1 and _NO_WHEEL.search(cause) and "depend" not in cause:
        return ResolveError(
            f"`{required[0]}` has no wheel for Python {target.minor} on `{target.platform}`{index}",
            where=where,
            hint="; ".join(filter(None, [_hint(said), _other_way(sources)])),
        )
    readable = _readable(cause)
    if len(readable) > _VERY_LONG:
        reasons = re.sub(r",\s+we can conclude that your requirements are\s+unsatisfiable$", "", readable)
        conclusion = _one_line(reasons.rpartition("we can conclude that ")[2])
        readable = f"{conclusion}. All of uv's reasons:\n  {readable.strip()}"
    return ResolveError(f"the requirements can't be met: {readable}", where=where, hint=_hint(said))


def _asked_for(pin: str) -> Callable[[re.Match[str]], str]:
    return lambda found: f"{'and ' if found[1] else ''}you ask for {pin}"


def _no_project(said: _Said, sources: Sources) -> CogError:
    """A folder, archive or repository in which nothing can be built; uv calls some of them a failed download."""
    line = _addressed(said, sources)
    found = re.search(r"`([^`]+)` does not appear to be a Python project", said.whole)
    place = line.text if line else found[1] if found else _one_line(said.error)
    return ResolveError(
        f"`{place}` has neither a `pyproject.toml` nor a `setup.py`",
        where=line.where if line else None,
        hint="name the place that has one; in a repository, a folder is `#subdirectory=…`",
    )


def _other_way(sources: Sources) -> str:
    if sources.wheels_only:
        return "choose a version that has one, or allow builds from source: `build.sources: allow`"
    return "choose a version that has one: it has no source either"


def _about_torch(cause: str) -> bool:
    return any(re.search(rf"ecause (there \w+ no versions? of )?{name}\b", cause) for name in TORCH_FAMILY)


def _repository(said: _Said, sources: Sources) -> CogError:
    line = _addressed(said, sources)
    stderr = _one_line(said.whole).partition("--- stderr ")[2]
    return NetworkError(
        f"the repository of `{line.name if line else 'a package'}` can't be fetched: {stderr or _innermost(said)}",
        where=line.where if line else None,
        hint="try the same by `git ls-remote`; what git asks for there, it must find without asking",
    )


def _addressed(said: _Said, sources: Sources) -> Line | None:
    """Return the requirement by address that uv speaks of."""
    for line in sources.declared.requirements:
        url = line.requirement.url if line.requirement else None
        place = url.removeprefix("git+").partition("#")[0] if url else line.text.removeprefix("./")
        if place in said.whole or (url and f"`{line.name} @ " in said.whole):
            return line
    return None


def _unreadable(said: _Said, sources: Sources) -> CogError:
    """A requirement that uv can't read: find its line again."""
    text = said.whole
    lines = [*sources.declared.requirements, *sources.declared.constraints]
    line = next((line for line in lines if line.name is None and line.text in text), None)
    why = _one_line(said.causes[0].splitlines()[0]) if said.causes else said.error
    if line is None:
        return ProjectError(f"a requirement is not valid: {_readable(text)}", where="build.python_requirements")
    return ProjectError(f"`{line.text}` is not a valid requirement: {why}", where=line.where)


def _network(said: _Said, sources: Sources) -> CogError:
    text = said.whole
    found = re.search(r"https?://[^\s`)]+", text)
    url = found[0].rstrip(":") if found else ""
    host = urlsplit(url).hostname or "the package index"
    of_torch = bool(sources.torch and url.startswith(sources.torch.url))
    what = f"the torch index `{sources.torch.name}`" if sources.torch and of_torch else "the package index"
    if line := next((line for line in sources.declared.requirements if url and url in line.text), None):
        what = f"the address of `{line.name}`"
    where = f" ({redacted(url)})" if url else ""
    if "certificate" in text or "UnknownIssuer" in text:
        return NetworkError(
            f"the certificate of {host} is not trusted here{where}: {_innermost(said)}",
            hint="behind a company proxy, name the file of its certificates in `COG_CA_BUNDLE`",
        )
    if status := re.search(r"HTTP status (?:client|server) error \((\d{3}[^)]*)\)", text):
        denied = status[1].startswith(("401", "403"))
        return NetworkError(
            f"{what} answered {status[1]}{where}",
            hint=_CREDENTIALS_HINT if denied else "try again later, or use a mirror",
        )
    mirror = "`COG_TORCH_INDEX` names a mirror of it" if of_torch else "a mirror is named by `UV_DEFAULT_INDEX`"
    return NetworkError(f"{what} can't be reached{where}: {_innermost(said)}", hint=f"check the network; {mirror}")


def _innermost(said: _Said) -> str:
    return _one_line(said.causes[-1] if said.causes else said.error).removesuffix(".")
