"""Resolving, on a local index with really built wheels."""

import re

import pytest

from cogfreeze.errors import IntegrityError, NetworkError, ProjectError, ProjectErrors, ResolveError, UsageError
from cogfreeze.project.model import Build
from cogfreeze.project.python import RequirementsFile, split_options
from cogfreeze.report import Silent
from cogfreeze.resolve.fetch import download
from cogfreeze.resolve.python import closure, locate
from cogfreeze.settings import Settings
from tests.unit.resolve.index_server import record_digest, sha256, wheel

ZEROS = "0" * 64


class Heard(Silent):
    """A Report that remembers."""

    def __init__(self):
        self.notes = []
        self.warnings = []

    def note(self, message):
        self.notes.append(message)

    def warn(self, message, *, hint=None):
        self.warnings.append((message, hint))


@pytest.fixture
def lock(tmp_path, settings):
    """Resolve packages or a requirements file's lines, as a project in an empty folder would."""
    folder = tmp_path / "project"
    folder.mkdir()

    def resolve(
        *packages,
        lines=(),
        platform="linux/amd64",
        glibc=(2, 36),
        previous=(),
        upgrade=closure.NO_UPGRADE,
        version="3.11",
        report=None,
        settings=settings,
        **keys,
    ):
        files = ()
        if lines:
            (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in lines))
            files = (RequirementsFile(path="requirements.txt", lines=tuple(lines)),)
        build = Build(python_version=version, python_packages=packages, python_requirements=files, **keys)
        return closure.resolve_python(
            build, folder, platform, glibc=glibc, previous=closure.Packages(wheels=previous), upgrade=upgrade,
            settings=settings, report=report or Silent(),
        ).wheels  # fmt: skip

    resolve.folder = folder
    return resolve


def versions(wheels):
    return {each.name: each.version for each in wheels}


def test_a_lock_has_each_wheel_by_name_hash_and_size_and_says_who_asked(index, lock):
    app = index.add("simple", "app-1.0-py3-none-any.whl", requires=["lib>=2", 'extra-lib; extra == "more"'])
    lib = index.add("simple", "lib-2.1-cp311-cp311-manylinux_2_28_x86_64.whl")
    extra = index.add("simple", "extra_lib-0.1-py3-none-any.whl", requires=["lib"])
    wheels = lock("app[more]")
    assert [(each.name, each.version, each.file, each.sha256, each.size, each.index) for each in wheels] == [
        ("app", "1.0", "app-1.0-py3-none-any.whl", sha256(app), len(app), "pypi"),
        ("extra-lib", "0.1", "extra_lib-0.1-py3-none-any.whl", sha256(extra), len(extra), "pypi"),
        ("lib", "2.1", "lib-2.1-cp311-cp311-manylinux_2_28_x86_64.whl", sha256(lib), len(lib), "pypi"),
    ]
    assert [each.required_by for each in wheels] == [(), ("app",), ("app", "extra-lib")]
    assert [each.extras for each in wheels] == [("more",), (), ()]
    assert [each.requires for each in wheels] == [("extra-lib", "lib>=2"), ("lib",), ()]


def test_a_lock_records_what_a_wheel_requires_here_without_markers(index, lock):
    """What another platform, another Python or an extra that nobody asks for requires is left out."""
    index.add(
        "simple",
        "app-1.0-py3-none-any.whl",
        requires=[
            'Lib_B[Fast] (>=2,<3) ; sys_platform == "linux"',
            'lib-w; sys_platform == "win32"',
            'lib-o; python_version < "3.9"',
            'lib-x; extra == "x"',
            "cog>=0.9",
        ],
        python=">=3.8,  !=3.9.0",
    )
    index.add("simple", "lib_b-2.1-py3-none-any.whl", extras=["fast"])
    app, lib = lock("app")
    assert (app.requires, app.requires_python) == (("lib-b[fast]<3,>=2",), "!=3.9.0,>=3.8")
    assert (lib.extras, lib.requires, lib.requires_python) == (("fast",), (), None)


