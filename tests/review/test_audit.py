"""`cog audit`: known vulnerabilities by stored records of OSV, from a downloaded database and from an API."""

import json
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import jsonschema
import pytest

from cogfreeze.cli.main import main
from cogfreeze.lock import file as lock_file
from cogfreeze.project.model import IgnoredAdvisory
from cogfreeze.review.audit import findings, records
from cogfreeze.review.audit.records import Query

from .advisories import AUDITED, RECORDS, packed, serving
from .pairs import LOCK, base, deb, debs, wheel, wheels

TODAY = date(2026, 11, 27)
FOUND = {
    "MAL-2026-0001": ("critical", "idna", None),
    "CVE-2025-50181": ("critical", "urllib3", "2.5.0"),
    "CVE-2024-35195": ("medium", "requests", "2.32.0"),
    "CVE-2024-9681": ("medium", "curl", "7.88.1-10+deb12u9"),
    "CVE-2026-0003": ("unknown", "libglvnd", None),
}


def audited(lock=AUDITED, ignores=(), statements=(), today=TODAY):
    wanted, _ = findings.queries(lock)
    found = {query: tuple(RECORDS.values()) for query in wanted}
    return findings.audit(lock, found, ignores=ignores, statements=statements, today=today)


def titles(found):
    return {each.title for each in found}


def test_each_vulnerability_is_found_once_the_worst_first():
    found = audited().findings
    assert {each.title: (each.match.severity, each.query.name, each.match.fixed) for each in found} == FOUND
    assert [each.match.severity for each in found] == ["critical", "critical", "medium", "medium", "unknown"]


def test_records_of_one_vulnerability_are_one_finding_with_all_its_names():
    (found,) = [each for each in audited().findings if each.query.name == "requests"]
    assert found.match.names == {"GHSA-9wx4-h78v-vm56", "PYSEC-2024-9001", "CVE-2024-35195"}


def test_binaries_of_one_source_package_are_one_finding():
    (found,) = [each for each in audited().findings if each.query.name == "libglvnd"]
    assert [place.package.name for place in found.places] == ["libgl1", "libglvnd0"]


def test_what_debian_calls_unimportant_is_counted_and_left_out():
    assert audited().unimportant == 1


def test_debian_packages_are_looked_up_by_source_version_not_the_rebuild():
    assert Query(ecosystem="Debian:12", name="curl", version="7.88.1-10+deb12u8") in findings.queries(AUDITED)[0]


def test_an_older_lock_names_its_source_packages_by_the_folders_of_the_pool():
    path = "pool/main/c/curl/libcurl3-gnutls_7.88.1-10+deb12u8+b2_amd64.deb"
    old = replace(deb("libcurl3-gnutls", "7.88.1-10+deb12u8+b2", 1, 34, "git"), path=path)
    wanted, _ = findings.queries(debs(LOCK, old))
    assert Query(ecosystem="Debian:12", name="curl", version="7.88.1-10+deb12u8") in wanted


@pytest.mark.parametrize(
    ("version", "hit"),
    [
        ("7.88.1-10+deb12u8", True),
        ("7.88.1-10+deb12u8~1", True),
        ("7.88.1-10+deb12u9", False),
        ("7.88.1-10+deb12u10", False),  # by text it would be before u9
        ("7.88.1-10+deb12u14", False),  # in the record's own list of versions, past the fix
        ("1:7.0-1", False),
    ],
)
def test_debian_versions_are_compared_in_debians_order(version, hit):
    query = Query(ecosystem="Debian:12", name="curl", version=version)
    assert (records.match(RECORDS["DEBIAN-CVE-2024-9681"], query) is not None) == hit


@pytest.mark.parametrize(
    ("version", "hit"),
    [("1.26.0", False), ("2.0.0", True), ("2.2.2", False), ("2.2.3", True), ("2.5.0rc1", True), ("2.5.0", False)],
)
def test_a_range_that_begins_anew_is_followed(version, hit):
    query = Query(ecosystem="PyPI", name="urllib3", version=version)
    assert (records.match(RECORDS["GHSA-pq67-6m6q-mj2v"], query) is not None) == hit


@pytest.mark.parametrize(
    ("distribution", "ecosystem"),
    [
        ("debian:bookworm", "Debian:12"),
        ("debian:sid", None),
        ("ubuntu:24.04", "Ubuntu:24.04:LTS"),
        ("ubuntu:25.10", "Ubuntu:25.10"),
    ],
)
def test_a_distribution_has_the_name_that_osv_knows_it_by(distribution, ecosystem):
    assert records.ecosystem_of(distribution) == ecosystem


