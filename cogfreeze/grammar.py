"""What a value may look like before it reaches a Dockerfile, a shell, a URL or a path.

One grammar for each kind of value. Invalid values are refused, never escaped, so that a valid value has no
character with a meaning where it ends up. The project's readers check with these, and the recipe checks again,
because a lock may have been edited by hand.

All patterns are ASCII and match the whole value, so that no line break can slip through.
"""

from __future__ import annotations

import re

_USER_IN_URL = re.compile(r"//[^/]*@")
_SHOWN = 80


def shown(value: str) -> str:
    """Return `value` for a message: one short line, without the credentials of a URL."""
    value = _USER_IN_URL.sub("//…@", value)
    value = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in value[: _SHOWN + 1])
    return value if len(value) <= _SHOWN else value[:_SHOWN] + "…"


class Refused(ValueError):
    """A value is not of its grammar.

    Attributes:
        message: what is wrong, for an error; it never contains a secret.
        allowed: what the grammar accepts, for a hint.
    """

    def __init__(self, message: str, allowed: str) -> None:
        super().__init__(f"{message} ({allowed})")
        self.message = message
        self.allowed = allowed


class Grammar:
    """The allowed form of one kind of value.

    Args:
        name: what a value of this kind is, after «is not»: `an image name`.
        allowed: what it may look like, as a hint.
        pattern: matched against the whole value.
        longest: the greatest length.
        secret: True keeps the value out of messages.
    """

    __slots__ = ("allowed", "longest", "name", "pattern", "secret")

    def __init__(self, name: str, allowed: str, pattern: str, *, longest: int = 255, secret: bool = False) -> None:
        self.name = name
        self.allowed = allowed
        self.longest = longest
        self.secret = secret
        self.pattern = re.compile(pattern, re.ASCII)

    def accepts(self, value: str) -> bool:
        """Say whether `value` is of this grammar."""
        return len(value) <= self.longest and self.pattern.fullmatch(value) is not None

    def check(self, value: str) -> str:
        """Return `value` as it is.

        Raises:
            Refused: it is not of this grammar.
        """
        if not self.accepts(value):
            what = "the value" if self.secret else f"`{shown(value)}`"
            raise Refused(f"{what} is not {self.name}", self.allowed)
        return value


class Text(Grammar):
    """A grammar of printable text: any printable character, besides what the pattern requires.

    Printable as Unicode has it: no control character, no line or paragraph separator, no character that is
    invisible or changes the direction of the text, no half of a surrogate pair. Tabs are allowed inside.
    """

    __slots__ = ()

    def accepts(self, value: str) -> bool:
        """Say whether `value` is of this grammar."""
        return value.replace("\t", " ").isprintable() and Grammar.accepts(self, value)


_DIGEST = r"sha256:[0-9a-f]{64}"
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_REGISTRY = rf"(?:(?:{_HOST}(?:\.{_HOST})+(?::[0-9]{{1,5}})?|{_HOST}:[0-9]{{1,5}}|localhost)/)?"
_REPOSITORY = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_IMAGE = rf"{_REGISTRY}{_REPOSITORY}(?:/{_REPOSITORY})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?"
_DEB_NAME = r"[a-z0-9][a-z0-9.+-]*[a-z0-9.+]"
_DEB_VERSION = r"(?:[0-9]+:)?[A-Za-z0-9][A-Za-z0-9.+~-]*"
_DEB_VERSION_PATTERN = r"(?:[0-9]+:)?[A-Za-z0-9*][A-Za-z0-9.+~*-]*"
_ARCHITECTURE = r"[a-z0-9][a-z0-9-]*"
_PART = r"[A-Za-z0-9_][A-Za-z0-9_.+-]*"