def test_a_lock_records_which_packages_install_different_content_into_one_file(index, lock):
    index.add("simple", "cv-1.0-py3-none-any.whl", files={"cv2/a.py": b"1", "cv2/b.py": b""})
    index.add("simple", "cv_headless-1.0-py3-none-any.whl", files={"cv2/a.py": b"2", "cv2/b.py": b""})
    index.add("simple", "other-1.0-py3-none-any.whl", files={"cv2/b.py": b""})
    wheels = lock("cv", "cv-headless", "other")
    assert {each.name: each.same_files for each in wheels} == {
        "cv": ("cv-headless",), "cv-headless": ("cv",), "other": (),
    }  # fmt: skip


def test_no_wheel_is_fetched_whole_from_an_index_that_serves_parts(index, lock):
    big = {"app/data.bin": bytes(range(256)) * 4000}
    index.add("simple", "app-1.0-py3-none-any.whl", files=big)
    index.wheels["simple"]["app-1.0-py3-none-any.whl"] = data = _stored(big)
    (made,) = lock("app")
    assert made.size == len(data) > 1_000_000
    ours = [line for line in index.requests if "files" in line and "bytes=" in line]
    assert ours
    assert sum(_length(line, len(data)) for line in ours) < 400_000


def _stored(files):
    """A wheel whose content is not compressed, so that it's as large as it looks."""
    import io
    import zipfile

    packed = io.BytesIO()
    source = zipfile.ZipFile(io.BytesIO(wheel("app-1.0-py3-none-any.whl", files=files)))
    with source, zipfile.ZipFile(packed, "w") as target:
        for each in source.infolist():
            target.writestr(zipfile.ZipInfo(each.filename), source.read(each))
    return packed.getvalue()


def _length(line, size):
    first, last = line.rpartition("bytes=")[2].split("-")
    return int(last) if not first else (int(last) if last else size - 1) - int(first) + 1


def test_an_index_that_serves_whole_files_only_is_locked_too(index, lock):
    index.ranges = False
    data = index.add("simple", "app-1.0-py3-none-any.whl", requires=["lib"])
    index.add("simple", "lib-1.0-py3-none-any.whl")
    wheels = lock("app")
    assert wheels[0].size == len(data)
    assert wheels[1].required_by == ("app",)


@pytest.mark.parametrize(
    ("platform", "glibc", "file"),
    [
        ("linux/amd64", (2, 36), "app-1.0-cp311-cp311-manylinux_2_34_x86_64.whl"),
        ("linux/amd64", (2, 31), "app-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"),
        ("linux/amd64", (2, 27), "app-1.0-cp39-abi3-manylinux2014_x86_64.whl"),
        ("linux/amd64", None, "app-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"),
        ("linux/arm64", (2, 36), "app-1.0-cp311-cp311-manylinux_2_28_aarch64.whl"),
    ],
)
def test_the_wheel_is_the_best_one_for_the_images_platform_and_c_library(index, lock, platform, glibc, file):
    for each in (
        "app-1.0-py3-none-any.whl",
        "app-1.0-cp39-abi3-manylinux2014_x86_64.whl",
        "app-1.0-cp311-cp311-manylinux_2_28_x86_64.whl",
        "app-1.0-cp311-cp311-manylinux_2_34_x86_64.whl",
        "app-1.0-cp311-cp311-musllinux_1_2_x86_64.whl",
        "app-1.0-cp312-cp312-manylinux_2_28_x86_64.whl",
        "app-1.0-cp311-cp311-manylinux_2_28_aarch64.whl",
        "app-1.0-cp311-cp311-win_amd64.whl",
    ):
        index.add("simple", each)
    assert [each.file for each in lock("app", platform=platform, glibc=glibc)] == [file]


def test_markers_are_about_the_image_not_the_machine(index, lock):
    index.add("simple", "old-1.0-py3-none-any.whl")
    index.add("simple", "arm-1.0-py3-none-any.whl")
    wanted = ['old; python_version < "3.9"', 'arm; platform_machine == "aarch64"']
    assert versions(lock(*wanted, version="3.8")) == {"old": "1.0"}
    assert versions(lock(*wanted, platform="linux/arm64")) == {"arm": "1.0"}
    assert lock(*wanted) == ()


