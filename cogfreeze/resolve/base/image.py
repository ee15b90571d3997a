"""The base image: which one a project gets, its digest, and its installed packages."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cogfreeze.catalog import cuda, cuda_images
from cogfreeze.catalog.base_images import catalogue
from cogfreeze.errors import ResolveError, UsageError
from cogfreeze.lock.model import BaseImage
from cogfreeze.lock.packages import installed, package_list_digest
from cogfreeze.resolve.base import inventory, layers, offline
from cogfreeze.resolve.base.registry import INDEX_MEDIA_TYPES, Document, Reference, Repository, UnknownImageError
from cogfreeze.resolve.fetch import StatusError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cogfreeze.project.model import Build
    from cogfreeze.report import Report
    from cogfreeze.settings import Settings


_PYTHON_RELEASE = re.compile(r"python:(?P<minor>3\.[0-9]+)\.[0-9]+-slim-(?P<debian>[a-z]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A base image and why it was chosen; `reason` is one sentence without a final stop."""

    reference: str
    reason: str


def choose_base(build: Build, gpu: cuda.Choice | None = None, cuda_base: str = "auto") -> Choice:
    """Return the base image that a declaration asks for or implies. Reads only the catalogue.

    Args:
        gpu: the CUDA that the project's frameworks need, if known; else `python_packages` decide.
        cuda_base: `--use-cuda-base-image`: `true` or `false`, or `auto` for what the frameworks need.

    Raises:
        ProjectError: no such combination of frameworks and CUDA exists.
        ResolveError: there is no base image of that CUDA.
        UsageError: `cuda_base` contradicts the declaration.
    """
    if cuda_base != "auto" and (build.base_image or not build.gpu):
        raise UsageError(
            f"`--use-cuda-base-image {cuda_base}` has no effect: "
            + ("`build.base_image` names the base" if build.base_image else "`build.gpu` is false"),
            hint="remove it, or use `--use-cuda-base-image auto`",
        )
    if build.base_image:
        parsed = Reference.parse(build.base_image)
        reference = f"{parsed.name}@{parsed.digest}" if parsed.digest else parsed.name
        return Choice(reference=reference, reason="`build.base_image` names it")
    slim = _slim_python(build.python_version)
    if not build.gpu:
        return Choice(reference=slim, reason=f"the slim image of Python {build.python_version}")
    gpu = gpu or cuda.choose(gpu=True, cuda=build.cuda, cudnn=build.cudnn, requirements=build.python_packages)
    if cuda_base == "auto":
        return _with_cuda(gpu, gpu.reason) if gpu.base else Choice(reference=slim, reason=gpu.reason)
    requested = f"`--use-cuda-base-image {cuda_base}` asks for it; {gpu.reason}"
    return _with_cuda(gpu, requested) if cuda_base == "true" else Choice(reference=slim, reason=requested)


def _with_cuda(gpu: cuda.Choice, reason: str) -> Choice:
    if gpu.cuda is None:
        raise ResolveError(
            "nothing says which CUDA the base image should have",
            where="build.gpu",
            hint='set `build.cuda`, for example `cuda: "12.8"`',
        )
    reference = cuda_images.choose(gpu.cuda, gpu.cudnn, instead=gpu.instead)
    if (given := cuda_images.cuda_of(reference)) != gpu.cuda:
        reason += f"; the base has CUDA {given}, whose libraries are compatible"
    return Choice(reference=reference, reason=reason)


def _slim_python(version: str) -> str:
    """Return the slim Python image: on Debian 12 if there is one, else on another release."""
    minor = ".".join(version.split(".")[:2])
    tags = catalogue().tags("python")
    for release in ("bookworm", "trixie"):
        if f"{minor}-slim-{release}" in tags:
            return f"python:{version}-slim-{release}"
    # 3.8, whose last images are on Debian 12 too; and versions newer than this catalogue.
    return f"python:{version}-slim-bookworm" if minor == "3.8" else f"python:{version}-slim"


