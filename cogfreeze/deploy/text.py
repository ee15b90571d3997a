"""A Plan as the text of one file: the same plan gives the same bytes."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cogfreeze.deploy import docker, knative, kserve, kubernetes
from cogfreeze.deploy.request import COMPOSE, DOCKER_RUN, KNATIVE, KSERVE, KUBERNETES

if TYPE_CHECKING:
    from cogfreeze.deploy.plan import Plan
    from cogfreeze.deploy.pod import Manifest

FILES = {
    KUBERNETES: "kubernetes.yaml",
    KSERVE: "kserve.yaml",
    KNATIVE: "knative.yaml",
    COMPOSE: "compose.yaml",
    DOCKER_RUN: "docker-run.sh",
}
_OBJECTS = {KUBERNETES: kubernetes.manifests, KSERVE: kserve.manifests, KNATIVE: knative.manifests}
# What no YAML parser, of 1.1 or 1.2, takes for anything but text.
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9/._-]*(?:[:@][A-Za-z0-9/._-]+)*")
_NOT_TEXT = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
_WIDTH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One file.

    Attributes:
        objects: what it holds; of a script nothing.
        executable: whether a person runs it.
    """

    file: str
    text: str
    objects: tuple[Manifest, ...]
    executable: bool = False


def render(plan: Plan, *, version: str) -> Output:
    """Return the file of a plan.

    Args:
        version: of cogfreeze, for the comment at the top.
    """
    head = _head(plan, version)
    file = FILES[plan.target]
    if plan.target == DOCKER_RUN:
        return Output(file=file, text=f"#!/bin/sh\n{head}{docker.run_script(plan)}", objects=(), executable=True)
    objects = (docker.compose(plan),) if plan.target == COMPOSE else tuple(_OBJECTS[plan.target](plan))
    return Output(file=file, text=head + "---\n".join(_yaml(each) for each in objects), objects=objects)


def _head(plan: Plan, version: str) -> str:
    paragraphs = [
        f"Written by `cog deploy --target {plan.target}`, cogfreeze {version}.",
        "To change it, change the project or the options and run the command again.",
        *plan.notes,
    ]
    lines = (line for each in paragraphs for line in textwrap.wrap(each, _WIDTH, break_on_hyphens=False))
    return "".join(f"# {line}\n" for line in lines)


def _yaml(value: Manifest) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):
        """Quotes every string that some parser could take for a number, a date or a truth value."""

        def ignore_aliases(self, _data: object) -> bool:
            return True

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT
            super().increase_indent(flow, False)

    def text(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
        plain = _PLAIN.fullmatch(data) and data.lower() not in _NOT_TEXT
        return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=None if plain else '"')

    Dumper.add_representer(str, text)
    return yaml.dump(value, Dumper=Dumper, sort_keys=False, width=10_000, allow_unicode=True)
