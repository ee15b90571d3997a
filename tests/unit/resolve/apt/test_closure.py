"""apt decides what goes onto a base; every .deb that it names is one that the signed lists have."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogfreeze.errors import IntegrityError, ResolveError, ToolMissing
from cogfreeze.lock import debian_version
from cogfreeze.lock.model import BaseImage
from cogfreeze.report import Silent
from cogfreeze.resolve.apt import archive as archive_module
from cogfreeze.resolve.apt import closure as apt
from cogfreeze.resolve.apt import solver
from cogfreeze.resolve.apt.refusals import UnknownPackages
from cogfreeze.resolve.fetch.download import fetch_all
from cogfreeze.settings import Settings
from tests.unit.resolve.made_archive import SNAPSHOT, UBUNTU_SUITES, deb, installed, stanza

needs_apt = pytest.mark.skipif(not shutil.which("apt-get"), reason="apt-get is not on this machine")

BASE = BaseImage(
    reference="python:3.11-slim-bookworm",
    digest=f"sha256:{'0' * 64}",
    reason="the test's",
    distribution="debian:bookworm",
)
LIBC = installed("libc6", Essential="yes", Provides="libc-virtual")


class Notes(Silent):
    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


@pytest.fixture
def resolve(archive):
    """Resolve names over the stanzas of bookworm, on a base with the stanzas of `status`."""

    def run(
        *names,
        main=(),
        updates=(),
        security=(),
        status=(LIBC,),
        base=BASE,
        report=None,
        previous=None,
        components=(),
    ):
        archive_module._releases.cache_clear()  # the archive has changed, as a dated one never does
        archive.archive.packages = {
            "bookworm": list(main), "bookworm-updates": list(updates), "bookworm-security": list(security)
        }  # fmt: skip
        return apt.resolve_apt(
            names, components=components, base=base,
            status="\n".join(status), platform="linux/amd64", snapshot=SNAPSHOT,
            settings=archive.settings, report=report or Silent(), previous=previous,
        )  # fmt: skip

    return run


def told(closure):
    """The closure, one short line a package."""
    return [
        f"{each.name} {each.version} <- {' '.join(each.required_by) or 'declared'}" for each in closure.packages
    ]


def refusal(resolve, *names, error=ResolveError, **lists):
    with pytest.raises(error) as caught:
        resolve(*names, **lists)
    return caught.value


@needs_apt
def test_a_closure_says_of_each_package_who_asked_for_it(resolve, archive):
    closure = resolve(
        "tool", "lib",
        main=[
            stanza("tool", Depends="lib (>= 1), libc6, data | nothing, virtual"),
            stanza("lib", Depends="deep:any"),
            stanza("deep", Multi_Arch="allowed"),
            stanza("data", architecture="all"),
            stanza("one", Provides="virtual"),
            stanza("unrelated"),
        ],
    )  # fmt: skip
    assert told(closure) == [
        "lib 1.0 <- declared",
        "tool 1.0 <- declared",
        "data 1.0 <- tool",
        "deep 1.0 <- lib",
        "one 1.0 <- tool",
    ]
    data = closure.packages[2]
    assert (data.architecture, data.archive, data.path) == ("all", "debian", "pool/main/d/data/data_1.0_all.deb")
    assert closure.snapshot == SNAPSHOT
    assert [suite.suite for suite in closure.suites] == ["bookworm", "bookworm-updates", "bookworm-security"]
    assert [each.path for each in archive.log if "/pool/" in each.path] == []


@needs_apt
def test_a_closure_records_what_each_package_depends_on_and_its_source(resolve):
    closure = resolve(
        "tool",
        main=[
            stanza("tool", Pre_Depends="lib:any (>= 1), libc6 (>= 1)", Depends="nothing | data, virtual, tool"),
            stanza("lib", "1.0+b1", Source="library (1.0)", Multi_Arch="allowed", Depends="deep (= 1.0) | gone"),
            stanza("deep", Source="library"),
            stanza("data", architecture="all"),
            stanza("one", Provides="virtual"),
        ],
    )  # fmt: skip
    found = {each.name: (each.source, each.source_version, each.depends) for each in closure.packages}
    assert found == {
        "tool": (None, None, ("data", "lib (>= 1)", "one")),  # the base has libc6
        "lib": ("library", "1.0", ("deep (= 1.0)",)),
        "deep": ("library", None, ()),
        "data": (None, None, ()),
        "one": (None, None, ()),
    }


@needs_apt
def test_the_newest_version_of_all_pockets_is_taken(resolve):
    closure = resolve(
        "tool", main=[stanza("tool")], updates=[stanza("tool", "1.1")], security=[stanza("tool", "1.2")]
    )
    assert told(closure) == ["tool 1.2 <- declared"]
    assert closure.packages[0].archive == "debian-security"


@needs_apt
def test_recommended_packages_stay_out_even_if_the_machine_wants_them(resolve, monkeypatch, tmp_path):
    (tmp_path / "apt.conf").write_text('APT::Install-Recommends "true";\nAPT::Default-Release "nonesuch";\n')
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    closure = resolve(
        "tool", main=[stanza("tool", Recommends="more", Suggests="most"), stanza("more"), stanza("most")]
    )
    assert told(closure) == ["tool 1.0 <- declared"]


@needs_apt
def test_what_the_base_has_is_not_taken_again_but_said(resolve):
    report = Notes()
    closure = resolve(
        "libc6", "tool", main=[stanza("tool", Depends="libc6"), stanza("libc6", "1.1")], report=report
    )
    assert told(closure) == ["libc6 1.1 <- declared", "tool 1.0 <- declared"]
    closure = resolve("libc6", "tool", main=[stanza("tool", Depends="libc6"), stanza("libc6")], report=report)
    assert told(closure) == ["tool 1.0 <- declared"]
    assert report.notes == ["`libc6` is already in the base image"]


@needs_apt
def test_a_newer_version_of_a_base_package_is_taken_where_one_is_needed(resolve):
    closure = resolve("tool", main=[stanza("tool", Depends="libc6 (>= 1.1)"), stanza("libc6", "1.1")])
    assert told(closure) == ["tool 1.0 <- declared", "libc6 1.1 <- tool"]


@needs_apt
def test_a_base_package_that_something_new_breaks_is_moved_and_says_why(resolve):
    closure = resolve(
        "tool",
        main=[stanza("tool", Depends="lib"), stanza("lib", Breaks="libc6 (<< 1.1)"), stanza("libc6", "1.1")],
    )
    assert told(closure) == ["tool 1.0 <- declared", "lib 1.0 <- tool", "libc6 1.1 <- lib"]


@needs_apt
@pytest.mark.parametrize(
    ("base_apt", "moved"), [("2.4.13", []), ("2.6.1", ["tool-bin 1.1 <- lib"]), (None, ["tool-bin 1.1 <- lib"])]
)
def test_what_is_installed_of_one_source_moves_as_the_bases_own_apt_moves_it(resolve, base_apt, moved):
    """apt moves it together since 2.5.2; Ubuntu 22.04 and Debian 11 have older ones, whatever this machine has."""
    of = {"Source": "tool"}
    status = [LIBC, installed("lib", **of), installed("tool-bin", **of)]
    if base_apt:
        status.append(installed("apt", base_apt))
    main = [
        stanza("app", Depends="lib (>= 1.1)"), stanza("lib", "1.1", **of), stanza("tool-bin", "1.1", **of)
    ]  # fmt: skip
    assert told(resolve("app", main=main, status=status)) == ["app 1.0 <- declared", "lib 1.1 <- app", *moved]


@pytest.mark.parametrize(("own", "base_apt"), [("2.4.13", "2.6.1"), ("3.0.3", "3.2.0")])
def test_an_apt_that_is_older_than_the_bases_is_not_asked(resolve, monkeypatch, tmp_path, own, base_apt):
    """It can't do what the base's does; so it is the base's that is asked, where there is docker."""
    (tmp_path / "apt-get").write_text(f"#!/bin/sh\necho 'apt {own} (amd64)'\n")
    (tmp_path / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    solver._own_version.cache_clear()
    try:
        status = (LIBC, installed("apt", base_apt))
        error = refusal(resolve, "tool", main=[stanza("tool")], status=status, error=ToolMissing)
    finally:
        solver._own_version.cache_clear()
    assert str(error) == (
        f"build.system_packages: system packages are resolved by `apt-get`, and this machine's ({own}) is older"
        " than the base's"
    )


@needs_apt
def test_an_alternative_that_the_base_meets_brings_nothing(resolve):
    main = [stanza("tool", Depends="other | libc-virtual"), stanza("other")]
    assert told(resolve("tool", main=main)) == ["tool 1.0 <- declared"]


@needs_apt
def test_a_pinned_version_is_taken_and_a_missing_one_named_with_what_there_is(resolve):
    lists = {"main": [stanza("tool")], "security": [stanza("tool", "1:1.2-3")]}
    assert told(resolve("tool=1.0", **lists)) == ["tool 1.0 <- declared"]
    assert told(resolve("tool:amd64=1:1.2-3", **lists)) == ["tool 1:1.2-3 <- declared"]
    error = refusal(resolve, "tool=7", **lists)
    assert str(error) == "build.system_packages: `tool` has no version `7` in the archive at this date"
    assert error.hint == "available versions: `1.0`, `1:1.2-3`"


@needs_apt
@pytest.mark.parametrize("pattern", ["7:5.1*", "5.1*", "7:5.*", "5.1.6-0+deb12u1"])
def test_a_pattern_locks_the_newest_version_that_it_matches(resolve, pattern):
    main = [stanza("ffmpeg", version) for version in ("7:5.1.6-0+deb12u1", "7:5.1.10-0", "7:6.0-1")]
    if "*" not in pattern:
        main = [main[0], main[2]]
    newest = "7:5.1.10-0" if "*" in pattern else "7:5.1.6-0+deb12u1"
    assert told(resolve(f"ffmpeg={pattern}", main=main)) == [f"ffmpeg {newest} <- declared"]


@needs_apt
def test_versions_that_match_nothing_are_named_all_at_once(resolve):
    main = [stanza("tool"), stanza("lib", "2.0")]
    error = refusal(resolve, "tool=3*", "lib=1.*", main=main)
    assert str(error) == (
        "build.system_packages: `tool` has no version `3*` in the archive at this date;"
        " `lib` has no version `1.*` in the archive at this date"
    )
    assert error.hint == "available versions: `tool` `1.0`; `lib` `2.0`"


TRIXIE = [
    stanza("libgl1"), stanza("libssl3t64"), stanza("libffi8"), stanza("libffi-dev"), stanza("fonts-liberation"),
    stanza("libicu74"), stanza("libicu76"), stanza("libx264-164"), stanza("libx265-215"), stanza("libsm6"),
    stanza("libasound2t64", Provides="libasound2 (= 1.0)"), stanza("liboss4", Provides="libasound2"),
    stanza("new-name", Breaks="old-name (<< 2)", Replaces="old-name (<< 2)"), stanza("tool"),
]  # fmt: skip


@needs_apt
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("libgl1-mesa-glx", "libgl1"), ("libssl1.1", "libssl3t64"), ("libffi7", "libffi8"),
        ("libicu66", "libicu76"), ("libx264-148", "libx264-164"), ("libasound2", "libasound2t64"),
        ("libsm", "libsm6"), ("old-name", "new-name"),
        ("ttf-mscorefonts-installer", "fonts-liberation"), ("libffi7=3.3-4", "libffi8"),
        ("python3-distutils", None), ("python3.8-dev", None), ("nvidia-cuda-toolkit", None), ("libcudnn8", None),
    ],
)  # fmt: skip
def test_a_package_that_the_release_has_renamed_is_told_by_its_new_name(resolve, old, new):
    error = refusal(resolve, old, "tool", main=TRIXIE, error=UnknownPackages)
    name = old.partition("=")[0]
    assert error.replacements == {old: new}
    what = f"instead of `{name}` write `{new}`" if new else f"remove `{name}` ("
    assert error.hint.startswith(what)
    assert error.hint.endswith("`cog doctor --fix` does this")