def test_a_lock_moves_only_what_the_declaration_forces(index, lock):
    index.add("simple", "app-1.0-py3-none-any.whl", requires=["lib"])
    index.add("simple", "lib-1.0-py3-none-any.whl")
    index.add("simple", "other-1.0-py3-none-any.whl")
    before = lock("app", "other")
    for name in ("app", "lib", "other"):
        index.add("simple", f"{name}-2.0-py3-none-any.whl", requires=["lib"] if name == "app" else ())
    index.add("simple", "lib-1.0-cp311-cp311-manylinux_2_17_x86_64.whl")
    assert lock("app", "other", previous=before) == before
    assert versions(lock("app", "other>1", previous=before)) == {"app": "1.0", "lib": "1.0", "other": "2.0"}
    moved = lock("app", "other", previous=before, upgrade=closure.Upgrade(packages=(("lib", None),)))
    assert versions(moved) == {"app": "1.0", "lib": "2.0", "other": "1.0"}
    moved = lock("app", "other", previous=moved, upgrade=closure.Upgrade(packages=(("lib", "1.0"),)))
    assert versions(moved) == {"app": "1.0", "lib": "1.0", "other": "1.0"}
    moved = lock("app", "other", previous=before, upgrade=closure.Upgrade(all=True))
    assert versions(moved) == {"app": "2.0", "lib": "2.0", "other": "2.0"}


def test_an_upgrade_of_what_is_not_there_is_refused(index, lock):
    index.add("simple", "opencv_python-1.0-py3-none-any.whl")
    with pytest.raises(UsageError) as caught:
        lock("opencv-python", upgrade=closure.Upgrade(packages=(("opencv.pythn", None),)))
    assert str(caught.value) == "`opencv.pythn` is none of the locked packages, so it can't be upgraded"
    assert caught.value.hint == "did you mean `opencv-python`?"


def test_an_upgrade_to_a_version_that_cannot_be_is_refused(index, lock):
    index.add("simple", "app-1.0-py3-none-any.whl")
    with pytest.raises(ResolveError) as caught:
        lock("app", upgrade=closure.Upgrade(packages=(("app", "2.0"),)))
    assert str(caught.value) == "--upgrade-package app==2.0: there is no `app==2.0` on the package index"


def test_an_upgrade_does_not_pass_for_a_requirement(index, lock):
    """The package that cannot move is only required by another one."""
    index.add("simple", "app-1.0-py3-none-any.whl", requires=["part<2"])
    index.add("simple", "part-1.0-py3-none-any.whl")
    index.add("simple", "part-2.0-py3-none-any.whl")
    with pytest.raises(ResolveError) as caught:
        lock("app", upgrade=closure.Upgrade(packages=(("part", "2.0"),)))
    assert caught.value.where == "--upgrade-package part==2.0"
    assert "depend on part<2 and you ask for part==2.0" in str(caught.value)


def test_what_was_published_after_a_date_is_left_out_where_the_index_tells(index, lock):
    index.add("simple", "app-1.0-py3-none-any.whl")
    with pytest.raises(ResolveError) as caught:
        lock("app", upgrade=closure.Upgrade(exclude_newer="2001-01-01"))
    assert "app" in str(caught.value)


def test_what_the_machine_says_of_versions_does_not_reach_a_lock(index, lock, monkeypatch, tmp_path):
    index.add("simple", "app-1.0-py3-none-any.whl")
    index.add("simple", "app-2.0-py3-none-any.whl")
    (tmp_path / "constraints.txt").write_text("app<2\n")
    monkeypatch.setenv("UV_CONSTRAINT", str(tmp_path / "constraints.txt"))
    monkeypatch.setenv("UV_RESOLUTION", "lowest")
    monkeypatch.setenv("UV_EXCLUDE_NEWER", "2001-01-01")
    assert versions(lock("app")) == {"app": "2.0"}


