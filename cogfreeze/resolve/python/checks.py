"""What is wrong with a closure although every part of it is fine: found at lock time, by what the wheels say.

Each finding has a name, by which `build.allow` silences it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from cogfreeze.catalog.frameworks import TORCH_FAMILY, cuda_of
from cogfreeze.errors import ResolveError
from cogfreeze.resolve.fetch import fetch_all
from cogfreeze.resolve.index import (
    LOCAL_INDEX,
    SHARED_OBJECT,
    Candidate,
    cached_metadata,
    cached_symbol_versions,
    glibc_of,
    newest_glibc,
    symbol_versions,
    wheel_metadata,
)
from cogfreeze.resolve.python.locate import locate_wheels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from cogfreeze.lock.model import Wheel
    from cogfreeze.project.model import Build
    from cogfreeze.report import Report
    from cogfreeze.resolve.index import WheelMetadata
    from cogfreeze.settings import Settings

_DATA = re.compile(r"[^/]+\.data/(purelib|platlib|scripts|data|headers)/(.+)")
_CUDA_WHEEL = re.compile(r"nvidia-cuda-runtime(-cu\d+)?")
_CUDA_MAJOR = re.compile(r"nvidia-[a-z0-9-]+-cu(\d+)")
_MOST_WITH_SAME_FILES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that a check found.

    Attributes:
        name: what `build.allow` silences it by: `same-file`, `glibc`, `requires-python`, `cuda`, `cuda-twice`.
        message: what is wrong, one sentence without a final stop.
        hint: what to do about it.
        severity: `error` or `warning`.
    """

    name: str
    message: str
    hint: str
    severity: str = "error"


def check_closure(
    locked: Sequence[Wheel],
    build: Build,
    folder: Path,
    platform: str,
    *,
    glibc: tuple[int, int] | None,
    base_cuda: str | None = None,
    settings: Settings,
    report: Report,
) -> list[Finding]:
    """Return what is wrong with locked wheels, without what `build.allow` silences.

    Nothing is asked of the network for wheels whose metadata was read before, as resolving does.

    Args:
        glibc: the base image's, or None where it isn't known.
        base_cuda: the CUDA whose libraries the base image has, `12.4`; None for none.

    Raises:
        NetworkError, ResolveError, IntegrityError: the metadata of a wheel can't be read.
    """
    metadata = _metadata(locked, build, folder, platform, settings, report)
    by_name = {each.name: metadata[each.sha256] for each in locked}
    found = [
        *same_files(by_name),
        *_newer_glibc(locked, glibc),
        *_newer_symbols(_unvouched(locked, by_name, glibc), build, folder, platform, glibc, settings, report),
        *_other_pythons(by_name, build.python_version),
        *_cuda(locked, base_cuda),
    ]
    return [each for each in found if each.name not in build.allow]


def enforce_checks(findings: Sequence[Finding], report: Report) -> None:
    """Report the findings and refuse the closure if there is an error among them.

    Raises:
        ResolveError: the first error; the others were reported as warnings before.
    """
    errors = [each for each in findings if each.severity == "error"]
    for each in findings:
        if each not in errors[:1]:
            report.warn(each.message, hint=_hint(each))
    if errors:
        raise ResolveError(errors[0].message, hint=_hint(errors[0]))


def _hint(finding: Finding) -> str:
    return f"{finding.hint}; or accept it with `build.allow: [{finding.name}]`"


def _metadata(
    locked: Sequence[Wheel], build: Build, folder: Path, platform: str, settings: Settings, report: Report
) -> dict[str, WheelMetadata]:
    found = {each.sha256: known for each in locked if (known := cached_metadata(each.sha256, settings))}
    missing = [each for each in locked if each.sha256 not in found]
    if not missing:
        return found
    artifacts = locate_wheels(
        missing, python=build.python_version, platform=platform, folder=folder, settings=settings, build=build
    )
    wanted = [Candidate(file=each.name, url=each.urls[0], sha256=each.sha256) for each in artifacts]
    return found | wheel_metadata(wanted, settings, report)


