"""Parses what `pip install` and `apt-get install` in a command install."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cogfreeze.grammar import APT_PACKAGE

_PIP = re.compile(r"pip(?:3(?:\.\d+)?)?")
_PYTHON = re.compile(r"python(?:3(?:\.\d+)?)?")
# Options of pip that change nothing in an image that is built from a lock.
_HARMLESS = frozenset(
    {
        "-U",
        "--upgrade",
        "-q",
        "-qq",
        "--quiet",
        "--no-cache-dir",
        "--no-cache",
        "--user",
        "--force-reinstall",
        "-y",
    }
    | {
        "--disable-pip-version-check",
        "--no-input",
        "--break-system-packages",
        "--system",
        "--root-user-action=ignore",
    }
    | {"--ignore-installed", "-I", "-v", "--prefer-binary", "--no-warn-script-location"}
)
_INDEX = frozenset({"--extra-index-url", "--index-url", "-i", "-f", "--find-links"})
_TORCH = re.compile(r"https?://[^/]+/whl/(?:nightly/)?(?P<tag>cu\d+|cpu)(?:/.*)?")
_TORCH_FAMILY = re.compile(r"(torch|torchvision|torchaudio)==([0-9.]+)")
_APT = frozenset({"apt", "apt-get", "aptitude"})
_APT_FOLDERS = ("/var/lib/apt/lists", "/var/cache/apt", "/tmp/*", "/var/tmp/*")  # noqa: S108  # only read


@dataclass(frozen=True, slots=True, kw_only=True)
class PipInstall:
    """Requirements and requirements files of one `pip install`."""

    requirements: tuple[str, ...]
    files: tuple[str, ...]


def pip(words: list[str]) -> PipInstall | None:
    """Return what a `pip install` installs; None if it is another command or can't be declared."""
    rest = _pip_arguments(words)
    if rest is None or not rest or rest[0] != "install":
        return None
    requirements: list[str] = []
    files: list[str] = []
    tag = ""
    arguments = iter(rest[1:])
    for word in arguments:
        name, equals, value = word.partition("=")
        if word in _HARMLESS:
            continue
        if word in ("-r", "--requirement"):
            files.append(next(arguments, ""))
        elif name in _INDEX and name.startswith("-"):
            found = _TORCH.fullmatch(value if equals else next(arguments, ""))
            if found is None:
                return None
            tag = found["tag"]
        elif word.startswith(("-", ".", "/")) or re.search(r"[$`]", word):
            return None
        elif not re.fullmatch(r"(?:pip|setuptools|wheel|uv)", word) and not word.startswith("pip=="):
            requirements.append(word)
    if tag:
        requirements = [_TORCH_FAMILY.sub(rf"\1==\2+{tag}", each) for each in requirements]
    return PipInstall(requirements=tuple(requirements), files=tuple(files))


def _pip_arguments(words: list[str]) -> list[str] | None:
    name = words[0].rpartition("/")[2]
    if _PYTHON.fullmatch(name) and words[1:3] == ["-m", "pip"]:
        return words[3:]
    if name == "uv" and words[1:2] == ["pip"]:
        return words[2:]
    return words[1:] if _PIP.fullmatch(name) else None


def apt(words: list[str]) -> tuple[str, ...] | None:
    """Return the packages that an apt-get command installs, none for `update` and its like; None for another."""
    name, rest = words[0].rpartition("/")[2], words[1:]
    if name == "rm":
        cleaning = [word for word in rest if not word.startswith("-")]
        return () if cleaning and all(word.startswith(_APT_FOLDERS) for word in cleaning) else None
    if name not in _APT:
        return None
    plain: list[str] = []
    options = iter(rest)
    for word in options:
        if word in ("-o", "-t", "--target-release"):
            next(options, None)
        elif not word.startswith("-"):
            plain.append(word)
    if not plain:
        return None
    if plain[0] in ("update", "upgrade", "dist-upgrade", "full-upgrade", "clean", "autoclean", "autoremove"):
        return ()
    if plain[0] != "install" or not all(map(APT_PACKAGE.accepts, plain[1:])):
        return None
    return tuple(plain[1:])