def test_the_lines_of_a_requirements_file_keep_their_markers_constraints_and_dots(index, lock):
    index.add("simple", "zope.interface-6.0-py3-none-any.whl")
    index.add("simple", "zope.interface-7.0-py3-none-any.whl")
    index.add("simple", "app-1.0-py3-none-any.whl", requires=["lib"])
    index.add("simple", "lib-1.0-py3-none-any.whl")
    index.add("simple", "lib-2.0-py3-none-any.whl")
    (lock.folder / "constraints.txt").write_text("lib<2\n")
    build = Build(
        python_version="3.11",
        python_requirements=(
            RequirementsFile(
                path="requirements.txt",
                lines=("-r more.txt", "-c constraints.txt", "zope.interface==6.0", 'absent; python_version < "3"'),
            ),
            RequirementsFile(path="more.txt", lines=("app",)),
            RequirementsFile(path="constraints.txt", lines=("lib<2",)),
        ),
    )
    settings = Settings(cache=lock.folder.parent / "cache")
    made = closure.resolve_python(
        build, lock.folder, "linux/amd64", glibc=None, settings=settings, report=Silent()
    ).wheels
    assert versions(made) == {"app": "1.0", "lib": "1.0", "zope-interface": "6.0"}


def test_declared_hashes_bind_the_wheel_that_is_chosen(index, lock):
    general = index.add("simple", "app-1.0-py3-none-any.whl")
    index.add("simple", "app-1.0-cp311-cp311-manylinux_2_17_x86_64.whl")
    line = f"app==1.0 --hash=sha256:{ZEROS} --hash=sha256:{sha256(general)}"
    (made,) = lock(lines=[line])
    assert made.file == "app-1.0-py3-none-any.whl"
    with pytest.raises(IntegrityError) as caught:
        lock(lines=["# first", f"app==1.0 --hash=sha256:{ZEROS}"][1:])
    assert str(caught.value) == (
        "requirements.txt:1: none of the hashes declared for `app` 1.0 is that of a wheel for `linux/amd64`"
    )
    with pytest.raises(IntegrityError) as caught:
        lock(lines=["--require-hashes", "app==1.0"])
    assert str(caught.value) == (
        "requirements.txt:2: `app` 1.0 has no declared hash, and the requirements ask for one of every package"
    )


def test_wheels_of_the_projects_own_are_locked_and_named_local(index, lock):
    (lock.folder / "wheels").mkdir()
    found = wheel("found-1.0-py3-none-any.whl")
    (lock.folder / "wheels/found-1.0-py3-none-any.whl").write_bytes(found)
    named = wheel("named-1.0-py3-none-any.whl", requires=["found"])
    (lock.folder / "named-1.0-py3-none-any.whl").write_bytes(named)
    made = lock(lines=["--find-links wheels", "./named-1.0-py3-none-any.whl"])
    assert [(each.name, each.index, each.sha256, each.size) for each in made] == [
        ("named", "local", sha256(named), len(named)),
        ("found", "local", sha256(found), len(found)),
    ]


def test_a_wheel_declared_by_address_is_locked_by_hash(index, lock):
    data = index.add("elsewhere", "app-1.0-py3-none-any.whl")
    (made,) = lock(f"app @ {index.url}/files/elsewhere/app-1.0-py3-none-any.whl")
    assert (made.name, made.version, made.sha256, made.index) == ("app", "1.0", sha256(data), "url")
    with pytest.raises(IntegrityError):
        lock(f"app @ {index.url}/files/elsewhere/app-1.0-py3-none-any.whl#sha256={ZEROS}")


def test_each_wheel_has_the_name_of_its_index_never_its_address(index, lock, monkeypatch):
    index.add("simple", "app-1.0-py3-none-any.whl", requires=["private", "team"])
    index.add("private", "private-1.0-py3-none-any.whl")
    index.add("team", "team-1.0-py3-none-any.whl")
    address = index.url.removeprefix("http://")
    monkeypatch.setenv("UV_INDEX", f"team=http://me:secret@{address}/team/")
    monkeypatch.setenv("TOKEN", "secret")
    made = lock(lines=[f"--extra-index-url http://me:${{TOKEN}}@{address}/private/", "app"])
    assert {each.name: each.index for each in made} == {"app": "pypi", "private": "index-1", "team": "team"}
    assert "secret" not in repr(made)
    assert address not in repr(made)