def same_files(metadata: Mapping[str, WheelMetadata]) -> Iterator[Finding]:
    """Find wheels that put different content into the same file: the last one by name wins.

    Args:
        metadata: by package name.
    """
    pairs = _same_paths(metadata)
    # The recipe gives each of these wheels a layer of its own, and an image can't have any number of layers.
    too_many = len({name for pair in pairs for name in pair}) > _MOST_WITH_SAME_FILES
    for (first, second), paths in sorted(pairs.items()):
        count = f"{len(paths)} files" if len(paths) > 1 else "a file"
        shown = ", ".join(f"`{path}`" for path in paths[:3]) + (", …" if len(paths) > 3 else "")
        result = "too many packages do so" if too_many else f"the image has those of `{second}`"
        if len(paths) == 1 and not too_many:
            result = f"the image has the one of `{second}`"
        yield Finding(
            name="same-file",
            message=f"`{first}` and `{second}` install {count} with different content ({shown}): {result}",
            hint=f"keep one of them: pin or replace what requires `{first}` or `{second}`",
            severity="error" if too_many else "warning",
        )


def packages_with_same_files(metadata: Mapping[str, WheelMetadata]) -> dict[str, tuple[str, ...]]:
    """Return for each package the others that put different content into one of its files, sorted.

    Args:
        metadata: by package name.
    """
    found: dict[str, set[str]] = {}
    for first, second in _same_paths(metadata):
        found.setdefault(first, set()).add(second)
        found.setdefault(second, set()).add(first)
    return {name: tuple(sorted(others)) for name, others in found.items()}


def _same_paths(metadata: Mapping[str, WheelMetadata]) -> dict[tuple[str, str], list[str]]:
    """Return the paths, sorted, in which two packages have different content, by the sorted pair of names."""
    owners: dict[str, dict[str, str]] = {}
    for name in sorted(metadata):
        for path, digest in _installed(metadata[name]):
            owners.setdefault(path, {})[name] = digest
    pairs: dict[tuple[str, str], list[str]] = {}
    for path, digests in sorted(owners.items()):
        if len(set(digests.values())) > 1:
            for pair in combinations(sorted(digests), 2):
                if digests[pair[0]] != digests[pair[1]]:
                    pairs.setdefault(pair, []).append(path)
    return pairs


def _installed(metadata: WheelMetadata) -> Iterator[tuple[str, str]]:
    """Yield every file that a wheel puts below the environment: its path there, and its digest."""
    for path, digest in metadata.files.items():
        if found := _DATA.fullmatch(path):
            kind, rest = found.groups()
            places = {"purelib": "", "platlib": "", "scripts": "bin/", "data": "prefix/", "headers": "include/"}
            yield places[kind] + rest, digest
        elif ".dist-info/" not in path.partition("/")[0] + "/":
            yield path, digest
    for name, target in metadata.scripts.items():
        yield f"bin/{name}", target


def _newer_glibc(locked: Sequence[Wheel], glibc: tuple[int, int] | None) -> Iterator[Finding]:
    for each in locked:
        wanted = glibc_of(each.file)
        if glibc and wanted and wanted > glibc:
            yield Finding(
                name="glibc",
                message=f"`{each.file}` needs glibc {'.'.join(map(str, wanted))}, and the base image has"
                f" {'.'.join(map(str, glibc))}",
                hint=f"choose a newer `build.base_image`, or an older `{each.name}`",
            )


def _unvouched(
    locked: Sequence[Wheel], metadata: Mapping[str, WheelMetadata], glibc: tuple[int, int] | None
) -> list[Wheel]:
    """Return the wheels whose need of glibc nobody answers for, without those whose names say that it is newer.

    An index vouches for the manylinux tags of its files, and PyTorch's for what it builds. A file of this machine
    has nobody's word, and neither has a compiled one whose name promises nothing. The lock alone decides which
    they are, so every machine finds the same.
    """
    return [
        each
        for each in locked
        if glibc is not None
        and (glibc_of(each.file) or glibc) <= glibc
        and (each.index == LOCAL_INDEX or _promises_nothing(each, metadata[each.name]))
    ]


def _promises_nothing(wheel: Wheel, metadata: WheelMetadata) -> bool:
    """Say whether a wheel of an index has compiled files, and a name that says nothing of their glibc."""
    if glibc_of(wheel.file) or (wheel.name in TORCH_FAMILY and wheel.index.startswith("pytorch-")):
        return False
    return not wheel.file.endswith("-any.whl") or any(map(SHARED_OBJECT.search, metadata.files))