def resolve_base(
    reference: str,
    platform: str,
    reason: str,
    settings: Settings,
    report: Report,
    *,
    need_packages: bool,
    pinned: BaseImage | None = None,
) -> tuple[BaseImage, str | None]:
    """Return the base image by digest, and its dpkg status file as text.

    The registry resolves the image, and `inventory` reads its contents. If the registry can't be reached, a pinned
    base stays as it is; otherwise the catalogue is used, fields that it can't know are marked `unconfirmed`, and
    a warning is printed.

    Args:
        reference: `[host/]name[:tag][@sha256:…]`.
        platform: `linux/amd64`.
        reason: why this base, for the lock.
        need_packages: whether the status is needed: only system packages need it.
        pinned: the locked base; the same reference keeps its digest.

    Raises:
        ResolveError: no such image, or not for this platform, or not of Debian or Ubuntu.
        IntegrityError: the registry's bytes do not match its digests.
        NetworkError: the registry can't be reached, and neither lock nor catalogue knows enough.
    """
    parsed = Reference.parse(reference)
    if pinned and pinned.reference == parsed.name:
        parsed = replace(parsed, digest=pinned.digest)
    else:
        pinned = None
    try:
        with Repository(parsed, settings) as repository:
            return _from_registry(
                repository, parsed, platform, reason, settings, report, need_packages, pinned=pinned is not None
            )
    except (UnreachableError, StatusError) as error:
        if isinstance(error, StatusError) and error.status != 429 and error.status < 500:
            raise
        if pinned and need_packages and (found := offline.pinned(pinned, platform, reason, settings)):
            return found
        return offline.from_catalogue(parsed, platform, reason, settings, report, need_packages, error)


def _from_registry(
    repository: Repository,
    reference: Reference,
    platform: str,
    reason: str,
    settings: Settings,
    report: Report,
    need_packages: bool,
    *,
    pinned: bool,
) -> tuple[BaseImage, str | None]:
    with report.step(f"asking the registry for {reference.name}"):
        manifest = top = _top(repository, reference, pinned, settings)
        if top.media_type in INDEX_MEDIA_TYPES or "manifests" in top.content:
            manifest = repository.manifest(_platform_digest(top, reference, platform))
        config = repository.blob(config_digest(manifest, reference))
    if _platform_of(config) != platform:
        raise _no_platform(reference, platform, [_platform_of(config)])

    def read(enough: Callable[[Mapping[str, str]], bool], *, from_below: bool = False) -> Mapping[str, str]:
        return inventory.read_inventory(
            repository, top.digest, manifest, platform, enough, settings, report, from_below=from_below
        )

    found = read(lambda files: layers.STATUS in files) if need_packages else {}
    status = _status(found, reference) if need_packages else None
    distribution = inventory.distribution(found) or _known_distribution(reference, top.digest)
    if not distribution:
        # Usually the lowest layer has the file, unless the distribution was upgraded in place.
        distribution = inventory.distribution(
            read(lambda files: bool(inventory.distribution(files)), from_below=not need_packages)
        )
    base = BaseImage(
        reference=reference.name,
        digest=top.digest,
        manifest=manifest.digest,
        reason=reason,
        distribution=_supported(distribution, reference),
        packages=package_list_digest(installed(status)) if status is not None else None,
    )
    return base, status


def _known_distribution(reference: Reference, digest: str) -> str:
    """Return a tag's distribution from the catalogue; empty if the tag may have moved to another.

    `python:3.13-slim` moves from release to release; `python:3.13-slim-bookworm` never does.
    """
    known = catalogue().find(reference.name)
    if known is None:
        return ""
    family, _, release = known.distribution.partition(":")
    named = release in known.tag.split("-") or f"{family}{release}" in known.tag.split("-")
    return known.distribution if named or known.digest == digest else ""


