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

# The stage that builds them, its group of build tools, and the stage with compilers that it starts from.
BUILT, TOOLS, TOOLCHAIN = "packages-from-source", "build-tools", "toolchain"

_BUILD = "/build"
# After those of Python itself, so that they win.
_FLAGS = f"-g0 -ffile-prefix-map={_BUILD}=. -frandom-seed=cogfreeze"


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


def script(
    sources: tuple[Source, ...], epoch: int, *, archives: str, tools: str, requirements: str
) -> scripts.Script:
    """Build the archives one by one, offline, and install them below `STAGED`.

    Each is built at a path that is always the same, in one environment with all build tools, without debug
    information: both hold paths. What a build draws from the clock or from hashing is fixed.

    Args:
        archives: the folder of the archives.
        tools: the folder of the build tools' wheels.
        requirements: the path of their requirements list.
    """
    uv = f"{layout.mounted('installer')}/uv"
    offline = "--quiet --no-config --no-progress --offline --no-index"
    ordered = sorted(sources, key=lambda each: each.name)
    return (
        f"export SOURCE_DATE_EPOCH={epoch} PYTHONHASHSEED=0 LC_ALL=C.UTF-8 UV_NO_INSTALLER_METADATA=1",
        f"export CFLAGS='{_FLAGS}' CXXFLAGS='{_FLAGS}' ARFLAGS=rcD",
        f"export RUSTFLAGS=--remap-path-prefix={_BUILD}=. CARGO_NET_OFFLINE=true CARGO_HOME={_BUILD}/cargo",
        f"mkdir -p {_BUILD}/wheels {_BUILD}/temporary",
        f"export TMPDIR={_BUILD}/temporary PATH={_BUILD}/tools/bin:$PATH",
        f"{uv} venv {offline} --python {layout.PYTHON_PREFIX}/bin/python3 --cache-dir /cache {_BUILD}/tools",
        f"{uv} pip install {offline} --no-deps --require-hashes --cache-dir /cache --link-mode hardlink \\",
        f"    --python {_BUILD}/tools/bin/python --find-links {tools} --requirement {requirements}",
        *_unpack(archives),
        "build() {",
        f"    unpack $2 {_BUILD}/$1",
        f"    cd {_BUILD}/$1/*/",
        f"    export SKBUILD_BUILD_DIR={_BUILD}/scikit/$1",
        "    unset SETUPTOOLS_SCM_PRETEND_VERSION PBR_VERSION",
        '    [ -z "${3:-}" ] || export SETUPTOOLS_SCM_PRETEND_VERSION=$3 PBR_VERSION=$3',
        f"    if ! {uv} build {offline} --wheel --no-build-isolation --cache-dir /cache \\",
        f"        --python {_BUILD}/tools/bin/python --out-dir {_BUILD}/wheels . >{_BUILD}/log 2>&1; then",
        f"        tail -n 40 {_BUILD}/log >&2",
        # No `cogfreeze:` prefix, so that the build's own output is shown too.
        '        echo "building $1 from source failed" >&2',
        "        exit 1",
        "    fi",
        "    cd /",
        "}",
        *(f"build {_arguments(each)}" for each in ordered),
        f"(cd {_BUILD}/wheels && sha256sum *.whl)",
        f"{uv} pip install {offline} --no-deps --cache-dir /cache --link-mode hardlink \\",
        f"    --python {layout.PYTHON_PREFIX}/bin/python3 --break-system-packages \\",
        f"    --prefix {layout.STAGED}{layout.PYTHON_PREFIX} --find-links {_BUILD}/wheels \\",
        f"    {' '.join(each.name for each in ordered)}",
        f"rm -rf /cache {_BUILD}; find {layout.STAGED} -name .lock -type f -size 0 -delete",
    )


def _unpack(archives: str) -> scripts.Script:
    """Define a function that unpacks an archive of any kind; a zip keeps the modes of its files too."""
    return (
        "unpack() {",
        f"    python3 - {archives}/$1 $2 <<'PYTHON'",
        "import os, shutil, sys, zipfile",
        "if zipfile.is_zipfile(sys.argv[1]):",
        "    with zipfile.ZipFile(sys.argv[1]) as archive:",
        "        for member in archive.infolist():",
        "            path = archive.extract(member, sys.argv[2])",
        "            if not member.is_dir():",
        "                os.chmod(path, member.external_attr >> 16 & 0o777 | 0o644)",
        "else:",
        "    shutil.unpack_archive(sys.argv[1], sys.argv[2])",
        "PYTHON",
        "}",
    )


def _arguments(source: Source) -> str:
    """Return what the build of an archive is told: name, file and, where a build would ask git for it, version."""
    return f"{source.name} {source.file}" + ("" if source.kind == "sdist" else f" {source.version}")
