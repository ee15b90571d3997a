"""The fields of OpenVEX and CycloneDX documents that are read, as pydantic models. Others are ignored.

A statement silences a vulnerability, so one that cannot be understood is refused, never skipped.
Sources: the OpenVEX specification 0.2.0 and the CycloneDX 1.6 JSON schema.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field, field_validator


class Identifiers(BaseModel):
    purl: str | None = None


class Product(BaseModel):
    """An image or a package: `@id` alone in older documents."""

    id: str | None = Field(default=None, alias="@id")
    identifiers: Identifiers = Identifiers()
    subcomponents: list[Product] = []

    @field_validator("subcomponents", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return _with_ids(value)


class Vulnerability(BaseModel):
    name: str
    aliases: list[str] = []

    @property
    def names(self) -> tuple[str, ...]:
        return self.name, *self.aliases


class OpenVexStatement(BaseModel):
    status: str
    vulnerability: Vulnerability
    products: list[Product] = []
    justification: str | None = None
    impact_statement: str | None = None

    @field_validator("vulnerability", mode="before")
    @classmethod
    def _of_its_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("products", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return _with_ids(value)


class OpenVex(BaseModel):
    statements: list[OpenVexStatement]


class Component(BaseModel):
    bom_ref: str | None = Field(default=None, alias="bom-ref")
    purl: str | None = None


class Reference(BaseModel):
    id: str


class Affected(BaseModel):
    ref: str


class Analysis(BaseModel):
    state: str | None = None
    justification: str | None = None
    detail: str | None = None


class CycloneDxVulnerability(BaseModel):
    id: str | None = None
    references: list[Reference] = []
    affects: list[Affected] = []
    analysis: Analysis | None = None


class CycloneDx(BaseModel):
    components: list[Component] = []
    vulnerabilities: list[CycloneDxVulnerability] = []


def _with_ids(products: Any) -> Any:
    if not isinstance(products, list):
        return products
    return [{"@id": each} if isinstance(each, str) else each for each in products]
