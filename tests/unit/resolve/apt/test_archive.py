"""Nothing of an archive is read that the link before it in the chain of trust has not vouched for."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cogfreeze.catalog.distributions import DEBIAN, UBUNTU, pockets
from cogfreeze.errors import CogError, IntegrityError, ResolveError
from cogfreeze.report import Silent
from cogfreeze.resolve.apt import archive as under_test
from cogfreeze.resolve.apt import signatures
from tests.unit.resolve.made_archive import SNAPSHOT, Archive, key, stanza, stranger

NOTHING_USED = "do not trust this archive, mirror or network; nothing from it was used"


def releases(client):
    return under_test.releases("debian:bookworm", SNAPSHOT, client.settings, Silent())


def refused(client, error=IntegrityError):
    with pytest.raises(error) as caught:
        releases(client)
    return caught.value


def lists(client):
    return under_test.package_lists(releases(client), ["amd64"], SNAPSHOT, client.settings, Silent())


def test_every_pocket_is_read_and_says_who_signed_it(archive):
    found = releases(archive)
    assert [(each.pocket.archive, each.pocket.suite) for each in found] == [
        ("debian", "bookworm"),
        ("debian", "bookworm-updates"),
        ("debian-security", "bookworm-security"),
    ]
    fingerprint = key().extract_certificate().fingerprint.upper()
    assert {each.signers for each in found} == {(fingerprint,)}
    assert not any(b"PGP" in each.text for each in found)


def test_a_changed_inrelease_is_refused(archive):
    path = "dists/bookworm-updates/InRelease"
    text = archive.archive.inrelease("bookworm-updates")
    archive.archive.changed[path] = text.replace(b"Origin: Debian", b"Origin: Devil!")
    error = refused(archive)
    assert str(error) == (
        "the InRelease of bookworm-updates has a bad signature: the file was changed, or its signature is damaged"
    )
    assert error.hint == NOTHING_USED


def test_what_stands_before_the_signed_part_is_not_read(archive):
    path = "dists/bookworm/InRelease"
    archive.archive.changed[path] = b"Origin: Devil\n\n" + archive.archive.inrelease("bookworm")
    assert b"Devil" not in releases(archive)[0].text


def test_a_signature_by_an_unknown_key_is_refused(archive):
    archive.archive.signer = stranger()
    error = refused(archive)
    assert re.fullmatch(r"the InRelease of bookworm is signed only by unknown keys: [0-9A-F]{40}", str(error))
    assert error.hint == NOTHING_USED


def test_an_inrelease_without_a_signature_is_refused(archive):
    archive.archive.changed["dists/bookworm/InRelease"] = b"Origin: Debian\nCodename: bookworm\n"
    assert str(refused(archive)) == "the InRelease of bookworm is not signed"


def test_a_key_that_has_expired_is_refused(keys):
    end = key().extract_certificate().expiration
    text = Archive(packages={}).inrelease("bookworm")
    pocket = pockets("debian:bookworm")[0]
    with pytest.raises(IntegrityError) as caught:
        under_test.release(text, pocket, SNAPSHOT, keys / "debian.asc", now=end)
    fingerprint = key().extract_certificate().fingerprint.upper()
    assert str(caught.value) == (
        f"the InRelease of bookworm is signed by the key {fingerprint}, which expired on {end:%Y-%m-%d}"
    )
    assert caught.value.hint == "a newer release of cogfreeze may have the new key"


def test_a_release_made_after_the_snapshots_date_is_refused(archive):
    archive.archive.date = "Tue, 01 Sep 2026 00:00:01 UTC"
    error = refused(archive)
    assert str(error) == (
        "the InRelease of bookworm is dated 20260901T000001Z, after the snapshot 20260901T000000Z"
    )
    assert error.hint == "the mirror does not keep dated archives, or has none of that date"


def test_an_old_release_played_again_is_refused(archive):
    archive.archive.until = "Mon, 31 Aug 2026 23:59:59 UTC"
    error = refused(archive)
    assert str(error) == (
        "the InRelease of bookworm expired at 20260831T235959Z, before the snapshot 20260901T000000Z"
    )
    assert error.hint == "the mirror serves an outdated index, or the suite gets no more updates"


def test_one_suite_given_for_another_is_refused(archive):
    archive.archive.changed["dists/bookworm-updates/InRelease"] = archive.archive.inrelease("bookworm")
    error = refused(archive)
    assert str(error) == "the InRelease of bookworm-updates says that it is of `bookworm`"
    assert error.hint == "the archive or its mirror serves one suite in place of another"


def test_a_release_without_a_date_is_refused(archive):
    archive.archive.date = "some day"
    assert str(refused(archive)) == "the InRelease of bookworm has no valid `Date` field"


def test_a_date_that_the_archive_has_not_got_is_said_in_words(archive):
    archive.archive.missing.add("dists/bookworm/InRelease")
    error = refused(archive, ResolveError)
    assert str(error) == (
        f"the archive has no `bookworm` of {SNAPSHOT}: {archive.url}/debian/{SNAPSHOT}/dists/bookworm/InRelease "
        "answered 404 Not Found"
    )
    assert error.hint == "lock for another date, or check the mirror's address"


@pytest.mark.parametrize("by_hash", [True, False])
def test_lists_are_those_that_the_release_vouches_for(archive, by_hash):
    archive.archive.by_hash = by_hash
    archive.archive.packages["bookworm"].append(stanza("thing"))
    found = lists(archive)
    assert [each.text.decode() for each in found] == [stanza("thing"), "", ""]
    asked = [each.path for each in archive.log if "binary-amd64" in each.path]
    assert all(("by-hash" in path) == by_hash for path in asked)


def test_a_list_under_its_hash_that_is_gone_is_taken_from_its_plain_path(archive):
    archive.archive.packages["bookworm"].append(stanza("thing"))
    releases(archive)
    archive.archive.by_hash = False
    assert [each.text.decode() for each in lists(archive)] == [stanza("thing"), "", ""]


def test_a_changed_list_is_refused(archive):
    archive.archive.by_hash = False
    archive.archive.packages["bookworm"].append(stanza("thing"))
    good = archive.archive.list("bookworm")
    archive.archive.changed["dists/bookworm/main/binary-amd64/Packages.xz"] = good[:-1] + b"!"
    with pytest.raises(IntegrityError, match=r"`Packages.xz` from .* does not match its hash"):
        lists(archive)


def test_an_architecture_without_packages_is_named(archive):
    with pytest.raises(ResolveError) as caught:
        under_test.package_lists(releases(archive), ["riscv64"], SNAPSHOT, archive.settings, Silent())
    assert str(caught.value) == (
        "build.system_packages: `bookworm` has no packages for the architecture `riscv64`"
    )
    assert caught.value.hint == "available architectures: amd64"


def test_the_default_date_is_the_last_midnight(archive):
    now = datetime(2026, 9, 1, 13, 4, 5, tzinfo=UTC)
    assert under_test.default_snapshot("debian:bookworm", archive.settings, now) == SNAPSHOT


@pytest.mark.parametrize("reason", ["too new", "missing"])
def test_where_the_archive_has_nothing_so_old_the_date_is_now(archive, reason):
    if reason == "missing":
        archive.archive.missing.add("dists/bookworm-security/InRelease")
    else:
        archive.archive.date = "Tue, 01 Sep 2026 09:00:00 UTC"
    now = datetime(2026, 9, 1, 13, 4, 5, tzinfo=UTC)
    assert under_test.default_snapshot("debian:bookworm", archive.settings, now) == "20260901T130405Z"


def test_finding_a_date_does_not_hide_a_bad_signature(archive):
    archive.archive.signer = stranger()
    with pytest.raises(IntegrityError, match="signed only by unknown keys"):
        under_test.default_snapshot("debian:bookworm", archive.settings, datetime(2026, 9, 1, 13, tzinfo=UTC))


def test_a_distribution_without_such_archives_is_refused_with_the_ones_that_work():
    with pytest.raises(ResolveError) as caught:
        pockets("alpine:3.22")
    assert str(caught.value) == (
        "build.system_packages: system packages cannot be locked on a base of `alpine:3.22`"
    )
    known = ", ".join([*(f"debian:{each}" for each in DEBIAN), *(f"ubuntu:{each}" for each in UBUNTU)])
    assert caught.value.hint == f"choose a base image of one of {known}"


def test_ubuntu_installs_from_three_pockets_of_four_components():
    assert [(each.archive, each.suite, each.components) for each in pockets("ubuntu:22.04")] == [
        ("ubuntu", suite, ("main", "restricted", "universe", "multiverse"))
        for suite in ("jammy", "jammy-updates", "jammy-security")
    ]


def test_the_shipped_keys_are_those_that_their_readme_names():
    """Fingerprint and expiry of each; and nobody slips a key in without a line there."""
    from pysequoia import Cert

    readme = (Path(signatures.KEYS) / "README.md").read_text()
    told = re.findall(r"^\| `([0-9A-F]{40})` \| .* \| (\S+) \|$", readme, re.MULTILINE)
    shipped = []
    for name in ("debian.asc", "ubuntu.asc"):
        for certificate in Cert.split_bytes((signatures.KEYS / name).read_bytes()):
            try:
                end = certificate.expiration
            except RuntimeError:  # bound by SHA-1: OpenPGP no longer believes it, and nor do we
                end = None
            shipped.append((certificate.fingerprint.upper(), f"{end:%Y-%m-%d}" if end else "never"))
    assert sorted(told) == sorted(shipped)


def test_mirrors_stand_in_for_the_public_services(archive, tmp_path):
    from cogfreeze.settings import Settings

    public = Settings(cache=tmp_path)
    (debian,) = under_test.addresses_of("debian-security", SNAPSHOT, "pool/a+b_1~c.deb", public)
    (ubuntu,) = under_test.addresses_of("ubuntu", SNAPSHOT, "pool/x.deb", public)
    assert debian.endswith(f"/debian-security/{SNAPSHOT}/pool/a%2Bb_1~c.deb")
    assert ubuntu.endswith(f"/ubuntu/{SNAPSHOT}/pool/x.deb")
    assert debian.startswith("https://")
    mirrored = Settings(cache=tmp_path, debian_snapshot="http://m/d", ubuntu_snapshot="http://m/u")
    assert under_test.addresses_of("debian", SNAPSHOT, "p", mirrored) == (f"http://m/d/debian/{SNAPSHOT}/p",)
    assert under_test.addresses_of("ubuntu", SNAPSHOT, "p", mirrored) == (f"http://m/u/ubuntu/{SNAPSHOT}/p",)


def test_no_error_of_these_is_anything_else(archive):
    """Whatever bytes come for an InRelease, the answer is an error of ours."""
    for text in (
        b"",
        b"\xff" * 100,
        b"-----BEGIN PGP SIGNED MESSAGE-----\n",
        b"\0",
        b"-----BEGIN PGP MESSAGE-----\n\n=a",
    ):
        with pytest.raises(CogError):
            under_test.release(
                text, pockets("debian:bookworm")[0], SNAPSHOT, signatures.keyring("debian:bookworm")
            )
