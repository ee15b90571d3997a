"""The keys of cog.yaml as a reference: the rows of the documentation's tables, and a JSON Schema for editors."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cogfreeze.project import keys
from cogfreeze.project.foreign import ALIASES, IGNORED
from cogfreeze.project.model import (
    DEFAULT_PYTHON,
    Build,
    IgnoredAdvisory,
    InputFile,
    Project,
    Review,
    RunCommand,
    SecretMount,
    Server,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

# Section of the reference → the record of its keys.
RECORDS: dict[str, type] = {
    "": Project,
    "build": Build,
    "build.run": RunCommand,
    "build.run.mounts": SecretMount,
    "build.run.inputs": InputFile,
    "server": Server,
    "review": Review,
    "review.ignore": IgnoredAdvisory,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One key in a table of the reference; the texts are Markdown."""

    path: str
    kind: str
    default: str
    meaning: str
    example: str
    since: str
    ours: bool


def rows(section: str) -> Iterator[Row]:
    """Yield the keys of a section of `RECORDS`, each followed by its aliases."""
    prefix = f"{section}." if section in ("build", "server", "review") else ""
    for _, about in keys.keys_of(RECORDS[section]):
        row = Row(
            path=prefix + about.name,
            kind=about.kind.words,
            default=about.default or "required",
            meaning=about.meaning + (f" Variable: `{about.variable}`." if about.variable else ""),
            example=about.example,
            since=about.since,
            ours=about.ours,
        )
        yield row
        for alias, of in ALIASES.items():
            if of.key == row.path:
                yield Row(
                    path=alias,
                    kind=row.kind,
                    default=row.default,
                    meaning=of.meaning,
                    example=row.example,
                    since=row.since,
                    ours=False,
                )


def schema() -> dict[str, Any]:
    """Return the JSON Schema of cog.yaml. What the reader warns of is valid; what it refuses is not.

    Rules across keys (`python_packages` or `python_requirements`, not both) are the reader's alone.
    """
    top = keys.object_schema(Project)
    properties = top["properties"]
    for name in [each for each in properties if "." in each]:
        outer, _, inner = name.partition(".")
        properties[outer] = _mapping({"properties": {inner: properties.pop(name)}})
    for name, meaning in keys.sections_of(Project):
        properties[name] = _mapping(keys.object_schema(RECORDS[name])) | {"description": meaning["meaning"]}
        # A default stands in for what the record itself must be given.
        properties[name].pop("required", None)
    for path, alias in ALIASES.items():
        _put(properties, path, {"description": alias.meaning, "deprecated": path != "run"} | _kind(alias.key))
    for path, why in IGNORED.items():
        _put(properties, path, {"description": f"Has no effect: {why}.", "deprecated": True})
    top.pop("required", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "cog.yaml of cogfreeze",
        **top,
        # For what YAML anchors name, as in Compose files.
        "patternProperties": {"^x-": {}},
    }


def sample(predict: str) -> str:
    """Return the cog.yaml that a new project starts with; the keys that are most often needed are commented out.

    Args:
        predict: the predictor, `file.py:Name`.
    """
    top, build = ({row.path: row for row in rows(section)} for section in ("", "build"))
    lines = [
        "# After a change under `build`, run `cog lock` and commit cog.lock. `cog help cog.yaml` lists every key.",
        "",
        *_comment(top["predict"].meaning),
        f"predict: {predict}",
        "",
        "build:",
        f'  python_version: "{DEFAULT_PYTHON}"',
        "  python_requirements: requirements.txt",
    ]
    for path in ("build.system_packages", "build.gpu"):
        row = build[path]
        lines += ["", *_comment(row.meaning, "  "), f"  # {path.removeprefix('build.')}: {row.example}"]
    return "\n".join(lines) + "\n"


def _comment(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, 100, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")


def _mapping(found: dict[str, Any]) -> dict[str, Any]:
    return {"additionalProperties": False} | found | {"type": ["object", "null"]}


def _put(properties: dict[str, Any], path: str, about: dict[str, Any]) -> None:
    outer, _, inner = path.rpartition(".")
    (properties[outer]["properties"] if outer else properties)[inner] = about


def _kind(path: str) -> dict[str, Any]:
    """The schema of a key's value, without its description."""
    section, _, name = path.rpartition(".")
    found = next(about for _, about in keys.keys_of(RECORDS[section]) if about.name == name)
    return {each: value for each, value in found.schema.items() if each not in ("description", "examples")}