IMAGE_NAME = Grammar(
    "an image name",
    "lowercase letters, digits and `.`, `_`, `-`, with an optional registry before and tag after:"
    " `registry.example.com/team/model:v1`",
    _IMAGE,
)
IMAGE_REFERENCE = Grammar(
    "an image reference",
    "a name as `python:3.11-slim-bookworm`, with an optional registry before and `@sha256:…` after",
    rf"{_IMAGE}(?:@{_DIGEST})?",
    longest=400,
)
DIGEST = Grammar("a digest", "`sha256:` and 64 lowercase hex digits", _DIGEST)
SHA256 = Grammar("a SHA-256", "64 lowercase hex digits", r"[0-9a-f]{64}")

PLATFORM = Grammar("a platform", "`linux/amd64` or `linux/arm64`", r"linux/[a-z0-9]{1,16}(?:/v[0-9]{1,2})?")
USER = Grammar(
    "a user name",
    "a lowercase letter or `_`, then letters, digits, `_`, `-`; 32 at most",
    r"[a-z_][a-z0-9_-]{0,31}",
)

PYTHON_VERSION = Grammar(
    "a Python version",
    'a minor or a patch version in quotes: `"3.11"` or `"3.11.9"`',
    r"3\.[0-9]{1,2}(?:\.[0-9]{1,2})?",
)
CUDA_VERSION = Grammar(
    "a CUDA version", 'major and minor in quotes: `"12.4"`', r"[0-9]{1,2}\.[0-9]{1,2}(?:\.[0-9]{1,3})?"
)
CUDNN_VERSION = Grammar(
    "a cuDNN version", 'a number in quotes: `"8"` or `"9.1"`', r"[0-9]{1,2}(?:\.[0-9]{1,3}){0,3}"
)

# Requirements reach their tools in a file, one a line, never on a command line: printable is all it takes.
REQUIREMENT = Text(
    "a requirement", "one printable line that begins with no `-`: `torch==2.5.1`", r"[^-\s].*", longest=8192
)
REQUIREMENT_LINE = Text("a line of a requirements file", "one printable line", r"\S.*", longest=200_000)
PACKAGE_NAME = Grammar(
    "a Python package's name", "letters, digits, `.`, `_`, `-`", r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
)
WHEEL_FILE = Grammar(
    "a wheel's file name",
    "`name-version-python-abi-platform.whl`",
    r"[A-Za-z0-9_][A-Za-z0-9_.]*-[A-Za-z0-9_.!+]+(?:-[0-9][A-Za-z0-9_.]*)?(?:-[A-Za-z0-9_.]+){3}\.whl",
)
SOURCE_FILE = Grammar(
    "a source archive's file name",
    "`name-version.tar.gz`, `.zip` or another archive",
    r"[A-Za-z0-9_][A-Za-z0-9_.!+-]*\.(?:zip|tgz|tar(?:\.(?:gz|bz2|xz))?)",
)

# A name that ends in `-` would mean «remove» to apt-get.
APT_PACKAGE = Grammar(
    "an apt package",
    "`name`, `name=version`, `name:arch` or `name:arch=version`; a version may have `*`: `ffmpeg=7:5.1*`",
    rf"{_DEB_NAME}(?::{_ARCHITECTURE})?(?:={_DEB_VERSION_PATTERN})?",
)
APT_COMPONENT = Grammar("a component of an archive", "`contrib`, `non-free`, …", r"[a-z]+(?:-[a-z]+)*", longest=40)
DEB_NAME = Grammar("a Debian package's name", "lowercase letters, digits, `.`, `+`, `-`", _DEB_NAME)
DEB_VERSION = Grammar(
    "a Debian package's version", "letters, digits, `.`, `+`, `~`, `-`, after an optional `N:`", _DEB_VERSION
)
DEB_FILE = Grammar(
    "a Debian package's file name",
    "`name_version_arch.deb`",
    rf"{_DEB_NAME}_(?:[0-9]+%3a)?[A-Za-z0-9][A-Za-z0-9.+~-]*_{_ARCHITECTURE}\.deb",
)
ARCHIVE_PATH = Grammar(
    "a path in an archive",
    "relative, no `..`: `pool/main/f/ffmpeg/ffmpeg_5.1_amd64.deb`",
    r"[A-Za-z0-9_][A-Za-z0-9_.+~%-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.+~%-]*)*",
    longest=512,
)
SNAPSHOT = Grammar("a snapshot's date", "`20260901T000000Z`", r"[0-9]{8}T[0-9]{6}Z")

