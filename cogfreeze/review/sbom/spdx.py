"""A bill of materials as SPDX 2.3 in JSON. The tests read it with SPDX's own tools."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from cogfreeze.review.licences import spdx
from cogfreeze.review.sbom.components import serial_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cogfreeze.lock.model import Lock
    from cogfreeze.review.sbom.components import Component

_NONE = "NOASSERTION"
_IMAGE = "SPDXRef-image"


def render(lock: Lock, platform: str, name: str, found: Sequence[Component]) -> str:
    """Return the document. Arguments as for CycloneDX."""
    ids = {each.ref: f"SPDXRef-{number}-{_plain(each.ref)}" for number, each in enumerate(found)}
    serial = serial_number(lock, platform)
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": f"urn:uuid:{serial}",
        "creationInfo": {
            "created": datetime.fromtimestamp(lock.source_date_epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": [f"Tool: cogfreeze-{version('cogfreeze')}"],
        },
        "packages": [_image(name), *(_package(each, ids[each.ref]) for each in found)],
        "relationships": list(_relationships(found, ids)),
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _image(name: str) -> dict[str, Any]:
    return {
        "SPDXID": _IMAGE,
        "name": name,
        "downloadLocation": _NONE,
        "filesAnalyzed": False,
        "primaryPackagePurpose": "CONTAINER",
        "licenseConcluded": _NONE,
        "licenseDeclared": _NONE,
        "copyrightText": _NONE,
    }


def _package(component: Component, identifier: str) -> dict[str, Any]:
    licence = spdx(component.licence) if component.licence else None
    found: dict[str, Any] = {
        "SPDXID": identifier,
        "name": component.name,
        "versionInfo": component.version,
        "downloadLocation": component.url if component.url and "://" in component.url else _NONE,
        "filesAnalyzed": False,
        "licenseConcluded": _NONE,
        "licenseDeclared": licence or _NONE,
        "copyrightText": _NONE,
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": component.purl,
            }
        ],
    }
    if component.sha256:
        found["checksums"] = [{"algorithm": "SHA256", "checksumValue": component.sha256}]
    if component.licence and licence is None:
        found["licenseComments"] = f"the package says: {component.licence}"
    return found


def _relationships(found: Sequence[Component], ids: dict[str, str]) -> Iterator[dict[str, str]]:
    def related(one: str, kind: str, other: str) -> dict[str, str]:
        return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}

    yield related("SPDXRef-DOCUMENT", "DESCRIBES", _IMAGE)
    for each in found:
        if each.within:
            yield related(ids[each.within], "CONTAINS", ids[each.ref])
        elif each.is_build_tool:
            yield related(ids[each.ref], "BUILD_TOOL_OF", _IMAGE)
        else:
            yield related(_IMAGE, "CONTAINS", ids[each.ref])
        for ref in each.requires:
            yield related(ids[each.ref], "DEPENDS_ON", ids[ref])


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-")
