"""Verifies cleartext signatures with the archive keys that ship with cogfreeze."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cogfreeze import catalog
from cogfreeze.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pysequoia import Cert

KEYS = Path(catalog.__file__).parent / "keys"
_HINT = "do not trust this archive, mirror or network; nothing from it was used"


def keyring(distribution: str) -> Path:
    """Return the file of the keys that sign a distribution's archives, `debian:bookworm` → `debian.asc`."""
    return KEYS / f"{distribution.partition(':')[0]}.asc"


@cache
def _certificates(keys: Path) -> tuple[Cert, ...]:
    from pysequoia import Cert

    return tuple(Cert.split_bytes(keys.read_bytes()))


def verified(text: bytes, keys: Path, what: str, *, now: datetime | None = None) -> tuple[bytes, tuple[str, ...]]:
    """Check a cleartext signature and return the signed bytes and the signers.

    Only the returned bytes are signed: text before or after the signed part is not in them.
    One good signature is enough, as for apt; signatures by unknown keys are ignored.

    Args:
        text: the whole file, `-----BEGIN PGP SIGNED MESSAGE-----` and so on.
        keys: file of the trusted keys.
        what: name of the file for the error message: `the InRelease of bookworm`.
        now: the time at which a key must still be valid.

    Returns:
        The signed bytes, and the fingerprints of the primary keys (upper-case, sorted).

    Raises:
        IntegrityError: no good signature by a known key that is still valid.
    """
    from pysequoia import verify

    now = now or datetime.now(UTC)
    certificates = _certificates(keys)
    asked: list[str] = []

    def store(issuers: Sequence[str]) -> list[Cert]:
        asked.extend(issuers)
        return list(certificates)

    try:
        result = verify(bytes=text, store=store)
    except RuntimeError:
        raise _refusal(what, asked, certificates) from None
    by_fingerprint = {certificate.fingerprint: certificate for certificate in certificates}
    good = {signature.certificate.lower(): None for signature in result.valid_sigs}
    expired = {}
    for fingerprint in good:
        end = by_fingerprint[fingerprint].expiration
        if end and end <= now:
            expired[fingerprint] = end
    if good.keys() <= expired.keys():
        fingerprint, end = next(iter(expired.items()))
        raise IntegrityError(
            f"{what} is signed by the key {fingerprint.upper()}, which expired on {end:%Y-%m-%d}",
            hint="a newer release of cogfreeze may have the new key",
        )
    return bytes(result.bytes or b""), tuple(sorted(each.upper() for each in good if each not in expired))


def _refusal(what: str, issuers: Sequence[str], certificates: Sequence[Cert]) -> IntegrityError:
    """Explain why no signature is good: there is none, the key is unknown, or the text was changed."""
    if not issuers:
        return IntegrityError(f"{what} is not signed", hint=_HINT)
    known = {fingerprint for certificate in certificates for fingerprint in _key_fingerprints(certificate)}
    if not any(fingerprint.endswith(issuer.lower()) for issuer in issuers for fingerprint in known):
        keys = ", ".join(issuer.upper() for issuer in issuers)
        return IntegrityError(f"{what} is signed only by unknown keys: {keys}", hint=_HINT)
    return IntegrityError(
        f"{what} has a bad signature: the file was changed, or its signature is damaged", hint=_HINT
    )


def _key_fingerprints(certificate: Cert) -> list[str]:
    """Return the fingerprints of a certificate's primary key and subkeys."""
    from pysequoia.packet import PacketPile

    packets = PacketPile.from_bytes(bytes(certificate))
    return [packet.fingerprint.lower() for packet in packets if packet.fingerprint and packet.user_id is None]
