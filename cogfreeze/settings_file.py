"""What a machine's owner can set, and the files that hold it: TOML, read strictly."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cogfreeze.errors import ProjectErrors, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.errors import ProjectError


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The description of one setting of a machine.

    Attributes:
        variables: the environment variables that set it; the first that is not empty counts.
        key: its name in a settings file; None where no file can set it.
        meaning: a sentence of Markdown.
        is_address: its value is a URL.
        is_text: its value is plain text; otherwise it is a path, or for a variable alone any text.
        default: what holds where it is not set, as Markdown.
    """

    variables: tuple[str, ...]
    key: str | None = None
    meaning: str
    is_address: bool = False
    is_text: bool = False
    default: str = "none"


SETTINGS = (
    Setting(
        variables=("COG_REGISTRY_MIRROR",),
        key="registry_mirror",
        is_address=True,
        meaning="A registry mirror to use in place of Docker Hub.",
        default="Docker Hub",
    ),
    Setting(
        variables=("COG_DEBIAN_SNAPSHOT",),
        key="debian_snapshot",
        is_address=True,
        meaning="A mirror of Debian's snapshot archive, up to the part before `/debian/20260101T000000Z/`.",
        default="the public one",
    ),
    Setting(
        variables=("COG_UBUNTU_SNAPSHOT",),
        key="ubuntu_snapshot",
        is_address=True,
        meaning="The same for Ubuntu.",
        default="the public one",
    ),
    Setting(
        variables=("COG_TORCH_INDEX",),
        key="torch_index",
        is_address=True,
        meaning="A mirror that has one PyTorch index for each CUDA version: `…/cpu`, `…/cu128`.",
        default="PyTorch's own",
    ),
    Setting(
        variables=("COG_PYTHON_MIRROR", "UV_PYTHON_INSTALL_MIRROR"),
        key="python_mirror",
        is_address=True,
        meaning="A mirror of uv's Python builds, `…/20260101/cpython-….tar.gz`, for base images without Python."
        " Each build is checked against the hash that uv knows.",
        default="uv's own",
    ),
    Setting(
        variables=("COG_OSV_API",),
        key="osv_api",
        is_address=True,
        meaning="The API that `cog audit` uses instead of OSV's.",
        default="OSV's own",
    ),
    Setting(
        variables=("COG_REVIEW_HOSTS",),
        key="review_hosts",
        is_text=True,
        meaning="The only hosts that addresses in a lock may name, separated by spaces, for"
        " `cog lock --check --online`. It overrides `review.hosts` in cog.yaml, which a pull request can change.",
        default="`review.hosts` of cog.yaml",
    ),
    Setting(
        variables=("COG_CA_BUNDLE",),
        key="ca_bundle",
        meaning="A PEM file of the certificates to trust.",
        default="the system's certificates",
    ),
    Setting(
        variables=("COG_CACHE_DIR",),
        key="cache_dir",
        meaning="The folder of downloads and environments, shared by all projects; see `cog cache`.",
        default="`~/.cache/cogfreeze`",
    ),
    Setting(
        variables=("COG_OFFLINE",),
        meaning="`1` uses only cached files, like `--offline`.",
        default="`0`",
    ),
    Setting(
        variables=("COG_SDK_WHEEL",),
        meaning="A wheel that replaces the `cog` SDK in the image. It is locked by its hash, until"
        " `cog lock --upgrade-runtime` runs without it.",
    ),
    Setting(
        variables=("COG_SETTINGS_FILE",),
        meaning="The only settings file to read.",
        default="`~/.config/cogfreeze/settings.toml`, then `/etc/cogfreeze/settings.toml`",
    ),
    Setting(
        variables=("UV_PYTHON_DOWNLOADS_JSON_URL",),
        meaning="A list of Python builds to use in place of uv's own.",
    ),
    Setting(variables=("COG_DEBUG",), meaning="`1` shows the traceback of a bug in cogfreeze.", default="`0`"),
    Setting(
        variables=("BUILDKIT_PROGRESS",),
        meaning="The default of `--progress`: `auto`, `plain`, `tty` or `quiet`.",
        default="`auto`",
    ),
    Setting(variables=("NO_COLOR",), meaning="Any value turns colour off."),
)
ADDRESSES = tuple(each.key for each in SETTINGS if each.key and each.is_address)
TEXTS = tuple(each.key for each in SETTINGS if each.key and each.is_text)
PATHS = tuple(each.key for each in SETTINGS if each.key and not (each.is_address or each.is_text))
_KEYS = (*ADDRESSES, *PATHS, *TEXTS)
# Every person who locks a project would lock something else.
_NEVER = {"sdk_wheel": "it changes what is locked: set `COG_SDK_WHEEL` for the one `cog lock` that needs it"}
_LARGEST = 1024 * 1024


