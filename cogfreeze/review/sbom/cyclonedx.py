"""A bill of materials as CycloneDX 1.6, by CycloneDX's own library."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING
from uuid import UUID

from cogfreeze.review.licences import spdx
from cogfreeze.review.sbom.components import serial_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cyclonedx.model.component import Component as Model

    from cogfreeze.lock.model import Lock
    from cogfreeze.review.sbom.components import Component


def render(lock: Lock, platform: str, name: str, found: Sequence[Component]) -> str:
    """Return the document.

    Args:
        platform: `linux/amd64`.
        name: what the image is called.
    """
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component as Model
    from cyclonedx.model.component import ComponentType
    from cyclonedx.model.tool import ToolRepository
    from cyclonedx.output.json import JsonV1Dot6

    image = Model(name=name, type=ComponentType.CONTAINER, bom_ref="image")
    tool = Model(name="cogfreeze", version=version("cogfreeze"), type=ComponentType.APPLICATION)
    models = {each.ref: _model(each) for each in found}
    for each in found:
        if each.within:
            models[each.within].components.add(models[each.ref])
    bom = Bom(
        serial_number=UUID(serial_number(lock, platform)),
        metadata=BomMetaData(
            component=image,
            timestamp=datetime.fromtimestamp(lock.source_date_epoch, UTC),
            tools=ToolRepository(components=[tool]),
        ),
        components=[models[each.ref] for each in found if not each.within],
    )
    required = {ref for each in found for ref in each.requires}
    bom.register_dependency(image, [models[e.ref] for e in found if e.ref not in required and not e.within])
    for each in found:
        if not each.within:
            bom.register_dependency(models[each.ref], [models[ref] for ref in each.requires])
    text: str = JsonV1Dot6(bom).output_as_string(indent=2)
    return text + "\n"


def _model(component: Component) -> Model:
    from cyclonedx.contrib.license.factories import LicenseFactory
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component as Model
    from cyclonedx.model.component import ComponentScope, ComponentType
    from packageurl import PackageURL

    licence = component.licence and (spdx(component.licence) or component.licence)
    return Model(
        name=component.name,
        version=component.version,
        type=ComponentType.CONTAINER if component.purl.startswith("pkg:oci/") else ComponentType.LIBRARY,
        bom_ref=component.ref,
        purl=PackageURL.from_string(component.purl),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=component.sha256)] if component.sha256 else [],
        licenses=[LicenseFactory().make_from_string(licence)] if licence else [],
        scope=ComponentScope.EXCLUDED if component.is_build_tool else None,
    )