@pytest.mark.parametrize("way", ["default", "extra", "file", "extra in the file"])
def test_any_index_without_hashes_is_hashed_here_and_marked(index, lock, monkeypatch, way):
    plain = index.add("private", "app-1.0-py3-none-any.whl", requires=["lib"])
    index.add("private", "lib-1.0-py3-none-any.whl")
    index.hashes = False
    private, lines = f"{index.url}/private", []
    monkeypatch.delenv("UV_DEFAULT_INDEX")
    if way == "default":
        monkeypatch.setenv("UV_DEFAULT_INDEX", private)
    elif way == "extra":
        monkeypatch.setenv("UV_INDEX", private)
    else:
        lines = [f"--index-url {private}" if way == "file" else f"--extra-index-url {private}"]
    made = {each.name: each for each in lock("app", lines=lines)}
    assert made["app"].sha256 == sha256(plain)
    assert {each.hash_origin for each in made.values()} == {"computed"}
    # It stays so, whatever the index gives by now.
    index.hashes = True
    again = {each.name: each for each in lock("app", lines=lines, previous=tuple(made.values()))}
    assert again == made


@pytest.mark.parametrize("pages", ["HTML", "JSON"])
def test_an_index_that_gives_hashes_is_asked_for_them_once(index, lock, pages):
    index.add("simple", "app-1.0-py3-none-any.whl")
    if pages == "JSON":
        index.dates = {"app-1.0-py3-none-any.whl": "2026-01-01T00:00:00Z"}
    assert [each.hash_origin for each in lock("app")] == ["index"]
    once = index.requests.count("GET /simple/app/")
    assert [each.hash_origin for each in lock("app")] == ["index"]
    # By uv alone, which keeps no page of an index that doesn't say for how long.
    assert index.requests.count("GET /simple/app/") == once + (once - 1)


def test_the_image_provides_cog_so_a_requirement_on_it_is_left_out_and_told(index, lock):
    index.add("simple", "app-1.0-py3-none-any.whl", requires=["cog>=0.9"])
    index.add("simple", "cog-0.9-py3-none-any.whl")
    heard = Heard()
    assert versions(lock("app", "cog==0.9", report=heard)) == {"app": "1.0"}
    assert heard.notes == ["build.python_packages: `cog==0.9` is left out, because the image provides it"]


def test_what_uv_warns_of_is_told(index, lock):
    index.add("simple", "app-1.0-py3-none-any.whl")
    heard = Heard()
    lock("app[nosuch]", report=heard)
    assert heard.warnings == [("The package `app==1.0` does not have an extra named `nosuch`", None)]


@pytest.mark.parametrize(
    ("packages", "kind", "message", "hint"),
    [
        (
            ["absent"],
            ResolveError,
            "build.python_packages: there is no package `absent` on the package index",
            "check the spelling; a private package needs its index: `UV_INDEX` or a requirements file",
        ),
        (
            ["app==9"],
            ResolveError,
            "build.python_packages: there is no `app==9` on the package index",
            "`app==1.0` is the newest for Python 3.11",
        ),
        (
            ["app", "app<1"],
            ResolveError,
            (
                "build.python_packages: the requirements can't be met: only app==1.0 is available and you require"
                " app<1"
            ),
            "`app==1.0` is the newest for Python 3.11",
        ),
        (
            ["windows"],
            ResolveError,
            "build.python_packages: `windows` has no wheel for Python 3.11 on `linux/amd64`",
            (
                "Wheels are available for `windows` (v1.0) on the following platform: `win_amd64`; choose a"
                " version that has one: it has no source either"
            ),
        ),
        (
            ["app", "needs-two"],
            ResolveError,
            (
                "build.python_packages: the requirements can't be met: Because only app==1.0 is available and"
                " all versions of"
                " needs-two depend on app>=2, we can conclude that all versions of needs-two cannot be used. And"
                " because you require needs-two, we can conclude that your requirements are unsatisfiable"
            ),
            None,
        ),
        (
            ["app=1.0"],
            ProjectError,
            (
                'build.python_packages: `app=1.0` is not a valid requirement: no such comparison operator "=",'
                " must be one of"
                " ~= == != <= >= < > ==="
            ),
            None,
        ),
    ],
)
def test_a_requirement_that_cannot_be_met_is_told_with_its_place(index, lock, packages, kind, message, hint):
    index.add("simple", "app-1.0-py3-none-any.whl")
    index.add("simple", "windows-1.0-cp311-cp311-win_amd64.whl")
    index.add("simple", "needs_two-1.0-py3-none-any.whl", requires=["app>=2"])
    with pytest.raises(kind) as caught:
        lock(*packages)
    assert str(caught.value) == message
    assert caught.value.hint == hint


