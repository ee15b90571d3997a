"""A command of `build.run` as it can be locked: its downloads and installs move to what the lock holds. Pure.

A download becomes an input, `pip install` and `apt-get install` move to the packages, `git clone` becomes the
input of one commit's files. What is not understood stays as it is and needs `network: true`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cogfreeze.catalog.addresses import NLTK_DATA, NLTK_REPOSITORY, SPACY_MODELS
from cogfreeze.doctor.run_lines import downloads, installs, repositories, shell
from cogfreeze.grammar import CACHE_MOUNTS, RUN_COMMAND
from cogfreeze.project.model import InputFile, RunCommand
from cogfreeze.project.needs_network import network_program

if TYPE_CHECKING:
    from collections.abc import Callable

    from cogfreeze.doctor.run_lines.shell import Segment

_REDIRECTION = re.compile(r"^(?P<words>.*?)\s*>\s*(?P<target>[^\s<>&|]+)$", re.DOTALL)
_PYENV = re.compile(r"/root/\.pyenv/versions/[^/\s]+/(?P<rest>bin/[\w.]+|lib/python[\d.]+/site-packages)")
_SITE_PACKAGES = '"$(python -c \'import sysconfig; print(sysconfig.get_path("purelib"))\')"'
# nltk's packages of data → their folder.
_NLTK = {
    **dict.fromkeys(("punkt", "punkt_tab"), "tokenizers"),
    **dict.fromkeys(("stopwords", "wordnet", "omw-1.4", "words", "brown", "cmudict", "wordnet2021"), "corpora"),
    **dict.fromkeys(("averaged_perceptron_tagger", "averaged_perceptron_tagger_eng"), "taggers"),
    "vader_lexicon": "sentiment",
}
_NLTK_CODE = re.compile(r"\s*(?:import nltk|nltk\.download\(['\"](?P<name>[\w.-]+)['\"](?:,\s*quiet=True)?\))\s*")
_NLTK_SHARE = "/usr/local/share/nltk_data"
_INTERPRETERS = frozenset({"sh", "bash", "dash", "zsh", "python", "python3", "perl"})
# spaCy's minor version → the version of its models.
_SPACY = {f"3.{minor}": f"3.{minor}.0" for minor in range(9)} | {"3.4": "3.4.1", "3.7": "3.7.1"}
_ADVICE = {
    "nltk": "name the URLs of the zip files of nltk's data in `inputs:`, and unpack them below"
    " `/usr/local/share/nltk_data`",
    "spacy": "pin spaCy (`spacy==3.8.0`): then its model is locked as a package",
    "huggingface": "name the files' URLs at a commit (`…/resolve/COMMIT/FILE`) in `inputs:`",
    "add-apt-repository": "only the distribution's own archive is used: look for the package there, or choose"
    " another base image",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a rewriting depends on besides the command.

    Attributes:
        platforms: the declared platforms.
        requirements: the declared Python requirements, as text.
        find_commit: a repository's URL and branch, tag or commit (None for the default) → a commit, or None.
    """

    platforms: tuple[str, ...] = ("linux/amd64",)
    requirements: tuple[str, ...] = ()
    find_commit: Callable[[str, str | None], str | None] = lambda _url, _reference: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """What to declare in place of a command.

    Attributes:
        command: what is left of it; None for nothing.
        python_packages, requirements_files, system_packages: what moves to the packages.
        notes: sentences for the user.
        network: what is left needs the network.
    """

    command: RunCommand | None
    python_packages: tuple[str, ...] = ()
    requirements_files: tuple[str, ...] = ()
    system_packages: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    network: bool = False