def read(path: Path, *, required: bool = False) -> dict[str, str]:
    """Return the settings in a file; none where there is no file.

    Paths in it start at its folder, or at home with `~`.

    Args:
        required: a missing file is an error.

    Raises:
        SettingsError, ProjectErrors: it cannot be read, or a setting in it is not usable.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        if required:
            raise SettingsError(
                "there is no such file",
                where=str(path),
                hint="correct or unset `COG_SETTINGS_FILE`",
            ) from None
        return {}
    except OSError as error:
        raise SettingsError(f"cannot be read: {error.strerror}", where=str(path)) from None
    table, text = _table(data, path)
    mistakes: list[ProjectError] = list(_mistakes(table, text, path))
    if len(mistakes) > 1:
        raise ProjectErrors(mistakes)
    if mistakes:
        raise mistakes[0]
    return {key: _absolute(value, path) if key in PATHS else value.rstrip("/") for key, value in table.items()}


def _table(data: bytes, path: Path) -> tuple[dict[str, Any], str]:
    if len(data) > _LARGEST:
        raise SettingsError("is larger than 1 MiB", where=str(path), hint="it should have only a few lines")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SettingsError("is not UTF-8 text", where=f"{path}:{line}", hint="save it as UTF-8") from None
    try:
        return tomllib.loads(text), text
    except (ValueError, RecursionError) as error:  # tomllib descends with every bracket
        found = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", str(error))
        message, place = (found[1], f"{path}:{found[2] or len(text.splitlines())}") if found else (error, path)
        hint = 'it is TOML, a line for each setting: `debian_snapshot = "https://…"`'
        raise SettingsError(str(message)[:1].lower() + str(message)[1:], where=str(place), hint=hint) from None


def _mistakes(table: dict[str, Any], text: str, path: Path) -> Iterator[SettingsError]:
    for key, value in table.items():
        where = f"{path}{_line(key, text)}"
        if key not in _KEYS:
            yield _unknown(key, where)
        elif not isinstance(value, str) or not value or not value.isprintable():
            what = "an address" if key in ADDRESSES else "text" if key in TEXTS else "a path"
            yield SettingsError(f"`{key}` must be {what} in quotes", where=where)
        elif key in ADDRESSES and (problem := _problem(value)):
            message, hint = problem
            yield SettingsError(f"`{key}` {message}", where=where, hint=hint)


def _unknown(key: str, where: str) -> SettingsError:
    bare = key.lower().removeprefix("cog_").replace("-", "_")
    if bare in _NEVER:
        return SettingsError(f"`{bare}` cannot be set in a file", where=where, hint=_NEVER[bare])
    near = get_close_matches(bare, _KEYS, n=1)
    hint = f"did you mean `{near[0]}`?" if near else "the settings are " + ", ".join(f"`{each}`" for each in _KEYS)
    return SettingsError(f"there is no setting {key!a}".replace("'", "`"), where=where, hint=hint)


def _problem(address: str) -> tuple[str, str] | None:
    """Return what is wrong with an address and a hint. Neither shows the address: it may contain a password."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return "is not an address", "it begins with https:// or http://"
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"\s", address):
        return "is not an address", "it begins with https:// or http://"
    if parts.username is not None or parts.password is not None:
        return "contains credentials", "put them into `~/.netrc`, which is read for every host"
    if parts.query or parts.fragment:
        return "has a query or fragment", "remove everything from `?` or `#` on"
    return None


def _line(key: str, text: str) -> str:
    """Return `:LINE` of a key at the top of a file; tomllib doesn't tell."""
    wanted = re.compile(rf"\s*(\[+\s*)?[\"']?{re.escape(key)}[\"']?\s*[=.\]]")
    return next((f":{number}" for number, line in enumerate(text.splitlines(), 1) if wanted.match(line)), "")


def _absolute(value: str, path: Path) -> str:
    try:
        named = Path(value).expanduser()
    except RuntimeError:  # there is no such home
        named = Path(value)
    return str(path.parent.absolute() / named)
