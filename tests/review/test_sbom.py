"""`cog sbom` and `cog licenses`: documents that their own tools accept, and licences by SPDX."""

import io
import json
import tarfile
from dataclasses import replace

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from cogfreeze.cli.main import main
from cogfreeze.lock import file as lock_file
from cogfreeze.review import licences
from cogfreeze.review.online import contents
from cogfreeze.review.sbom import components, cyclonedx, spdx
from tests.unit.resolve.index_server import served, sha256, wheel

from .pairs import CUDA, LOCK, PLATFORM, WITH_TINY, deb, debs, known, platform, python, wheels

LICENCES = {known("requests").sha256: "Apache 2.0", known("numpy").sha256: "BSD-3-Clause AND MIT", known("idna").sha256: "as is"}  # fmt: skip  # noqa: E501
VENDORED = {
    "bomFormat": "CycloneDX",
    "components": [
        {"name": "openssl", "version": "3.0.15", "purl": "pkg:generic/openssl@3.0.15"},
        {"name": "", "purl": "pkg:generic/x"},
        {"name": "bad", "purl": "no purl"},
        7,
    ],
}
SBOMS = {known("torch").sha256: {"torch.dist-info/sboms/auditwheel.cdx.json": json.dumps(VENDORED)}}
CASES = {
    "all kinds": WITH_TINY,
    "sources by source package": debs(LOCK, replace(deb("libgl1", "1.6.0-1", 88_448, 32), source="libglvnd")),
    "an image of CUDA without packages": platform(
        LOCK, base=CUDA, apt=None, python=replace(PLATFORM.python, wheels=())
    ),
    "packages that require each other": wheels(
        LOCK,
        replace(known("numpy"), required_by=("sympy",)),
        replace(known("sympy"), required_by=("numpy", "torch")),
    ),
}


def listed(lock, sboms=SBOMS):
    return components.components(lock, lock.platforms[0], LICENCES, sboms)


@pytest.mark.parametrize("name", CASES)
def test_cyclonedx_is_valid_by_its_own_library(name):
    lock = CASES[name]
    text = cyclonedx.render(lock, "linux/amd64", "model", listed(lock))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert text == cyclonedx.render(lock, "linux/amd64", "model", listed(lock))
    refs = {each["bom-ref"] for each in json.loads(text)["components"]}
    assert {each["ref"] for each in json.loads(text)["dependencies"]} >= refs


@pytest.mark.parametrize("name", CASES)
def test_spdx_is_valid_by_its_own_tools(name, tmp_path):
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    lock = CASES[name]
    path = tmp_path / "model.spdx.json"
    path.write_text(spdx.render(lock, "linux/amd64", "model", listed(lock)))
    document = parse_file(str(path))
    assert [each.validation_message for each in validate_full_spdx_document(document)] == []
    assert len(document.packages) == len(listed(lock)) + 1


def test_package_urls_name_type_source_and_origin():
    purls = {each.ref: each.purl for each in (*listed(WITH_TINY), *listed(CASES["sources by source package"]))}
    assert purls["python:requests"] == "pkg:pypi/requests@2.31.0?file_name=requests-2.31.0-py3-none-any.whl"
    assert (
        purls["apt:libgl1:amd64"] == "pkg:deb/debian/libgl1@1.6.0-1?arch=amd64&distro=debian-12&upstream=libglvnd"
    )
    assert purls["python:tiny"].endswith(f"?vcs_url=git%2Bhttps://example.org/tiny.git%40{'c' * 40}")
    assert purls["base-image"].startswith(f"pkg:oci/python@{LOCK.platforms[0].base.digest}")


def test_what_a_wheel_carries_inside_is_listed_within_it_and_nonsense_is_not():
    (openssl,) = [each for each in listed(LOCK) if each.within]
    assert (openssl.name, openssl.version, openssl.within) == ("openssl", "3.0.15", "python:torch")
    for text in ("{", "[]", '{"components": 3}', '{"packages": [3]}'):
        assert not [each for each in listed(LOCK, {known("torch").sha256: {"x": text}}) if each.within]


def test_a_licence_without_an_spdx_name_is_kept_as_a_comment():
    document = json.loads(spdx.render(LOCK, "linux/amd64", "model", listed(LOCK)))
    by_name = {each["name"]: each for each in document["packages"]}
    assert by_name["requests"]["licenseDeclared"] == "Apache-2.0"
    assert by_name["idna"]["licenseDeclared"] == "NOASSERTION"
    assert by_name["idna"]["licenseComments"] == "the package says: as is"


