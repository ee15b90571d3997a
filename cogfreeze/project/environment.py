"""Environment variables: the ones that the keys of cog.yaml set, and the ones that the image reserves."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from cogfreeze.project.keys import keys_of, variables
from cogfreeze.project.model import Project, Server
from cogfreeze.project.python import names_the_project

if TYPE_CHECKING:
    from collections.abc import Mapping

# What the image itself sets or depends on; the first group is Cog's list.
_RESERVED = frozenset(
    {
        "HF_ENDPOINT",
        "HF_HUB_ENABLE_HF_TRANSFER",
        "LD_LIBRARY_PATH",
        "LIBRARY_PATH",
        "PATH",
        "PYTHONPATH",
        "PYTHONUNBUFFERED",
        "VIRTUAL_ENV",
        "COG_OPENAPI_SCHEMA",
        "COG_PREDICT_TYPE_STUB",
        "COG_SERVER_PATH",
        "COG_TRAIN_TYPE_STUB",
    }
)
_RESERVED_PREFIXES = ("CUDA_", "KUBERNETES_", "NVIDIA_", "NV_", "PGET_", "R8_", "REPLICATE_")


def server_variables(project: Project) -> tuple[tuple[str, str], ...]:
    """Return the variables that tell a server what to serve and how; the same in the image and on this machine."""
    stubs = {"COG_PREDICT_TYPE_STUB": project.predict, "COG_TRAIN_TYPE_STUB": project.train}
    found = [(name, value) for name, value in stubs.items() if value is not None]
    return (*found, *variables(project), *variables(project.server))


def import_folders(project: Project) -> tuple[str, ...]:
    """Return the project's folders, besides its own, that the model imports from: `src` where the project itself
    is a requirement (`-e .`), as an installer would have it. A folder that isn't there does no harm."""
    build = project.build
    lines = (*build.python_packages, *(line for file in build.python_requirements for line in file.lines))
    own = any(map(names_the_project, lines)) or any(
        file.path == "pyproject.toml" for file in build.python_requirements
    )
    return ("src",) if own else ()


def reserved(name: str) -> str | None:
    """Return what to do in place of setting a variable that the image reserves, as a hint; None for any other."""
    if key := _set_by_key().get(name):
        return f"set `{key}` instead"
    if name in _RESERVED or name.startswith(_RESERVED_PREFIXES):
        return "set it when the container is started (`docker run -e`), or in your code"
    return None


@cache
def _set_by_key() -> Mapping[str, str]:
    """The path of the key that sets a variable, by the variable."""
    top = {about.variable: about.name for _, about in keys_of(Project) if about.variable}
    return top | {about.variable: f"server.{about.name}" for _, about in keys_of(Server) if about.variable}
