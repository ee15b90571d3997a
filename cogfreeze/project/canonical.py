"""A Project as text again: the cog.yaml that says all of it, and the record as JSON."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from cogfreeze.project import keys

if TYPE_CHECKING:
    from cogfreeze.project.model import Project


def yaml_text(project: Project) -> str:
    """Return the cog.yaml that reads back to the same Project, without its warnings.

    Defaults are written out; keys that have none and are not set are left out.
    """
    import yaml

    set_keys = keys.plain(project)
    names = {name: about.name for name, about in keys.keys_of(project)}
    sections = dict(keys.sections_of(project))
    whole: dict[str, Any] = {}
    for each in fields(project):
        if each.name in sections:
            if set_here := keys.plain(getattr(project, each.name)):
                whole[each.name] = set_here
        elif (name := names.get(each.name)) in set_keys:
            outer, _, inner = str(name).partition(".")
            whole[outer] = {inner: set_keys[str(name)]} if inner else set_keys[outer]
    return yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=10**6)


def json_text(project: Project) -> str:
    """Return the whole record: what `yaml_text` says, the requirements files' lines, and the warnings."""
    import json

    return json.dumps(asdict(project), indent=2, ensure_ascii=False) + "\n"