@needs_apt
def test_all_renamed_packages_are_told_at_once_and_what_is_unclear_is_not_replaced(resolve):
    error = refusal(resolve, "libffi7", "libicu66", "zzzz", main=TRIXIE, error=UnknownPackages)
    assert error.replacements == {"libffi7": "libffi8", "libicu66": "libicu76"}
    assert "`zzzz`" in str(error)


@needs_apt
def test_a_package_of_another_component_names_the_component_and_locks_with_it(resolve, archive):
    archive.archive.more = {"contrib": [stanza("from-contrib", Depends="lib")]}
    main = [stanza("lib")]
    error = refusal(resolve, "from-contrib", main=main, error=UnknownPackages)
    assert error.components == ("contrib",)
    assert error.hint == (
        "`from-contrib` is in `contrib`: add `apt_components: [contrib]`; `cog doctor --fix` does this"
    )
    closure = resolve("from-contrib", main=main, components=["contrib"])
    assert told(closure) == ["from-contrib 1.0 <- declared", "lib 1.0 <- from-contrib"]
    assert closure.suites[0].components == ("main", "contrib")


@needs_apt
def test_a_component_that_the_archive_does_not_have_is_refused_with_the_ones_it_has(resolve, archive):
    archive.archive.more = {"contrib": []}
    error = refusal(resolve, "tool", main=[stanza("tool")], components=["universe"])
    assert str(error) == "build.apt_components: `debian:bookworm` has no component `universe`"
    assert error.hint == "available components: main, contrib"