def test_packages_of_an_unknown_release_are_said_to_be_unchecked():
    found = audited(base(AUDITED, distribution="debian:sid"))
    assert {place.package.name for place, _ in found.unknown} == {
        each.name for each in AUDITED.platforms[0].apt.packages
    }


def test_a_build_of_a_version_is_that_version():
    local = wheel("torch", "2.9.0+cu128", 1, 1, index="pytorch-cu128")
    assert Query(ecosystem="PyPI", name="torch", version="2.9.0") in findings.queries(wheels(LOCK, local))[0]


@pytest.mark.parametrize("junk", [{}, {"id": 1}, {"id": "X"}, {"id": "X", "affected": 3}, {"id": "X", "affected": [None]}, {"id": "X", "affected": [{"package": {"name": 3}}]}, {"id": "X", "affected": [{"package": {"ecosystem": "PyPI", "name": "requests"}, "ranges": [{"type": "ECOSYSTEM", "events": ["x", {"fixed": 3}]}]}]}])  # fmt: skip  # noqa: E501
def test_a_record_that_makes_no_sense_says_nothing(junk):
    assert records.match(junk, Query(ecosystem="PyPI", name="requests", version="1")) is None


# --- ignores ---


def ignore(name="CVE-2024-35195", **more):
    return IgnoredAdvisory(id=name, reason="not reachable", **more)


def test_an_ignored_advisory_is_listed_with_its_reason_by_any_of_its_names():
    for name in ("CVE-2024-35195", "GHSA-9wx4-h78v-vm56", "PYSEC-2024-9001"):
        found = audited(ignores=[ignore(name)])
        assert "CVE-2024-35195" not in titles(found.findings)
        assert [each.ignored for each in found.ignored] == ["not reachable"]
        assert found.stale == ()


@pytest.mark.parametrize(
    ("entry", "note"),
    [
        (ignore(until="2026-11-26"), " on 2026-11-26"),
        (ignore(until_fixed=True), ", since a fixed version is known"),
        (ignore(until="2027-01-01", until_fixed=True), ", since a fixed version is known"),
    ],
)
def test_an_ignore_that_has_ended_brings_the_finding_back_and_says_so(entry, note):
    (found,) = [each for each in audited(ignores=[entry]).findings if each.title == "CVE-2024-35195"]
    assert found.note == f"its entry in cog.yaml ended{note}"


def test_an_ignore_holds_through_its_last_day_and_while_nothing_is_fixed():
    entries = [ignore(until="2026-11-27"), ignore("CVE-2026-0003", until_fixed=True)]
    assert titles(audited(ignores=entries).ignored) == {"CVE-2024-35195", "CVE-2026-0003"}


def test_an_ignore_for_one_package_holds_for_its_binaries_and_source_alone():
    assert titles(audited(ignores=[ignore("CVE-2026-0003", package="libgl1")]).ignored) == {"CVE-2026-0003"}
    assert titles(audited(ignores=[ignore("CVE-2026-0003", package="libglvnd")]).ignored) == {"CVE-2026-0003"}
    other = ignore("CVE-2026-0003", package="curl")
    assert audited(ignores=[other]).stale == (other,)


# --- the command ---


