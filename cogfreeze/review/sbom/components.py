"""What both formats list: every locked package with its package URL, licence, hash and requirements."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packageurl import PackageURL

from cogfreeze.lock.file import dumps
from cogfreeze.review.audit.records import ecosystem_of
from cogfreeze.review.packages import APT, FILE, INTERPRETER, Graph, files, packages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cogfreeze.lock.model import BaseImage, Lock, PlatformLock
    from cogfreeze.review.packages import Package

BASE = "base-image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One thing in the image.

    Attributes:
        ref: its name within the document.
        sha256: of the file that is downloaded; None for what has none.
        licence: as the package has it; None where nobody knows.
        requires: refs.
        within: the ref of the package that carries it inside; None for what the lock lists itself.
        is_build_tool: it builds something, and is in no layer of the image.
    """

    ref: str
    name: str
    version: str
    purl: str
    sha256: str | None = None
    licence: str | None = None
    requires: tuple[str, ...] = ()
    within: str | None = None
    is_build_tool: bool = False
    url: str | None = None


def components(
    lock: Lock,
    platform: PlatformLock,
    licences: Mapping[str, str],
    sboms: Mapping[str, Mapping[str, str]],
) -> tuple[Component, ...]:
    """Return what is in one platform's image, the base image first.

    Args:
        licences: by sha256.
        sboms: the SBOMs that wheels carry inside, by the wheel's sha256: path → text.
    """
    return tuple(_components(lock, platform, licences, sboms))


def _components(
    lock: Lock,
    platform: PlatformLock,
    licences: Mapping[str, str],
    sboms: Mapping[str, Mapping[str, str]],
) -> Iterator[Component]:
    yield _base(platform.base)
    members = (*packages(platform), *files(lock))
    graphs = {kind: Graph(each for each in members if each.kind == kind) for kind in {e.kind for e in members}}
    for each in members:
        required = graphs[each.kind].requires[each.name]
        yield Component(
            ref=_ref(each),
            name=each.name,
            version=each.version,
            purl=_purl(each, platform),
            sha256=each.sha256,
            licence=licences.get(each.sha256),
            requires=tuple(_ref(graphs[each.kind].packages[name]) for name in required),
            is_build_tool=each.kind == "build",
            url=each.url,
        )
        for path, text in sorted(sboms.get(each.sha256, {}).items()):
            yield from _inside(_ref(each), path, text)


def _base(base: BaseImage) -> Component:
    name, _, tag = base.reference.rpartition(":")
    short = name.rpartition("/")[2]
    purl = PackageURL(type="oci", name=short, version=base.digest, qualifiers={"tag": tag, "repository_url": name})
    return Component(ref=BASE, name=base.reference, version=base.digest, purl=purl.to_string())


def _ref(package: Package) -> str:
    return ":".join(each for each in (package.kind, package.name, package.architecture) if each)


def _purl(package: Package, platform: PlatformLock) -> str:
    checksum = {"checksum": f"sha256:{package.sha256}"}
    if package.kind == APT:
        distribution, _, release = platform.base.distribution.partition(":")
        number = (ecosystem_of(platform.base.distribution) or f":{release}").split(":")[1]
        qualifiers = {"arch": package.architecture or "", "distro": f"{distribution}-{number}"}
        if package.source and package.source != package.name:
            qualifiers["upstream"] = package.source
        purl = PackageURL("deb", distribution, package.name, package.version, qualifiers)
    elif package.kind in (FILE, INTERPRETER):
        url = {"download_url": package.url} if package.url else {}
        name = package.file if package.kind == FILE else "cpython"
        purl = PackageURL("generic", None, name, package.version, checksum | url)
    else:
        vcs = {"vcs_url": f"git+{package.url}@{package.commit}"} if package.commit else {}
        purl = PackageURL("pypi", None, package.name, package.version, vcs or {"file_name": package.file})
    return purl.to_string()


def _inside(carrier: str, path: str, text: str) -> Iterator[Component]:
    """Yield the components of an SBOM that a wheel carries (PEP 770): vendored libraries, unknown to any index."""
    with suppress(ValueError, RecursionError):
        document = json.loads(text)
        if not isinstance(document, dict):
            return
        for number, each in enumerate(_listed(document)):
            name, version, purl = (str(each.get(key) or "") for key in ("name", "version", "purl"))
            with suppress(ValueError):
                if name and purl and PackageURL.from_string(purl):
                    ref = f"{carrier}#{path.rpartition('/')[2]}:{number}"
                    yield Component(ref=ref, name=name, version=version, purl=purl, within=carrier)


def _listed(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """CycloneDX's components, or SPDX's packages with their package URLs."""
    components, spdx = document.get("components"), document.get("packages")
    for each in components if isinstance(components, list) else ():
        if isinstance(each, dict):
            yield each
    for each in spdx if isinstance(spdx, list) else ():
        if not isinstance(each, dict):
            continue
        references = [ref for ref in each.get("externalRefs") or () if isinstance(ref, dict)]
        purls = [ref.get("referenceLocator") for ref in references if ref.get("referenceType") == "purl"]
        yield {"name": each.get("name"), "version": each.get("versionInfo"), "purl": purls[0] if purls else None}


def serial_number(lock: Lock, platform: str) -> str:
    """Return a UUID that is the lock's own: the same lock, the same document."""
    import uuid

    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{platform}\n{dumps(lock.without_records())}"))
