"""Reads the machine's settings files, strictly: TOML, and each key what a `COG_*` variable says otherwise."""

from __future__ import annotations

import re
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cogfreeze.errors import ProjectErrors, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cogfreeze.errors import ProjectError

ADDRESSES = ("debian_snapshot", "python_mirror", "registry_mirror", "torch_index", "ubuntu_snapshot")
PATHS = ("ca_bundle", "cache_dir")
_KEYS = (*ADDRESSES, *PATHS)
# Every person who locks a project would lock something else.
_NEVER = {
    "sdk_wheel": "it changes what is locked: name the wheel in `COG_SDK_WHEEL`, for the run that is to lock it"
}
_LARGEST = 1024 * 1024


def read(path: Path, *, required: bool = False) -> dict[str, str]:
    """Return what a settings file says; nothing where there is none.

    Paths in it start at its folder, or at home with `~`.

    Args:
        required: that there is none is an error.

    Raises:
        SettingsError, ProjectErrors: it can't be read, or says something that can't be meant.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        if required:
            raise SettingsError(
                "there is no such file", where=str(path), hint="`COG_SETTINGS_FILE` names it: mend or unset that"
            ) from None
        return {}
    except OSError as error:
        raise SettingsError(f"cannot be read: {error.strerror}", where=str(path), hint="allow reading") from None
    table, text = _table(data, path)
    mistakes: list[ProjectError] = list(_mistakes(table, text, path))
    if len(mistakes) > 1:
        raise ProjectErrors(mistakes)
    if mistakes:
        raise mistakes[0]
    return {key: _absolute(value, path) if key in PATHS else value.rstrip("/") for key, value in table.items()}


def _table(data: bytes, path: Path) -> tuple[dict[str, Any], str]:
    if len(data) > _LARGEST:
        raise SettingsError("is larger than 1 MiB", where=str(path), hint="it holds a few lines, not data")
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
            what = "an address" if key in ADDRESSES else "a path"
            yield SettingsError(f"`{key}` must be {what}, a text in quotes", where=where)
        elif key in ADDRESSES and (problem := _problem(value)):
            message, hint = problem
            yield SettingsError(f"`{key}` {message}", where=where, hint=hint)


def _unknown(key: str, where: str) -> SettingsError:
    bare = key.lower().removeprefix("cog_").replace("-", "_")
    if bare in _NEVER:
        return SettingsError(f"`{bare}` can't be set here", where=where, hint=_NEVER[bare])
    near = get_close_matches(bare, _KEYS, n=1)
    hint = f"did you mean `{near[0]}`?" if near else "the settings are " + ", ".join(f"`{each}`" for each in _KEYS)
    return SettingsError(f"there is no setting {key!a}".replace("'", "`"), where=where, hint=hint)


def _problem(address: str) -> tuple[str, str] | None:
    """Return what is wrong with an address, and the way out; the address itself may hold a password."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return "is no address", "it begins with https:// or http://"
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"\s", address):
        return "is no address", "it begins with https:// or http://"
    if parts.username is not None or parts.password is not None:
        return "holds credentials", "put them into your netrc file, which is asked for every host"
    if parts.query or parts.fragment:
        return "has more than a path", "leave out what begins with `?` or `#`"
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