@needs_apt
def test_unknown_packages_are_named_all_at_once_with_near_names(resolve):
    error = refusal(resolve, "libgll", "tool", "zzzz=1", main=[stanza("libgl1"), stanza("libgl2"), stanza("tool")])
    assert str(error) == (
        f"build.system_packages: no such packages in debian:bookworm at {SNAPSHOT}: `libgll`, `zzzz=1`"
    )
    assert error.hint == "for `libgll` did you mean `libgl2` or `libgl1`?"


@needs_apt
def test_a_name_that_apt_would_read_as_a_pattern_is_unknown(resolve):
    """`lib.` would match every name with `lib` and one more letter in it."""
    error = refusal(resolve, "lib.", main=[stanza("libgl1")])
    assert str(error) == f"build.system_packages: no such package in debian:bookworm at {SNAPSHOT}: `lib.`"
    assert error.hint == "search the distribution's package pages; only its own archives are used"


@needs_apt
def test_a_virtual_package_with_one_provider_means_that_one(resolve):
    closure = resolve("virtual", main=[stanza("one", Provides="virtual (= 3), more")])
    assert told(closure) == ["one 1.0 <- declared"]


@needs_apt
def test_a_virtual_package_with_two_providers_is_refused_with_their_names(resolve):
    error = refusal(resolve, "virtual", main=[stanza(name, Provides="x, virtual") for name in ("two", "one")])
    assert str(error) == (
        "build.system_packages: `virtual` is a virtual package that more than one package provides"
    )
    assert error.hint == "name one of them: `one`, `two`"