def _top(repository: Repository, reference: Reference, pinned: bool, settings: Settings) -> Document:
    """Return the document that a reference names; a digest takes precedence over the tag.

    Args:
        pinned: whether the digest comes from the lock; else it comes from the declaration.
    """
    try:
        return repository.manifest(reference.digest or reference.tag or "latest")
    except UnknownImageError as error:
        name = reference.name.partition(":")[0]
        if reference.digest:
            advice = "`cog lock --upgrade-base` locks what the tag names now"
            if not pinned:
                advice = "check the digest in `build.base_image`, or give only a tag"
            error.hint = f"it has no {reference.digest} (any more); {advice}"
        elif reference.tag in (tags := catalogue().tags(name)):
            error.hint = "it was published when this cogfreeze was released, but may be gone; choose another tag"
            if settings.registry_mirror:
                error.hint = (
                    "it is a published image that the mirror does not have: set `COG_REGISTRY_MIRROR` to another"
                    " mirror, or unset it"
                )
        elif cuda_images.is_inferred(reference.name):
            error.hint = (
                "its name follows NVIDIA's scheme, but it does not exist (any more): name an existing image in"
                " `build.base_image`"
            )
        elif release := _PYTHON_RELEASE.fullmatch(reference.name):
            error.hint = (
                f"not every release of Python has an image on Debian {release['debian']}:"
                f' write `python_version: "{release["minor"]}"`, or another release of it; or a mirror may not'
                " have the image"
            )
        elif tags:
            near = ", ".join(f"`{name}:{tag}`" for tag in _near(reference.tag or "", tags))
            error.hint = f"{error.hint}; similar tags: {near}"
        raise


def config_digest(manifest: Document, reference: Reference) -> str:
    """Return the digest of an image's config."""
    try:
        return str(manifest.content["config"]["digest"])
    except (KeyError, TypeError):
        raise ResolveError(
            f"`{reference.name}` is not a container image, but {manifest.media_type or 'of an unknown type'}",
            hint="choose an image that docker can run",
        ) from None


def _near(tag: str, tags: list[str]) -> list[str]:
    from difflib import get_close_matches

    return get_close_matches(tag, tags, n=3, cutoff=0.3) or tags[:3]


def platforms_of_index(index: Document) -> dict[str, str]:
    """Return the platforms of an index, each with its manifest's digest; attestations are left out."""
    found: dict[str, str] = {}
    for each in index.content.get("manifests", ()):
        found.setdefault(_platform_of(each.get("platform", {})), str(each.get("digest", "")))
    return {platform: digest for platform, digest in found.items() if "unknown" not in platform}


def _platform_digest(index: Document, reference: Reference, platform: str) -> str:
    there = platforms_of_index(index)
    if platform not in there:
        raise _no_platform(reference, platform, list(there))
    return there[platform]


def _platform_of(content: Mapping[str, Any]) -> str:
    """Return `os/architecture` of an index's entry or an image's config; variants of 64-bit ARM don't matter."""
    return f"{content.get('os', '')}/{content.get('architecture', '')}"


def _no_platform(reference: Reference, platform: str, there: list[str]) -> ResolveError:
    return ResolveError(
        f"`{reference.name}` has no image for {platform}",
        where="build.platforms",
        hint=f"available platforms: {', '.join(sorted(set(there)))}",
    )


def _supported(distribution: str, reference: Reference) -> str:
    if re.fullmatch(r"(debian|ubuntu):[a-z0-9.]+", distribution):
        return distribution
    what = f"of {distribution.rstrip(':')}" if distribution else "of an unknown distribution"
    raise ResolveError(
        f"`{reference.name}` is {what}", where="build.base_image", hint="choose an image of Debian or Ubuntu"
    )


def _status(files: Mapping[str, str], reference: Reference) -> str:
    if (status := inventory.status(files)) is not None:
        return status
    raise ResolveError(
        f"`{reference.name}` has no dpkg package list, so system packages cannot be installed",
        where="build.system_packages",
        hint="choose another base image, or remove the system packages",
    )