def test_a_long_explanation_begins_with_its_end(index, lock):
    for number in range(40):
        index.add(
            "simple", f"needs_new-{number}.0-py3-none-any.whl", requires=[f"app>={number + 2},<{number + 3}"]
        )
        index.add("simple", f"app-{number}.0-py3-none-any.whl", requires=[f"needs-new!={number}"])
    with pytest.raises(ResolveError) as caught:
        lock("app==1.0", "needs-new")
    first, _, rest = str(caught.value).partition("\n")
    conclusion = r"build\.python_packages: the requirements can't be met: .{9,300} you require app==1\.0\b.{0,60}"
    assert re.fullmatch(rf"{conclusion}\. All of uv's reasons:", first)
    assert len(rest) > 1500


def test_the_line_of_a_requirements_file_is_named(index, lock):
    with pytest.raises(ResolveError) as caught:
        lock(lines=["--pre", "absent==1.0"])
    assert str(caught.value) == "requirements.txt:2: there is no package `absent` on the package index"


def test_all_that_is_source_is_refused_at_once(index, lock):
    with pytest.raises(ProjectErrors) as caught:
        lock(
            lines=[
                "git+https://me:secret@example.org/x.git#subdirectory=y",
                "-e ./lib",
                "app @ https://example.org/app-1.0.tar.gz",
                "./missing-1.0-py3-none-any.whl",
                "--no-binary :all:",
            ],
            sources="refuse",
        )
    refused = "`build.sources: refuse` allows none"
    assert [str(error) for error in caught.value.errors] == [
        "requirements.txt:1: `git+https://…@example.org/x.git#subdirectory=y` is built from source, and "
        + refused,
        "requirements.txt:2: `-e ./lib` is built from source, and " + refused,
        "requirements.txt:3: `app @ https://example.org/app-1.0.tar.gz` is built from source, and " + refused,
        "requirements.txt:4: there is no file `./missing-1.0-py3-none-any.whl`",
        "requirements.txt:5: `--no-binary :all:` asks for a build from source, which is not allowed",
    ]


def test_an_index_that_does_not_answer_is_a_network_error_without_credentials(index, lock, monkeypatch):
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://me:secret@127.0.0.1:9/simple")
    with pytest.raises(NetworkError) as caught:
        lock("app")
    assert str(caught.value) == (
        "the package index can't be reached (http://127.0.0.1:9/simple/app/): Connection refused (os error 111)"
    )
    assert caught.value.hint == "check the network; a mirror is named by `UV_DEFAULT_INDEX`"


def test_an_index_that_wants_credentials_says_so(index, lock, monkeypatch):
    index.add("simple", "app-1.0-py3-none-any.whl")
    index.credentials = "me:secret"
    with pytest.raises(NetworkError) as caught:
        lock("app")
    assert str(caught.value) == (
        f"the package index refuses to answer: An index URL ({index.url}/simple) could not be queried"
        " due to a lack"
        " of valid authentication credentials (401 Unauthorized)"
    )
    assert caught.value.hint == (
        "give it credentials: netrc, `UV_INDEX_<NAME>_USERNAME` and `…_PASSWORD`, or a keyring"
    )


def test_a_record_digest_is_what_the_format_says():
    assert record_digest(b"") == "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"