@dataclass(slots=True)
class _Draft:
    """A rewriting while it is made."""

    inputs: list[InputFile]
    python: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    system: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add_input(self, url: str) -> str:
        """Declare an input, and return where the command finds it."""
        if known := next((each.target for each in self.inputs if each.url == url), None):
            return known
        name = downloads.file_name(url)
        taken = {each.target for each in self.inputs}
        target, number = downloads.mount_point(name), 2
        while target in taken:
            target, number = downloads.mount_point(f"{number}-{name}"), number + 1
        self.inputs.append(InputFile(url=url, target=target))
        if "/latest/" in url:
            self.notes.append(f"`{url}` names the latest release, which changes: name a version in it")
        return target


def rewrite(command: RunCommand, facts: Facts) -> Rewrite:
    """Return what to declare in place of a command that may not use the network."""
    text = _without_cache_mounts(shell.fill_in_machine(command.command, facts.platforms))
    text = _PYENV.sub(_from_pyenv, text)
    draft = _Draft(inputs=list(command.inputs))
    segments = shell.split(text)
    if segments is not None:
        kept = _rewritten(segments, draft, facts)
        if kept is not None:
            text = shell.join(kept)
    if not text:
        left = None
    elif RUN_COMMAND.accepts(text):
        left = replace(command, command=text, inputs=tuple(draft.inputs))
    else:
        return Rewrite(command=command, network=_fetches(command), notes=(_advice(command.command),))
    network = left is not None and _fetches(left)
    if network and left is not None and (advice := _advice(left.command)):
        draft.notes.append(advice)
    return Rewrite(
        command=left,
        python_packages=tuple(draft.python),
        requirements_files=tuple(draft.files),
        system_packages=tuple(draft.system),
        notes=tuple(draft.notes),
        network=network,
    )


def _fetches(command: RunCommand) -> bool:
    return network_program(command.command) is not None


def _without_cache_mounts(text: str) -> str:
    found = CACHE_MOUNTS.match(text)
    return text[found.end() :] if found else text


def _from_pyenv(found: re.Match[str]) -> str:
    """Return what a path in Cog's image is here: a program on the path, or the folder of the packages."""
    rest = found["rest"]
    return rest.rpartition("/")[2] if rest.startswith("bin/") else _SITE_PACKAGES


def _rewritten(segments: list[Segment], draft: _Draft, facts: Facts) -> list[Segment] | None:
    """Return what is left of a chain of commands; None if dropping one would change what the others do."""
    segments = list(segments)
    kept: list[Segment] = []
    for place, segment in enumerate(segments):
        if not segment.words:
            kept.append(segment)
            continue
        after = segments[place + 1].operator if place + 1 < len(segments) else ""
        text = _replaced(segments, place, draft, facts, piped=after == "|")
        if text:
            kept.append(replace(segment, text=text))
        elif {segment.operator, after} & {"|", "||"}:
            return None
    if kept:
        kept[0] = replace(kept[0], operator="")
    return kept


def _replaced(segments: list[Segment], place: int, draft: _Draft, facts: Facts, *, piped: bool) -> str:
    """Return a command as it is to be; empty if nothing of it is left."""
    segment = segments[place]
    words = segment.words
    if (found := installs.apt(words)) is not None:
        draft.system += found
        return ""
    if (install := installs.pip(words)) is not None:
        draft.python += install.requirements
        draft.files += install.files
        return ""
    if (model := _spacy_model(words, facts)) is not None:
        draft.python.append(model)
        return ""
    if data := _nltk_data(words):
        return _with_nltk_data(data, draft, facts) or segment.text
    if clone := repositories.parse(words):
        return _cloned(clone, segments, place, draft, facts) or segment.text
    if words[0].rpartition("/")[2] in downloads.PROGRAMS:
        # A script from the network most likely downloads more.
        runs = piped and bool(_INTERPRETERS.intersection(segments[place + 1].words[:1]))
        return (None if runs else _downloaded(segment, draft, piped=piped)) or segment.text
    return segment.text