@pytest.fixture
def cog(tmp_path, monkeypatch, capsys):
    """Run a verb in a folder with the lock; returns what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COG_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("COG_OSV_API", "http://127.0.0.1:9")
    monkeypatch.delenv("OSV_SCANNER_LOCAL_DB_CACHE_DIRECTORY", raising=False)
    (tmp_path / "cog.lock").write_text(lock_file.dumps(AUDITED))

    def run(*words, status=0):
        answer = main(list(words))
        said = capsys.readouterr()
        assert answer == status, said.err
        assert "Traceback" not in said.err
        return said

    return run


@pytest.mark.parametrize("layout", ["osv-scanner/{}/all.zip", "osv-scalibr/{}/all.zip", "{}/all.zip"])
def test_a_downloaded_database_is_read_in_each_layout(cog, tmp_path, layout):
    folder = str(packed(tmp_path / "db", layout))
    for _ in range(2):  # the second time by what is kept
        found = json.loads(cog("audit", "--database", folder, "--format", "json", status=1).out)
        assert {each["name"] for each in found["findings"]} == set(FOUND)


def test_the_variable_of_osv_scanner_names_the_database_too(cog, tmp_path, monkeypatch):
    monkeypatch.setenv("OSV_SCANNER_LOCAL_DB_CACHE_DIRECTORY", str(packed(tmp_path / "db")))
    assert "5 known vulnerabilities" in cog("audit", status=1).out


def test_a_database_that_changed_is_read_anew(cog, tmp_path):
    folder = packed(tmp_path / "db")
    cog("audit", "--database", str(folder), status=1)
    left = {"MAL-2026-0001"}
    with zipfile.ZipFile(folder / "osv-scanner/PyPI/all.zip", "w") as archive:
        for name in left:
            archive.writestr(f"{name}.json", json.dumps(RECORDS[name]))
    found = json.loads(cog("audit", "--database", str(folder), "--format", "json", status=1).out)
    assert {each["name"] for each in found["findings"] if each["ecosystem"] == "PyPI"} == left


def test_the_api_is_asked_once_for_all_packages_and_page_by_page(cog, monkeypatch):
    with serving() as api:
        monkeypatch.setenv("COG_OSV_API", api.url)
        api.page = 1
        found = json.loads(cog("audit", "--format", "json", status=1).out)
        assert {each["name"] for each in found["findings"]} == set(FOUND)
        assert api.requests.count("/v1/querybatch") == 3  # curl has the most records: three pages of one
        api.page, asked = 1000, len(api.requests)
        cog("audit", status=1)
        assert api.requests[asked:] == ["/v1/querybatch"]  # the records are kept


def test_an_api_that_does_not_answer_is_no_clean_audit(cog, monkeypatch):
    assert "cannot reach" in cog("audit", status=1).err
    with serving() as api:
        monkeypatch.setenv("COG_OSV_API", api.url)
        api.broken = 404
        assert "404" in cog("audit", status=1).err
        api.broken, api.answer = None, b'{"results": []}'
        assert "did not answer every question" in cog("audit", status=1).err
        api.answer = b"<html>"
        assert "did not answer as OSV does" in cog("audit", status=1).err


@pytest.mark.parametrize(
    ("level", "status"), [("any", 1), ("low", 1), ("medium", 1), ("critical", 1), ("never", 0)]
)
def test_fail_on_decides_the_exit_status(cog, tmp_path, level, status):
    cog("audit", "--database", str(packed(tmp_path / "db")), "--fail-on", level, status=status)


def test_only_what_is_as_severe_fails(cog, tmp_path):
    lock = debs(LOCK)
    (tmp_path / "cog.lock").write_text(lock_file.dumps(lock))
    (tmp_path / "cog.yaml").write_text(
        "review:\n  ignore:\n"
        "    - {id: MAL-2026-0001, reason: a test}\n    - {id: CVE-2025-50181, reason: a test}\n"
    )
    folder = str(packed(tmp_path / "db"))
    cog("audit", "--database", folder, "--fail-on", "high")
    cog("audit", "--database", folder, "--fail-on", "medium", status=1)


def test_text_names_package_fix_and_line(cog, tmp_path):
    shown = cog("audit", "--database", str(packed(tmp_path / "db")), status=1).out.splitlines()
    at = shown.index("CVE-2024-9681, medium: libcurl3-gnutls 7.88.1-10+deb12u8+b1, built from curl")
    assert shown[at + 1 : at + 3] == [
        "  HSTS subdomain overwrites parent cache entry",
        "  fixed in 7.88.1-10+deb12u9: `cog lock --upgrade-apt`",
    ]
    number = int(shown[at + 3].rpartition(":")[2])
    assert 'name = "libcurl3-gnutls"' in (tmp_path / "cog.lock").read_text().splitlines()[number - 1]
    assert shown[-1].endswith("The base image's own packages are not in the lock.")


def test_a_stale_ignore_is_said(cog, tmp_path):
    (tmp_path / "cog.yaml").write_text("review:\n  ignore:\n    - {id: CVE-1999-0001, reason: a test}\n")
    said = cog("audit", "--database", str(packed(tmp_path / "db")), status=1).out
    assert "CVE-1999-0001 is ignored in cog.yaml and matches nothing: remove the entry" in said


def test_an_ignore_without_reason_or_with_no_such_day_is_refused(cog, tmp_path):
    (tmp_path / "cog.yaml").write_text(
        "review:\n  ignore:\n    - {id: CVE-1999-0001}\n    - {id: CVE-1, reason: x, until: 2026-02-30}\n"
    )
    said = cog("audit", status=2).err
    assert "cog.yaml:3: `review.ignore[0]` has no `reason`" in said
    assert "there is no 2026-02-30" in said


def test_sarif_is_valid_and_points_at_the_lines_of_the_lock(cog, tmp_path):
    (tmp_path / "cog.yaml").write_text("review:\n  ignore:\n    - {id: CVE-2026-0003, reason: no GPU}\n")
    folder = str(packed(tmp_path / "db"))
    found = json.loads(cog("audit", "--database", folder, "--format", "sarif", status=1).out)
    schema = json.loads((Path(__file__).parent / "sarif-subset.json").read_text())
    jsonschema.Draft7Validator(schema).validate(found)
    lines = (tmp_path / "cog.lock").read_text().splitlines()
    (run,) = found["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [each["id"] for each in rules] == sorted(each["id"] for each in rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        line = lines[result["locations"][0]["physicalLocation"]["region"]["startLine"] - 1]
        assert f'name = "{result["message"]["text"].split()[0]}"' in line
    assert {each["ruleId"] for each in run["results"] if "suppressions" in each} == {"CVE-2026-0003"}
    assert len({each["partialFingerprints"]["cogfreeze/v1"] for each in run["results"]}) == len(run["results"])


OPENVEX = {
    "@context": "https://openvex.dev/ns/v0.2.0",
    "statements": [
        {
            "vulnerability": {"name": "CVE-2024-9681"},
            "products": [
                {"@id": "pkg:oci/model", "subcomponents": [{"@id": "pkg:deb/debian/curl@7.88.1-10%2Bdeb12u8"}]}
            ],
            "status": "not_affected",
            "justification": "vulnerable_code_not_in_execute_path",
        },
        {"vulnerability": "CVE-2024-35195", "products": ["pkg:pypi/requests@9"], "status": "fixed"},
        {"vulnerability": {"name": "CVE-2025-50181"}, "status": "under_investigation"},
    ],
}
CYCLONEDX = {
    "bomFormat": "CycloneDX",
    "components": [{"bom-ref": "a", "purl": "pkg:pypi/urllib3@2.2.3"}],
    "vulnerabilities": [
        {
            "id": "CVE-2025-50181",
            "analysis": {"state": "not_affected", "justification": "code_not_reachable"},
            "affects": [{"ref": "a"}],
        },
        {"id": "MAL-2026-0001", "analysis": {"state": "exploitable"}},
    ],
}


def test_vex_rules_out_what_it_says_of_exactly_this_package(cog, tmp_path):
    (tmp_path / "open.json").write_text(json.dumps(OPENVEX))
    (tmp_path / "cyclone.json").write_text(json.dumps(CYCLONEDX))
    words = ("--vex", "open.json", "--vex", "cyclone.json", "--format", "json")
    found = json.loads(cog("audit", "--database", str(packed(tmp_path / "db")), *words, status=1).out)
    assert {each["name"]: each["ignored"] for each in found["ignored"]} == {
        "CVE-2024-9681": "open.json: not_affected: vulnerable_code_not_in_execute_path",
        "CVE-2025-50181": "cyclone.json: not_affected: code_not_reachable",
    }


def damaged(folder):
    path = folder / "osv-scanner/Debian/all.zip"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def not_a_record(folder):
    with zipfile.ZipFile(folder / "osv-scanner/Debian/all.zip", "a") as archive:
        archive.writestr("X.json", "[")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (damaged, "the database is damaged"),
        (not_a_record, "the database is damaged"),
        (lambda folder: (folder / "osv-scanner/PyPI/all.zip").unlink(), "the database has no records of PyPI"),
    ],
)
def test_a_database_that_cannot_be_used_is_said(cog, tmp_path, harm, said):
    folder = packed(tmp_path / "db")
    harm(folder)
    assert said in cog("audit", "--database", str(folder), status=2).err


@pytest.mark.parametrize("text", ["{", "[]", '{"statements": 3}', '{"bomFormat": "SPDX"}'])
def test_a_vex_document_that_cannot_be_used_is_said(cog, tmp_path, text):
    (tmp_path / "vex.json").write_text(text)
    assert "vex.json: it is n" in cog("audit", "--vex", "vex.json", status=2).err
    assert "cannot be read" in cog("audit", "--vex", "missing.json", status=2).err


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"statements": [{"status": "fixed"}]}, "`statements.0.vulnerability`: field required"),
        ({"statements": [{"status": 3, "vulnerability": "CVE-1"}]}, "`statements.0.status`: input should be"),
        (
            {"statements": [{"status": "fixed", "vulnerability": "CVE-1", "products": ["curl"]}]},
            "the statement on `CVE-1` names no package that can be read",
        ),
        (
            CYCLONEDX | {"vulnerabilities": [CYCLONEDX["vulnerabilities"][0] | {"affects": [{"ref": "b"}]}]},
            "the statement on `CVE-2025-50181` names no package that can be read",
        ),
        (CYCLONEDX | {"vulnerabilities": [{"analysis": "fine"}]}, "`vulnerabilities.0.analysis`: input should be"),
    ],
)
def test_a_statement_that_cannot_be_understood_silences_nothing(cog, tmp_path, document, said):
    (tmp_path / "vex.json").write_text(json.dumps(document))
    assert said in cog("audit", "--vex", "vex.json", status=2).err