@needs_apt
def test_packages_that_exclude_each_other_are_refused_in_apts_words(resolve):
    error = refusal(resolve, "one", "two", main=[stanza("one", Conflicts="two"), stanza("two")])
    assert str(error) == (
        "build.system_packages: the system packages conflict on this base image: "
        "one : Conflicts: two but 1.0 is to be installed"
    )
    assert error.hint == "relax or remove a pinned version; the explanation is apt-get's own"


@needs_apt
def test_a_missing_dependency_is_refused_in_apts_words(resolve):
    error = refusal(resolve, "tool", main=[stanza("tool", Depends="gone (>= 2)")])
    assert str(error) == (
        "build.system_packages: the system packages conflict on this base image: "
        "tool : Depends: gone (>= 2) but it is not installable"
    )


@needs_apt
def test_what_would_remove_a_package_of_the_base_is_refused(resolve):
    status = (LIBC, installed("old"))
    error = refusal(resolve, "tool", main=[stanza("tool", Conflicts="old"), stanza("old")], status=status)
    assert str(error) == ("build.system_packages: installing `tool` would remove packages of the base image: old")
    assert error.hint == "choose another package, or a base image that has it"


@needs_apt
def test_what_would_take_a_base_package_back_is_refused(resolve):
    error = refusal(resolve, "lib=1.0", main=[stanza("lib", "1.0")], status=(LIBC, installed("lib", "2.0")))
    assert str(error) == (
        "build.system_packages: installing `lib=1.0` would downgrade packages of the base image: lib"
    )
    assert error.hint == "ask for the base image's version or a newer one, or choose an older base image"


