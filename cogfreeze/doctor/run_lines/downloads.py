"""Parses what `curl`, `wget`, `aria2c` and `pget` download, and where to."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cogfreeze.grammar import CONTAINER_PATH, URL

# Program → its options that take a value and do not change what is downloaded.
_WITH_VALUE = {
    "curl": {"--retry", "--retry-delay", "--retry-max-time", "--connect-timeout", "--max-time", "-m", "-C"},
    "wget": {"-t", "--tries", "-T", "--timeout", "--waitretry", "--progress"},
    "aria2c": {"-x", "-s", "-k", "-j", "--max-connection-per-server", "--split", "--console-log-level"},
    "pget": {"-c", "--concurrency", "-m", "--log-level", "-r", "--retries"},
}
# Short options that may be written together: `-fsSLo`.
_FLAGS = {"curl": "fsSLkgv#i", "wget": "qcNSv", "aria2c": "cq", "pget": "xfv"}
_LONG_FLAGS = {
    "curl": {"--fail", "--silent", "--show-error", "--location", "--progress-bar", "--insecure", "--create-dirs"},
    "wget": {
        *("--quiet", "--no-check-certificate", "--show-progress", "--no-verbose", "-nv", "-nc", "--no-clobber"),
        *("--continue", "--progress=bar:force", "--progress=dot:giga"),
    },
    "aria2c": {"--continue", "--continue=true", "--allow-overwrite=true"},
    "pget": {"--extract", "--force", "--verbose"},
}
_OUTPUT = {"curl": {"-o", "--output"}, "wget": {"-O", "--output-document"}, "aria2c": {"-o", "--out"}}
_FOLDER = {"curl": {"--output-dir"}, "wget": {"-P", "--directory-prefix"}, "aria2c": {"-d", "--dir"}}
PROGRAMS = frozenset(_FLAGS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A download of one file.

    Attributes:
        target: where the file goes; None for standard output.
        extract: it is a tar file to unpack into the folder `target`.
    """

    url: str
    target: str | None
    extract: bool = False

    @property
    def name(self) -> str:
        """The file's name, as far as its URL says it."""
        return file_name(self.url)


def file_name(url: str) -> str:
    """Return the last part of a URL's path, less what a path in an image can't have."""
    path = re.sub(r"[?#].*", "", url.split("://", 1)[1])
    return re.sub(r"[^A-Za-z0-9._+-]", "", path.rstrip("/").rpartition("/")[2]).lstrip(".") or "file"


def parse(words: list[str], redirected: str | None) -> Download | None:
    """Return what a command downloads; None if that is not one file by a plain URL.

    Args:
        words: the program and its arguments, without redirections.
        redirected: the file that its output goes to, or None.
    """
    program, rest = words[0].rpartition("/")[2], words[1:]
    options, places = _options(program, rest)
    if options is None:
        return None
    urls = [each for each in places if "://" in each]
    others = [each for each in places if "://" not in each]
    if len(urls) != 1 or not URL.accepts(urls[0]):
        return None
    url, name = urls[0], file_name(urls[0])
    if program == "pget":
        if len(others) != 1:
            return None
        return Download(url=url, target=others[0], extract=bool(options.keys() & {"-x", "--extract"}))
    if others:
        return None
    target: str | None = options.get("output")
    folder = options.get("folder")
    if program == "curl" and target is None:
        target = name if "-O" in options else redirected
    elif target in ("-", "/dev/stdout"):
        target = redirected
    elif target is None:
        target = name
    if folder and target is not None:
        target = f"{folder.rstrip('/')}/{target}"
    return Download(url=url, target=target)


def _options(program: str, rest: list[str]) -> tuple[dict[str, str] | None, list[str]]:
    """Return the options by name (`output` and `folder` with their values) and the other words.

    The options are None if one of them would change the request.
    """
    options: dict[str, str] = {}
    places: list[str] = []
    words = iter(rest)
    for word in words:
        name, equals, value = word.partition("=")
        if not word.startswith("-") or word == "-":
            places.append(word)
        elif word in _LONG_FLAGS[program]:
            options[word] = ""
        elif word in _WITH_VALUE[program] or (equals and name in _WITH_VALUE[program]):
            if not equals:
                next(words, None)
        elif name in _OUTPUT.get(program, ()):
            options["output"] = value if equals else next(words, "")
        elif name in _FOLDER.get(program, ()):
            options["folder"] = value if equals else next(words, "")
        elif word in ("-O", "--remote-name") and program == "curl":
            options["-O"] = ""
        elif not word.startswith("--") and _cluster(program, word[1:], options, words):
            continue
        else:
            return None, places
    return options, places


def _cluster(program: str, letters: str, options: dict[str, str], words: object) -> bool:
    """Read short options that are written together; return whether all are known."""
    for place, letter in enumerate(letters):
        if letter in _FLAGS[program]:
            options[f"-{letter}"] = ""
        elif letter == "O" and program == "curl":
            options["-O"] = ""
        elif f"-{letter}" in _OUTPUT.get(program, ()) or f"-{letter}" in _FOLDER.get(program, ()):
            key = "output" if f"-{letter}" in _OUTPUT.get(program, ()) else "folder"
            options[key] = letters[place + 1 :] or next(words, "")  # type: ignore[call-overload]
            return True
        elif f"-{letter}" in _WITH_VALUE[program]:
            if not letters[place + 1 :]:
                next(words, "")  # type: ignore[call-overload]
            return True
        else:
            return False
    return True


def mount_point(name: str) -> str:
    """Return where a command finds an input of this name."""
    return CONTAINER_PATH.check(f"/inputs/{name}")