def _nltk_data(words: list[str]) -> list[str]:
    """Return the names of the data that a command of nltk downloads; none for another command."""
    if words[1:3] == ["-m", "nltk.downloader"]:
        names = [word for word in words[3:] if not word.startswith("-")]
        return names if len(names) == len(words) - 3 else []
    if words[0].startswith("python") and words[1:2] == ["-c"] and len(words) == 3:
        found = [_NLTK_CODE.fullmatch(each) for each in re.split(r"[;\n]", words[2]) if each.strip()]
        return [each["name"] for each in found if each and each["name"]] if all(found) else []
    return []


def _with_nltk_data(names: list[str], draft: _Draft, facts: Facts) -> str | None:
    if not all(name in _NLTK for name in names):
        return None
    if (commit := facts.find_commit(*NLTK_REPOSITORY)) is None:
        return None
    commands = []
    for name in names:
        source = draft.add_input(NLTK_DATA.format(commit=commit, folder=_NLTK[name], name=name))
        commands.append(f"python -m zipfile -e {source} {_NLTK_SHARE}/{_NLTK[name]}")
    return " && ".join(commands)


def _downloaded(segment: Segment, draft: _Draft, *, piped: bool) -> str | None:
    redirection = _REDIRECTION.match(segment.text)
    plain = replace(segment, text=redirection["words"]) if redirection else segment
    download = downloads.parse(plain.words, redirection["target"] if redirection else None)
    if download is None or (download.target is None) != piped:
        return None
    source = draft.add_input(download.url)
    if download.target is None:
        return f"cat {source}"
    target = shell.quoted(download.target)
    if download.extract:
        return f"mkdir -p {target} && tar xf {source} -C {target}"
    if target.endswith("/"):
        target += download.name
    # Read and written by whoever the model runs as; `chmod +x`, where it follows, still does its part.
    return f"install -D -m 644 {source} {target}"


def _cloned(
    clone: repositories.Clone, segments: list[Segment], place: int, draft: _Draft, facts: Facts
) -> str | None:
    """Replace a clone, and the `git checkout` that follows it in its folder."""
    following = segments[place + 1 : place + 3]
    checkout = following[1].words if len(following) == 2 and following[0].words == ["cd", clone.folder] else []
    if checkout[:2] == ["git", "checkout"] and len(checkout) == 3:
        clone = replace(clone, reference=checkout[2])
    if (url := clone.archive(facts.find_commit)) is None:
        draft.notes.append(f"`{clone.url}` can be locked at a commit: name one with `git checkout`")
        return None
    if checkout[:2] == ["git", "checkout"]:
        segments[place + 2] = replace(segments[place + 2], text="true")
    folder = shell.quoted(clone.folder)
    return f"mkdir -p {folder} && tar xzf {draft.add_input(url)} -C {folder} --strip-components=1"


def _spacy_model(words: list[str], facts: Facts) -> str | None:
    """Return the requirement of a spaCy model, if the declared spaCy is pinned."""
    if words[1:4] != ["-m", "spacy", "download"] or len(words) != 5:
        return None
    pins = (re.match(r"spacy(?:\[[^\]]*\])?\s*==\s*(\d+\.\d+)", each) for each in facts.requirements)
    version = next((_SPACY.get(pin[1]) for pin in pins if pin), None)
    name = words[4]
    if version is None or not re.fullmatch(r"[a-z]{2}_[a-z_]+_(?:sm|md|lg|trf)", name):
        return None
    return f"{name} @ {SPACY_MODELS}/{name}-{version}/{name}-{version}-py3-none-any.whl"


def _advice(text: str) -> str:
    """Return what to do about a command that is known, but can't be rewritten; empty for others."""
    for sign, advice in (
        ("nltk", "nltk"),
        ("spacy download", "spacy"),
        ("huggingface-cli", "huggingface"),
        ("hf download", "huggingface"),
        ("snapshot_download", "huggingface"),
        ("add-apt-repository", "add-apt-repository"),
    ):
        if sign in text:
            return _ADVICE[advice]
    return ""