@needs_apt
def test_an_archive_that_has_gone_back_since_it_was_locked_is_refused(resolve):
    """An old index with a good signature, played again: the security update has vanished."""
    main = [stanza("tool", "1.0", Depends="lib"), stanza("lib", "1:2.0")]
    before = resolve("tool", main=main, security=[stanza("lib", "1:2.0+deb12u1")])
    error = refusal(resolve, "tool", main=main, previous=before, error=IntegrityError)
    assert str(error) == (
        f"the archive has older packages than at {SNAPSHOT}: `lib` 1:2.0 (locked: 1:2.0+deb12u1)"
    )
    assert error.hint == (
        "the mirror may serve an outdated index; if the distribution withdrew a version, pin the available one"
        " in `build.system_packages`"
    )
    assert told(resolve("tool=1.0", main=main, previous=before))
    later = replace(before, snapshot="20270101T000000Z")  # an older date was asked for, and it is older
    assert told(resolve("tool", main=main, previous=later))


VERSIONS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "0:", "1:"]),
    st.from_regex(r"[0-9][0-9a-c.+~]{0,5}", fullmatch=True),
    st.sampled_from(["", "-0", "-1", "-1~a", "-1+b1", "-1ubuntu0.1"]),
)


@pytest.mark.skipif(not shutil.which("dpkg"), reason="dpkg is not on this machine")
@settings(deadline=None, max_examples=150)
@given(VERSIONS, VERSIONS)
def test_versions_sort_as_dpkg_sorts_them(one, other):
    less = subprocess.run(["dpkg", "--compare-versions", one, "lt", other], check=False).returncode == 0
    assert (debian_version.key(one) < debian_version.key(other)) == less


@needs_apt
def test_an_architecture_that_a_package_is_not_built_for_is_named(resolve, archive):
    error = refusal(resolve, "tool:i386", main=[stanza("tool")])
    assert str(error) == "build.system_packages: `bookworm` has no packages for the architecture `i386`"


@needs_apt
def test_of_a_base_known_by_the_catalogue_alone_the_lists_say_what_its_packages_stand_for(resolve):
    """The catalogue has names and versions; that `mawk` is an `awk`, and what `old` excludes, the lists know."""
    bare = "Package: {}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {}\n"
    unconfirmed = BaseImage(
        reference=BASE.reference, digest=BASE.digest, reason="", distribution=BASE.distribution,
        source="catalogue", unconfirmed=("packages",),
    )  # fmt: skip
    main = [
        stanza("mawk", Provides="awk", Pre_Depends="libc6 (>= 1)"),
        stanza("gawk", Provides="awk"),
        stanza("tool", Depends="awk"),
        stanza("libc6"),
        stanza("old", "2.0", Depends="nowhere", Provides="olden"),
        stanza("wants", Depends="olden"),
    ]
    status = (bare.format("mawk", "1.0"), bare.format("libc6", "1.0"), bare.format("old", "1.0"))
    assert told(resolve("tool", "wants", main=main, status=status, base=unconfirmed)) == [
        "tool 1.0 <- declared",
        "wants 1.0 <- declared",
    ]


@needs_apt
def test_of_a_base_known_by_the_catalogue_alone_nothing_comes_that_it_has_already(resolve):
    """apt would take the same version for another one if it read less of it, and move it with its source."""
    bare = "Package: {}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0\n"
    unconfirmed = replace(BASE, source="catalogue", unconfirmed=("packages",))
    of = {"Source": "src (1.0)", "Installed_Size": "541"}
    main = [
        stanza("tool", Depends="part"),
        stanza("part", **of),
        stanza("lib", Multi_Arch="same", **of),
        stanza("libc6", Installed_Size="9"),
    ]
    status = (bare.format("lib"), bare.format("libc6"))
    assert told(resolve("tool", main=main, status=status, base=unconfirmed)) == [
        "tool 1.0 <- declared",
        "part 1.0 <- tool",
    ]


