"""VEX documents: a statement that a vulnerability does not matter here. OpenVEX, or CycloneDX with an analysis."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cogfreeze.errors import UsageError
from cogfreeze.grammar import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from cogfreeze.review.audit.vex_documents import CycloneDx, OpenVex, Product

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
        UsageError: it cannot be read, is not JSON, or is not a valid VEX document: the error names the field.
    """
    from pydantic import ValidationError

    from cogfreeze.review.audit import vex_documents as documents

    hint = "give an OpenVEX or CycloneDX document"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"it cannot be read: {error.strerror}", where=str(path)) from None
    except (ValueError, RecursionError):
        raise UsageError("it is not JSON", where=str(path), hint=hint) from None
    try:
        if isinstance(document, dict) and "statements" in document:
            return tuple(_openvex(documents.OpenVex.model_validate(document), path.name))
        if isinstance(document, dict) and document.get("bomFormat") == "CycloneDX":
            return tuple(_cyclonedx(documents.CycloneDx.model_validate(document), path.name))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(each) for each in first["loc"])
        what = f"it is not valid: `{field}`: {first['msg'].lower()}"
        raise UsageError(what, where=str(path), hint=hint) from None
    raise UsageError("it is neither OpenVEX nor CycloneDX", where=str(path), hint=hint)


def _openvex(document: OpenVex, file: str) -> Iterator[Statement]:
    for each in document.statements:
        if each.status in _OPENVEX:
            yield Statement(
                ids=frozenset(each.vulnerability.names),
                packages=_some(_products(each.products), each.products, each.vulnerability.name, file),
                reason=_reason(each.status, each.justification, each.impact_statement),
                file=file,
            )


def _products(products: Iterable[Product]) -> Iterator[tuple[str, str | None]]:
    """Yield the packages: a product may be the image, and its subcomponents the packages in it."""
    for each in products:
        if each.subcomponents:
            yield from _products(each.subcomponents)
        elif found := _package(each.identifiers.purl or each.id):
            yield found


def _cyclonedx(document: CycloneDx, file: str) -> Iterator[Statement]:
    purls = {each.bom_ref: each.purl for each in document.components}
    for each in document.vulnerabilities:
        analysis = each.analysis
        if analysis is None or analysis.state not in _CYCLONEDX:
            continue
        affected = (_package(purls.get(one.ref) or one.ref) for one in each.affects)
        names = (each.id, *(one.id for one in each.references))
        packages = (found for found in affected if found)
        yield Statement(
            ids=frozenset(name for name in names if name),
            packages=_some(packages, each.affects, each.id or "", file),
            reason=_reason(analysis.state, analysis.justification, analysis.detail),
            file=file,
        )


def _some(
    packages: Iterable[tuple[str, str | None]], given: Sequence[object], vulnerability: str, file: str
) -> tuple[tuple[str, str | None], ...]:
    """Return the packages; if none of those given is readable, refuse: an empty list would mean all packages."""
    found = tuple(packages)
    if given and not found:
        raise UsageError(
            f"it is not valid: the statement on `{shown(vulnerability)}` names no package that can be read",
            where=file,
            hint="name packages by package URLs: `pkg:pypi/requests@2.31.0`",
        )
    return found


def _reason(*words: str | None) -> str:
    return ": ".join(word for word in words if word)


def _package(purl: str | None) -> tuple[str, str | None] | None:
    from packageurl import PackageURL

    try:
        found = PackageURL.from_string(purl or "")
    except ValueError:
        return None
    return found.name, found.version