ENVIRONMENT_NAME = Grammar(
    "an environment variable's name", "letters, digits and `_`, no digit first", r"[A-Za-z_][A-Za-z0-9_]*"
)
ENVIRONMENT_VALUE = Text(
    "one printable line",
    "no line breaks or other control characters; 32,768 characters at most",
    r".*",
    longest=32_768,
    secret=True,
)

# Ends up in `--mount=type=secret,target=…`, which reads commas, quotes and `=`.
CONTAINER_PATH = Grammar(
    "a path in the image",
    "absolute, of letters, digits, `.`, `_`, `+`, `@`, `-`, with no `..`: `/etc/pip.conf`",
    r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9_.@+-]+)+",
    longest=1024,
)
PROJECT_PATH = Grammar(
    "a path in the project",
    "relative, of letters, digits, `.`, `_`, `+`, `-`, with no `..`: `scripts/setup.sh`",
    r"(?!\.{1,2}(?:/|$))[A-Za-z0-9_.+][A-Za-z0-9_.+-]*(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9_.+][A-Za-z0-9_.+-]*)*",
    longest=1024,
)
SECRET_ID = Grammar("a secret's id", "letters, digits, `.`, `_`, `-`", r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
PYTHON_BUILD = Grammar(
    "a path of a build of CPython",
    "its date and file: `20260101/cpython-….tar.gz`",
    r"[A-Za-z0-9_][A-Za-z0-9._-]*/cpython-[A-Za-z0-9._%+-]+\.tar\.gz",
)
URL = Grammar(
    "a URL that can be used here",
    "`https://host/path`, without user, password or fragment; encode other characters as `%XX`",
    r"https?://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~%+,:=@/-]*)?(?:\?[A-Za-z0-9._~%+,:=@/?&-]*)?",
    longest=4096,
)
PREDICTOR = Grammar(
    "a predictor",
    "a path below the project's folder and a name: `predict.py:Predictor`",
    rf"(?:{_PART}/)*{_PART}\.py:[A-Za-z_][A-Za-z0-9_]*",
)


class Script(Text):
    """A text of one or several lines, which goes into a file of its own and not into a Dockerfile."""

    __slots__ = ()

    def accepts(self, value: str) -> bool:
        """Return whether `value` is of this grammar."""
        return Text.accepts(self, value.replace("\n", " "))


# Docker takes these for flags, or for a program with its arguments.
RUN_COMMAND = Script(
    "a command",
    "printable text, of one or several lines, that neither begins with `-` nor is a JSON array",
    r"(?![-\s]|\[\s*(?:\".*)?\]$).*\S",
    longest=32_768,
)

# How a command of a Dockerfile asks for a cache that only speeds up its download.
CACHE_MOUNTS = re.compile(r"(?:--mount=type=cache\S*\s+)+")

ADVISORY = Grammar("the id of an advisory", "`CVE-2026-1234`, `GHSA-…`, `DSA-…`", r"[A-Za-z0-9][A-Za-z0-9._:-]*")
REASON = Text("one printable line", "no line breaks; 500 characters at most", r"\S.*", longest=500)
DATE = Grammar("a date", "`2027-01-31`", r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])")
PACKAGE = Grammar("a package name", "letters, digits, `.`, `_`, `+`, `-`", r"[A-Za-z0-9][A-Za-z0-9._+-]*")
LICENCE = Grammar("an SPDX licence id", "`MIT`, `Apache-2.0`, `GPL-3.0-only`", r"[A-Za-z0-9][A-Za-z0-9.+-]*")
HOST = Grammar(
    "a host",
    "`example.org`, `example.org:8443`, `*.example.org`",
    rf"(?:\*\.)?{_HOST}(?:\.{_HOST})*(?::[0-9]{{1,5}})?",
)