@pytest.mark.parametrize(
    ("licence", "allow", "deny", "accepted"),
    [
        ("MIT", ["MIT"], [], True),
        ("MIT", ["mit"], [], True),
        ("GPL-3.0-only", ["MIT"], [], False),
        ("MIT OR GPL-3.0-only", ["MIT"], [], True),
        ("MIT AND GPL-3.0-only", ["MIT"], [], False),
        ("MIT AND (Apache-2.0 OR GPL-3.0-only)", [], ["GPL-3.0-only"], True),
        ("MIT AND GPL-3.0-only", [], ["GPL-3.0-only"], False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", ["GPL-2.0-only WITH Classpath-exception-2.0"], [], True),
        ("unknown", ["MIT"], [], False),
        ("unknown", [], ["GPL-3.0-only"], True),
        ("unknown", ["MIT", "unknown"], [], True),
        ("Apache Software License", ["Apache-2.0"], [], True),
        ("BSD License", ["BSD-3-Clause"], [], False),
        ("solar-public-domain AND GPL-3+ AND MIT", [], ["GPL-3.0-or-later"], False),
        ("solar-public-domain AND (GPL-2+ or Artistic)", [], ["GPL-2.0-or-later"], False),
        ("solar-public-domain AND MIT", [], ["GPL-2.0-or-later"], True),
    ],
)  # fmt: skip
def test_of_an_or_one_licence_is_enough_of_an_and_all_have_to_be(licence, allow, deny, accepted):
    assert licences.judge(licence, allow=allow, deny=deny).accepted == accepted


def packed(copyright_text, *, name="./usr/share/doc/tool/copyright"):
    """A .deb with a copyright file."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(copyright_text)
        archive.addfile(info, io.BytesIO(copyright_text))
    members = [(b"debian-binary", b"2.0\n"), (b"control.tar.xz", b"odd"), (b"data.tar.xz", data.getvalue())]
    return b"!<arch>\n" + b"".join(
        b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (name, 0, 0, 0, b"100644", len(content))
        + content
        + b"\n" * (len(content) % 2)
        for name, content in members
    )


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        (b"Format: x\n\nFiles: *\nLicense: Expat\n text\n\nFiles: a\nLicense: GPL-2+\n", "Expat AND GPL-2+"),
        (b"Format: x\n\nFiles: *\nLicense: GPL-2+ or Artistic\n", "(GPL-2+ or Artistic)"),
        (b"This package is free.\n", ""),
    ],
)
def test_the_licences_of_a_deb_are_those_of_its_copyright_file(tmp_path, text, licence):
    path = tmp_path / "tool.deb"
    path.write_bytes(packed(text))
    assert contents._licence_of_deb(path) == licence
    path.write_bytes(path.read_bytes()[:100])
    assert contents._licence_of_deb(path) == ""


@pytest.fixture
def cog(tmp_path, monkeypatch, capsys):
    """Run a verb in a folder whose two packages are on a loopback index."""
    with served() as index:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("COG_CACHE_DIR", str(tmp_path / "cache"))
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"{index.url}/simple")
        for name in ("UV_INDEX", "UV_EXTRA_INDEX_URL"):
            monkeypatch.delenv(name, raising=False)
        found = []
        for name in ("left", "right"):
            file = f"{name}-1.0-py3-none-any.whl"
            data = index.add("simple", file)
            found.append(replace(known("requests"), name=name, version="1.0", file=file, sha256=sha256(data), size=len(data)))  # fmt: skip  # noqa: E501
        lock = platform(python(LOCK, wheels=tuple(found), runtime=()), apt=None)
        (tmp_path / "cog.lock").write_text(lock_file.dumps(replace(lock, files=())))

        def run(*words, status=0):
            answer = main(list(words))
            said = capsys.readouterr()
            assert answer == status, said.err
            return said

        yield run


def test_the_commands_read_licences_from_the_index_and_judge_them(cog, tmp_path):
    assert "unknown (2): left, right" in cog("licenses").out
    found = json.loads(cog("licenses", "--allow", "MIT", "--json", status=1).out)
    assert {(each["name"], each["accepted"]) for each in found} == {("left", False), ("right", False)}
    (tmp_path / "cog.yaml").write_text("review:\n  licenses_allow: [MIT]\n")
    assert "it has no SPDX name, so nothing allows it" in cog("licenses", status=1).out


def test_sbom_is_written_to_stdout_or_a_file(cog, tmp_path):
    text = cog("sbom").out
    assert json.loads(text)["bomFormat"] == "CycloneDX"
    cog("sbom", "--format", "spdx", "-o", "model.spdx.json")
    assert json.loads((tmp_path / "model.spdx.json").read_text())["spdxVersion"] == "SPDX-2.3"
    assert "the lock has no platform `linux/arm64`" in cog("sbom", "--platform", "linux/arm64", status=2).err


def test_a_wheel_with_startup_files_is_known_by_them():
    data = {"left.pth": b"import os", "left/x.pth": b"", "sitecustomize.py": b"", "left/sitecustomize.py": b""}
    from zipfile import ZipFile

    names = ZipFile(io.BytesIO(wheel("left-1.0-py3-none-any.whl", files=data))).namelist()
    metadata = type("Metadata", (), {"files": dict.fromkeys(names, "")})
    assert contents.startup_files(metadata) == ("left.pth", "sitecustomize.py")
