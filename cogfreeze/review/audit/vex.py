"""VEX documents: a statement that a vulnerability does not matter here. OpenVEX, or CycloneDX with an analysis."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cogfreeze.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OPENVEX = {"not_affected", "fixed"}
_CYCLONEDX = {"not_affected", "false_positive", "resolved", "resolved_with_pedigree"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One vulnerability that doesn't matter.

    Attributes:
        ids: its names.
        packages: (name, version or None) of the packages that it is said of; empty for all.
        reason: status and justification, in the document's words.
        file: the document's name.
    """

    ids: frozenset[str]
    packages: tuple[tuple[str, str | None], ...]
    reason: str
    file: str


def read(path: Path) -> tuple[Statement, ...]:
    """Read a document.

    Raises:
        UsageError: it can't be read, or is no VEX.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"it cannot be read: {error.strerror}", where=str(path)) from None
    except (ValueError, RecursionError):
        raise UsageError("it is not JSON", where=str(path), hint="give an OpenVEX or CycloneDX document") from None
    if isinstance(document, dict) and isinstance(document.get("statements"), list):
        return tuple(_openvex(document["statements"], path.name))
    if isinstance(document, dict) and document.get("bomFormat") == "CycloneDX":
        return tuple(_cyclonedx(document, path.name))
    raise UsageError(
        "it is neither OpenVEX nor CycloneDX", where=str(path), hint="give an OpenVEX or CycloneDX document"
    )


def _openvex(statements: list[Any], file: str) -> Iterator[Statement]:
    for each in statements:
        if not isinstance(each, dict) or each.get("status") not in _OPENVEX:
            continue
        vulnerability = each.get("vulnerability")
        table = vulnerability if isinstance(vulnerability, dict) else {"name": vulnerability}
        ids = [table.get("name"), *_list(table.get("aliases"))]
        words = [each["status"], each.get("justification"), each.get("impact_statement")]
        yield Statement(
            ids=frozenset(name for name in ids if isinstance(name, str)),
            packages=tuple(_products(each.get("products"))),
            reason=": ".join(str(word) for word in words if word),
            file=file,
        )


def _products(products: Any) -> Iterator[tuple[str, str | None]]:
    """A product may be the image, and its subcomponents the packages in it."""
    for each in _list(products):
        table = each if isinstance(each, dict) else {"@id": each}
        if inner := _list(table.get("subcomponents")):
            yield from _products(inner)
            continue
        identifiers = table.get("identifiers")
        purl = (identifiers.get("purl") if isinstance(identifiers, dict) else None) or table.get("@id")
        if found := _package(purl):
            yield found


def _cyclonedx(document: dict[str, Any], file: str) -> Iterator[Statement]:
    components = [each for each in _list(document.get("components")) if isinstance(each, dict)]
    purls = {str(each.get("bom-ref")): each.get("purl") for each in components}
    for each in _list(document.get("vulnerabilities")):
        analysis = each.get("analysis") if isinstance(each, dict) else None
        if not isinstance(analysis, dict) or analysis.get("state") not in _CYCLONEDX:
            continue
        references = [ref.get("id") for ref in _list(each.get("references")) if isinstance(ref, dict)]
        affects = [str(ref.get("ref")) for ref in _list(each.get("affects")) if isinstance(ref, dict)]
        words = [analysis["state"], analysis.get("justification"), analysis.get("detail")]
        yield Statement(
            ids=frozenset(name for name in (each.get("id"), *references) if isinstance(name, str)),
            packages=tuple(found for ref in affects if (found := _package(purls.get(ref) or ref))),
            reason=": ".join(str(word) for word in words if word),
            file=file,
        )


def _package(purl: Any) -> tuple[str, str | None] | None:
    from packageurl import PackageURL

    try:
        found = PackageURL.from_string(str(purl))
    except ValueError:
        return None
    return found.name, found.version


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
