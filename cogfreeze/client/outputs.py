"""Writes the files of a prediction's output, and shows the output with their paths."""

from __future__ import annotations

import base64
import binascii
import json
import re
from pathlib import Path
from typing import Any

from cogfreeze import atomic
from cogfreeze.client import media
from cogfreeze.errors import UsageError


def write_outputs(
    output: Any, folder: Path, stem: str = "output", *, replace: bool = False
) -> tuple[Any, list[Path]]:
    """Write every data URI of an output to a file, and return the output with the paths instead, and the paths.

    A file is named after its place: `output.png` for an output that is a file, `output.picture.png` for one under
    the key `picture`, `output.0.png` for the first of a list. An existing file is not overwritten: the name gets a
    number, `output-2.png`.

    Args:
        replace: overwrite existing files, because the user named what is written.

    Raises:
        UsageError: a file cannot be written.
    """
    written: list[Path] = []

    def replaced(value: Any, name: str) -> Any:
        if isinstance(value, dict):
            return {key: replaced(each, f"{name}.{_safe(str(key))}") for key, each in value.items()}
        if isinstance(value, list):
            return [replaced(each, f"{name}.{index}") for index, each in enumerate(value)]
        decoded = decode_data_uri(value) if isinstance(value, str) else None
        if decoded is None:
            return value
        data, suffix = decoded
        path = folder / f"{name}{suffix}"
        written.append(_write(path, data) if replace else _write_new(folder, name, suffix, data))
        return str(written[-1])

    return replaced(output, stem), written


def save_output(output: Any, target: Path, *, concatenate: bool = False) -> tuple[Any, list[Path]]:
    """Write an output to the file that the user named, and return the same as `write_outputs`.

    An output that is one file becomes that file; any other is written as text or JSON, with its files beside it.
    Existing files are replaced.

    Raises:
        UsageError: it cannot be written.
    """
    decoded = decode_data_uri(output) if isinstance(output, str) else None
    if decoded is not None:
        made, beside, data = str(target), list[Path](), decoded[0]
    else:
        made, beside = write_outputs(output, target.parent, target.stem, replace=True)
        data = (shown(made, concatenate=concatenate) + "\n").encode()
    return made, [*beside, _write(target, data)]


def _write(path: Path, data: bytes) -> Path:
    try:
        atomic.write(path, data)
    except OSError as error:
        raise UsageError(f"cannot write the output to `{path}`: {error.strerror}") from None
    return path


def shown(output: Any, *, concatenate: bool = False) -> str:
    """Return an output as it is printed: text as it is, everything else as JSON.

    Args:
        concatenate: the output is a list of pieces of one text.
    """
    if concatenate and isinstance(output, list):
        return "".join(map(str, output))
    return output if isinstance(output, str) else json.dumps(output, indent=2, ensure_ascii=False)


def is_concatenated(schema: dict[str, Any]) -> bool:
    """Return whether the output in an OpenAPI document is a list of pieces of one text."""
    output = schema.get("components", {}).get("schemas", {}).get("Output", {})
    return bool(output.get("x-cog-array-display") == "concatenate")


def decode_data_uri(text: str) -> tuple[bytes, str] | None:
    """Return the bytes of a base64 data URI and the suffix of its name or media type; None for any other text."""
    if not text.startswith("data:"):
        return None
    header, _, body = text.partition(",")
    kind, _, parameters = header.removeprefix("data:").partition(";")
    if "base64" not in parameters.split(";"):
        return None
    try:
        data = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return None
    name = media.name_in(parameters)
    return data, media.suffix_of(name) if name else media.suffix(kind)


def _safe(key: str) -> str:
    """Return a key of the output as a safe part of a file name."""
    return re.sub(r"[^\w-]+", "_", key)[:80] or "_"


def _write_new(folder: Path, name: str, suffix: str, data: bytes) -> Path:
    number = 1
    while True:
        path = folder / (f"{name}{suffix}" if number == 1 else f"{name}-{number}{suffix}")
        try:
            with path.open("xb") as file:
                file.write(data)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise UsageError(f"cannot write the output to `{path}`: {error.strerror}") from None
        else:
            return path