@needs_apt
def test_ubuntus_components_are_read_from_its_own_mirror_with_its_own_keys(archive, keys, tmp_path):
    """A package of universe, from an update that Ubuntu gives to a tenth of the machines first."""
    archive.archive.suites, archive.archive.component = UBUNTU_SUITES, "universe"
    tool = stanza("tool", "2.0", Phased_Update_Percentage="10")
    archive.archive.packages = {"jammy": [stanza("tool")], "jammy-updates": [tool]}
    settings = Settings(cache=tmp_path / "cache", ubuntu_snapshot=archive.url)
    arguments = {
        "base": replace(BASE, distribution="ubuntu:22.04"), "status": LIBC, "platform": "linux/amd64",
        "snapshot": SNAPSHOT, "settings": settings, "report": Silent(),
    }  # fmt: skip
    with pytest.raises(FileNotFoundError):  # Debian's keys sign nothing of Ubuntu's
        apt.resolve_apt(["tool"], **arguments)
    (keys / "debian.asc").rename(keys / "ubuntu.asc")
    closure = apt.resolve_apt(["tool"], **arguments)
    assert told(closure) == ["tool 2.0 <- declared"]
    assert closure.suites[1].components == ("main", "restricted", "universe", "multiverse")
    assert apt.deb_artifacts(closure, settings)[0].urls[0].startswith(f"{archive.url}/ubuntu/{SNAPSHOT}/pool/")


@needs_apt
def test_files_are_fetched_from_the_dated_address_and_checked(resolve, archive):
    closure = resolve("tool", main=[stanza("tool", "1.0+b1", Depends="lib"), stanza("lib")])
    artifacts = apt.deb_artifacts(closure, archive.settings)
    assert [each.urls for each in artifacts] == [
        (f"{archive.url}/debian/{SNAPSHOT}/pool/main/t/tool/tool_1.0%2Bb1_amd64.deb",),
        (f"{archive.url}/debian/{SNAPSHOT}/pool/main/l/lib/lib_1.0_amd64.deb",),
    ]
    paths = fetch_all(artifacts, archive.settings, Silent())
    assert [path.read_bytes() for path in paths.values()] == [deb("tool 1.0+b1"), deb("lib 1.0")]


@needs_apt
def test_a_deb_with_one_changed_byte_is_refused(resolve, archive):
    closure = resolve("tool", main=[stanza("tool")])
    good = deb("tool 1.0")
    archive.archive.changed["pool/main/t/tool/tool_1.0_amd64.deb"] = good[:-1] + b"!"
    with pytest.raises(IntegrityError) as caught:
        fetch_all(apt.deb_artifacts(closure, archive.settings), archive.settings, Silent())
    assert str(caught.value).startswith(
        f"`tool_1.0_amd64.deb` from {archive.url}/debian/{SNAPSHOT}/pool/main/t/tool/tool_1.0_amd64.deb does"
        f" not match its hash: expected sha256 {closure.packages[0].sha256} ({len(good)} bytes), got "
    )


def test_a_deb_that_no_signed_list_has_is_refused(resolve, monkeypatch):
    """Whatever apt says is looked up again."""
    lie = solver.Download(archive="debian", path="pool/main/t/tool/tool_1.0_amd64.deb", size=1, sha256="0" * 64)
    monkeypatch.setattr(solver, "solve", lambda *_, **__: (lie,))
    error = refusal(resolve, "tool", main=[stanza("tool")], error=IntegrityError)
    assert str(error) == (
        f"apt-get wants `pool/main/t/tool/tool_1.0_amd64.deb` with the sha256 {'0' * 64},"
        " which is in no signed package list"
    )


def test_without_apt_and_docker_the_tool_is_named(resolve, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(solver, "_own_version", lambda: None)
    error = refusal(resolve, "tool", main=[stanza("tool")], error=ToolMissing)
    assert str(error) == (
        "build.system_packages: system packages are resolved by `apt-get`, which is not on this machine"
    )
    assert error.hint == "lock on Debian or Ubuntu, or install docker: then the base image's own is used"


@needs_apt
def test_the_same_question_has_the_same_answer(resolve):
    main = [stanza("tool", Depends="lb, la, lc"), stanza("la"), stanza("lb"), stanza("lc", Depends="la")]
    one, other = resolve("tool", "la", main=main), resolve("la", "tool", main=main[::-1])
    assert one.packages == other.packages


def test_the_default_date_is_the_archives(archive):
    now = datetime(2026, 9, 1, 7, tzinfo=UTC)
    assert archive_module.default_snapshot("debian:bookworm", archive.settings, now) == SNAPSHOT