@pytest.mark.parametrize("way", ["address", "variables", "requirements", "netrc", "keyring"])
def test_a_private_index_is_read_with_credentials_that_reach_no_lock(index, lock, monkeypatch, tmp_path, way):
    index.add("simple", "app-1.0-py3-none-any.whl", requires=["lib"])
    index.add("simple", "lib-1.0-py3-none-any.whl")
    index.credentials = "me:s3cret!"
    bare = f"{index.url}/simple"
    written = bare.replace("//", "//me:s3cret%21@")
    lines = ["app"]
    if way == "address":
        monkeypatch.setenv("UV_DEFAULT_INDEX", written)
    elif way == "variables":
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"my-team={bare}")
        monkeypatch.setenv("UV_INDEX_MY_TEAM_USERNAME", "me")
        monkeypatch.setenv("UV_INDEX_MY_TEAM_PASSWORD", "s3cret!")
    elif way == "requirements":
        monkeypatch.setenv("TOKEN", "s3cret%21")
        lines = [f"--index-url {bare.replace('//', '//me:${TOKEN}@')}", "app"]
    elif way == "netrc":
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password s3cret!\n")
        (tmp_path / "netrc").chmod(0o600)
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    else:
        (tmp_path / "keyring").write_text("#!/bin/sh\necho 's3cret!'\n")
        (tmp_path / "keyring").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        monkeypatch.setenv("UV_KEYRING_PROVIDER", "subprocess")
        monkeypatch.setenv("UV_DEFAULT_INDEX", bare.replace("//", "//me@"))
    made = lock(lines=lines)
    assert versions(made) == {"app": "1.0", "lib": "1.0"}
    assert "s3cret" not in repr(made)
    build = Build(
        python_version="3.11", python_requirements=(RequirementsFile(path="requirements.txt", lines=tuple(lines)),)
    )
    settings = Settings(cache=tmp_path / "another-cache")
    found = locate.locate_wheels(
        made, python="3.11", platform="linux/amd64", folder=lock.folder, settings=settings, build=build
    )
    assert download.fetch_all(found, settings, Silent()).keys() == {each.sha256 for each in made}


def test_all_requirements_at_fault_are_told_at_once_each_with_one_that_can_be_met(index, lock):
    for version in ("1.0", "1.1"):
        index.add("simple", f"app-{version}-py3-none-any.whl")
    index.add("simple", "windows-2.0-cp311-cp311-win_amd64.whl")
    index.add("simple", "windows-1.0-py3-none-any.whl")
    index.add("simple", "fine-1.0-py3-none-any.whl")
    with pytest.raises(ResolveError) as caught:
        lock(lines=["app==9", "fine", "nowhere", "windows==2.0"])
    first, *faults = str(caught.value).splitlines()
    assert first == "3 requirements can't be met:"
    assert faults[0] == (
        "  requirements.txt:1: there is no `app==9` on the package index"
        " (`app==1.1` is the newest for Python 3.11)"
    )
    assert faults[1].startswith("  requirements.txt:3: there is no package `nowhere` on the package index (")
    assert faults[2] == (
        "  requirements.txt:4: `windows==2.0` has no wheel for Python 3.11 on `linux/amd64`"
        " (`windows==1.0` is the newest for Python 3.11)"
    )


def test_the_width_of_the_terminal_breaks_no_explanation(index, lock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    with pytest.raises(ResolveError) as caught:
        lock("absent")
    assert str(caught.value) == "build.python_packages: there is no package `absent` on the package index"


@pytest.mark.parametrize(
    "entry",
    [
        "app==1.0 --extra-index-url={url}/other",
        "app==1.0 --extra-index-url {url}/other/",
        "--extra-index-url {url}/other app==1.0",
        "--index-url {url}/other --pre app==1.0",
    ],
)
def test_options_beside_a_package_are_those_of_a_requirements_file(index, lock, entry):
    """Cog hands each entry to pip as it is, so projects write them there."""
    index.add("other", "app-1.0-py3-none-any.whl")
    requirement, options = split_options(entry.format(url=index.url))
    assert requirement == "app==1.0"
    assert versions(lock(requirement, *options)) == {"app": "1.0"}
