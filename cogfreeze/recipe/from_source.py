"""Packages built from source: archives are checked by hash, then built and installed offline.

Their build tools come from locked wheels and stay in the build stage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cogfreeze.recipe import layout, scripts
from cogfreeze.recipe.groups import DEFAULT_INDEX, Group
from cogfreeze.recipe.model import Copy, Stage

if TYPE_CHECKING:
    from cogfreeze.lock.model import Python, Source

# The stage that builds them, and its group of build tools.
BUILT, TOOLS = "packages-from-source", "build-tools"


def tools(python: Python) -> tuple[Group, ...]:
    """Return the group of build tools, or nothing if no package is built from source."""
    if not python.sources:
        return ()
    return (
        Group(name=TOOLS, index=DEFAULT_INDEX, wheels=tuple(sorted(python.build, key=lambda each: each.name))),
    )


def fetch_stage(sources: tuple[Source, ...]) -> Stage:
    """Return the stage that copies the archives from the build context. A named context can replace it."""
    steps = (
        Copy(source=f"{layout.LOCAL}/{each.file}", target=f"{layout.FETCHED}/{each.file}")
        for each in sorted(sources, key=lambda each: each.name)
    )
    return Stage(
        name=layout.SOURCES,
        base="scratch",
        steps=tuple(steps),
        comment=f"{len(sources)} source archives, from the build context.",
    )


def lines(sources: tuple[Source, ...]) -> list[str]:
    """Return the requirements list of the archives."""
    return sorted(f"{each.name} @ file://{layout.mounted(layout.SOURCES)}/{each.file}" for each in sources)


def script(
    sources: tuple[Source, ...], installer: str, wheels: str, requirements: str, epoch: int
) -> scripts.Script:
    """Build and install the archives below `STAGED`.

    Args:
        wheels: the folder of build tools.
        requirements: the path of the requirements list.
    """
    names = " ".join(sorted(each.name for each in sources))
    return (
        f"SOURCE_DATE_EPOCH={epoch} PYTHONHASHSEED=0 UV_NO_INSTALLER_METADATA=1 \\",
        f"    {installer} pip install --quiet --no-config --no-progress --offline --no-index --no-deps \\",
        "    --cache-dir /cache --link-mode hardlink \\",
        f"    --python {layout.PYTHON_PREFIX}/bin/python3 --break-system-packages \\",
        f"    --prefix {layout.STAGED}{layout.PYTHON_PREFIX} \\",
        f"    --find-links {wheels} --requirement {requirements} || {{",
        # No `cogfreeze:` prefix, so that the build's own output is shown too.
        f"    echo 'building from source failed: {names}' >&2",
        "    echo 'a package that compiles needs a base image with its compiler: build.base_image' >&2",
        "    exit 1",
        "}",
        f"rm -rf /cache; find {layout.STAGED} -name .lock -type f -size 0 -delete",
    )