def _newer_symbols(
    wheels: Sequence[Wheel],
    build: Build,
    folder: Path,
    platform: str,
    glibc: tuple[int, int] | None,
    settings: Settings,
    report: Report,
) -> Iterator[Finding]:
    """Find compiled files that the base's loader would refuse; the wheels are fetched whole, as the build will."""
    if not wheels or glibc is None or "glibc" in build.allow:
        return
    needs = {
        each.sha256: known
        for each in wheels
        if (known := cached_symbol_versions(each.sha256, settings)) is not None
    }
    missing = [each for each in wheels if each.sha256 not in needs]
    if missing:
        places = locate_wheels(
            missing, python=build.python_version, platform=platform, folder=folder, settings=settings, build=build
        )
        files = fetch_all(places, settings, report, what="wheels, to read what glibc they need")
        with report.step(
            f"reading the symbol versions of {len(files)} wheels", len(files), unit="wheels"
        ) as advance:
            for sha256, path in files.items():
                needs[sha256] = symbol_versions(path, sha256, settings)
                advance(1)
    for each in wheels:
        asked = newest_glibc(needs[each.sha256], platform)
        if asked and asked[0] > glibc:
            yield Finding(
                name="glibc",
                message=f"`{asked[1]}` in `{each.file}` needs the symbol version"
                f" GLIBC_{'.'.join(map(str, asked[0]))}, and the base image has glibc {'.'.join(map(str, glibc))}",
                hint=f"build `{each.name}` on an older distribution, or choose a newer `build.base_image`",
            )


def _other_pythons(metadata: Mapping[str, WheelMetadata], python: str) -> Iterator[Finding]:
    # `3.11` stands for every 3.11; a wheel that some of them can run is none of ours to refuse.
    versions = [python] if python.count(".") == 2 else [f"{python}.0", f"{python}.99"]
    for name in sorted(metadata):
        wanted = metadata[name].python
        try:
            if wanted is None or any(SpecifierSet(wanted).contains(each) for each in versions):
                continue
        except InvalidSpecifier:
            continue
        yield Finding(
            name="requires-python",
            message=f"`{name}` says that it needs Python {wanted}, and the image has {python}",
            hint=f"choose another `build.python_version`, or another version of `{name}`",
        )


def _cuda(locked: Sequence[Wheel], base: str | None) -> Iterator[Finding]:
    majors = sorted({found[1] for each in locked if (found := _CUDA_MAJOR.fullmatch(each.name))}, key=int)
    if len(majors) > 1:
        yield Finding(
            name="cuda-twice",
            message=f"the packages bring the libraries of CUDA {' and '.join(majors)}",
            hint="let the frameworks agree on one CUDA: pin versions that are built for the same",
            severity="warning",
        )
    brought = _brought(locked)
    if base is None or brought is None:
        return
    name, version = brought
    if version.split(".")[0] != base.split(".")[0]:
        yield Finding(
            name="cuda",
            message=f"`{name}` is built for CUDA {version}, and the base image has CUDA {base}",
            hint=f"set `build.cuda` to {version}, or choose a `{name}` that is built for CUDA {base}",
            severity="warning",
        )
    elif any(_CUDA_WHEEL.fullmatch(each.name) for each in locked):
        yield Finding(
            name="cuda-twice",
            message=f"the image gets CUDA twice: from the base image, and from the wheels that `{name}` brings",
            hint="leave the CUDA base image out: `cog lock --use-cuda-base-image false`",
            severity="warning",
        )


def _brought(locked: Sequence[Wheel]) -> tuple[str, str] | None:
    """Return the package that says which CUDA the wheels are for, and that CUDA."""
    by_name = {each.name: each for each in locked}
    torch = by_name.get("torch")
    if torch and (tag := torch.version.partition("+")[2]).startswith("cu") and tag[2:].isdigit():
        return "torch", cuda_of(tag)
    runtime = next((each for each in locked if _CUDA_WHEEL.fullmatch(each.name)), None)
    if runtime is None:
        return None
    return (torch or runtime).name, ".".join(runtime.version.split(".")[:2])
