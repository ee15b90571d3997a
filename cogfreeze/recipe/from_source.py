"""Packages that are built from source: taken in by hash, then built and installed without a network.

What builds them comes from wheels that are locked too, and stays in the stage. A package that compiles needs its
compiler in the base image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cogfreeze.recipe import layout, scripts
from cogfreeze.recipe.groups import DEFAULT_INDEX, Group
from cogfreeze.recipe.model import Copy, Stage

if TYPE_CHECKING:
    from cogfreeze.lock.model import Python, Source

# The stage that builds them, and the group of wheels that it builds with.
BUILT, TOOLS = "packages-from-source", "build-tools"


def tools(python: Python) -> tuple[Group, ...]:
    """Return what builds the sources: one group, or none."""
    if not python.sources:
        return ()
    return (
        Group(name=TOOLS, index=DEFAULT_INDEX, wheels=tuple(sorted(python.build, key=lambda each: each.name))),
    )


def fetch_stage(sources: tuple[Source, ...]) -> Stage:
    """Take the archives from the context; a named context that has them replaces the stage."""
    steps = (
        Copy(source=f"{layout.LOCAL}/{each.file}", target=f"{layout.FETCHED}/{each.file}")
        for each in sorted(sources, key=lambda each: each.name)
    )
    return Stage(
        name=layout.SOURCES,
        base="scratch",
        steps=tuple(steps),
        comment=f"{len(sources)} source archives, which `cog lock` has put into the context.",
    )


def lines(sources: tuple[Source, ...]) -> list[str]:
    """Return the list by which they are built."""
    return sorted(f"{each.name} @ file://{layout.seen(layout.SOURCES)}/{each.file}" for each in sources)


def script(
    sources: tuple[Source, ...], installer: str, wheels: str, requirements: str, epoch: int
) -> scripts.Script:
    """Build and install them below `STAGED`.

    Args:
        wheels: the folder of what builds them.
        requirements: the list.
    """
    names = " ".join(sorted(each.name for each in sources))
    return (
        f"SOURCE_DATE_EPOCH={epoch} PYTHONHASHSEED=0 UV_NO_INSTALLER_METADATA=1 \\",
        f"    {installer} pip install --quiet --no-config --no-progress --offline --no-index --no-deps \\",
        "    --cache-dir /cache --link-mode hardlink \\",
        f"    --python {layout.PYTHON_PREFIX}/bin/python3 --break-system-packages \\",
        f"    --prefix {layout.STAGED}{layout.PYTHON_PREFIX} \\",
        f"    --find-links {wheels} --requirement {requirements} || {{",
        # Without our name before it, so that what the build said is shown too.
        f"    echo 'building from source failed: {names}' >&2",
        "    echo 'a package that compiles needs a base image with its compiler: build.base_image' >&2",
        "    exit 1",
        "}",
        f"rm -rf /cache; find {layout.STAGED} -name .lock -type f -size 0 -delete",
    )
