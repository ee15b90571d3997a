"""Packages that may be built from source: sdists, repositories and folders, each locked as one archive."""

import gzip
import hashlib
import io
import os
import subprocess
import tarfile
import zipfile

import pytest

from cogfreeze.errors import CogError, IntegrityError, NetworkError, ProjectErrors, ResolveError
from cogfreeze.lock.model import Source
from cogfreeze.project.model import Build
from cogfreeze.project.python import RequirementsFile
from cogfreeze.report import Silent
from cogfreeze.resolve.fetch import download
from cogfreeze.resolve.python import closure, source_builds
from cogfreeze.resolve.requirements.source_lines import with_name
from tests.unit.resolve.index_server import sha256

# A build system of one file, which the local index has: it says what it would say, and is never asked to build.
BACKEND = b"""
from pathlib import Path


def prepare_metadata_for_build_wheel(folder, config_settings=None):
    information = Path(folder, "app-1.0.dist-info")
    information.mkdir()
    text = Path("PKG-INFO").read_text()
    (information / "METADATA").write_text(text)
    return information.name


def build_wheel(*_arguments):
    raise SystemExit("built while it was only to be locked")
"""
PYPROJECT = (
    '[project]\nname = "app"\nversion = "1.0"\ndependencies = ["lib"]\n'
    '[build-system]\nrequires = ["backend==1.0"]\nbuild-backend = "backend"\n'
)
FILES = {
    "pyproject.toml": PYPROJECT,
    "PKG-INFO": "Metadata-Version: 2.1\nName: app\nVersion: 1.0\nRequires-Dist: lib\n",
    "app.py": "",
}


def sdist(files=FILES, top="app-1.0"):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"{top}/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return gzip.compress(packed.getvalue(), mtime=0)


@pytest.fixture
def offered(index):
    """An index with the build system, what the package requires, and the package as source."""
    index.add("simple", "backend-1.0-py3-none-any.whl", files={"backend.py": BACKEND}, requires=["tool"])
    index.add("simple", "tool-1.0-py3-none-any.whl")
    index.add("simple", "lib-1.0-py3-none-any.whl")
    index.wheels["simple"]["app-1.0.tar.gz"] = sdist()
    return index


@pytest.fixture
def lock(tmp_path, settings):
    folder = tmp_path / "project"
    folder.mkdir()

    def resolve(*packages, lines=(), allow=None, previous=closure.NO_PACKAGES, report=None, **more):
        files = (RequirementsFile(path="requirements.txt", lines=tuple(lines)),) if lines else ()
        keys = {} if allow is None else {"sources": "declared", "allow_sdist": tuple(allow)}
        build = Build(python_version="3.11", python_packages=packages, python_requirements=files, **keys)
        return closure.resolve_python(
            build,
            folder,
            "linux/amd64",
            glibc=(2, 36),
            settings=settings,
            report=report or Silent(),
            previous=previous,
            **more,
        )

    resolve.folder = folder
    return resolve


def write(folder, files=FILES):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def git(folder, *arguments):
    settings = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always"]
    done = subprocess.run(
        ["git", *settings, "-C", str(folder), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def names(packages):
    return [each.name for each in packages]


def test_an_sdist_is_locked_with_what_builds_it(offered, lock, settings):
    made = lock("app")
    data = offered.wheels["simple"]["app-1.0.tar.gz"]
    assert made.sources == (
        Source(
            name="app", version="1.0", kind="sdist", file="app-1.0.tar.gz", sha256=sha256(data), size=len(data),
            index="pypi", requires=("lib",), build_requires=("backend==1.0",),
        ),
    )  # fmt: skip
    assert [(each.name, each.required_by) for each in made.wheels] == [("lib", ("app",))]
    assert [(each.name, each.required_by) for each in made.build] == [("backend", ()), ("tool", ("backend",))]
    assert lock("app", previous=made) == made


def test_a_source_that_another_package_asks_for_says_so(offered, lock):
    offered.add("simple", "top-1.0-py3-none-any.whl", requires=["app"])
    made = lock("top")
    assert [(each.name, each.required_by) for each in made.sources] == [("app", ("top",))]
    assert [(each.name, each.required_by) for each in made.wheels] == [("top", ()), ("lib", ("app",))]


def test_a_wheel_comes_before_source_even_where_it_is_allowed(offered, lock):
    offered.add("simple", "app-1.0-py3-none-any.whl")
    made = lock("app")
    assert (names(made.wheels), made.sources, made.build) == (["app"], (), ())


def test_what_is_locked_as_source_keeps_its_version(offered, lock):
    before = lock("app")
    offered.wheels["simple"]["app-2.0.tar.gz"] = sdist(
        {**FILES, "PKG-INFO": FILES["PKG-INFO"].replace("1.0", "2.0")}, "app-2.0"
    )
    assert lock("app", previous=before) == before


def test_source_that_is_not_allowed_is_refused(offered, lock):
    with pytest.raises(ResolveError) as caught:
        lock("app", allow=())
    assert str(caught.value) == "build.python_packages: `app` has no wheel for Python 3.11 on `linux/amd64`"
    assert caught.value.hint == (
        "choose a version that has one, or allow builds from source: `build.sources: allow`"
    )


def test_what_is_declared_may_be_source_where_that_is_restricted(offered, lock):
    assert names(lock("app", allow=["app"]).sources) == ["app"]
    assert lock("app", allow=["app"]) == lock("app")
    offered.add("simple", "app-0.9-py3-none-any.whl")
    assert [each.version for each in lock("app", allow=["app"]).wheels] == ["0.9"]


class Heard(Silent):
    """A Report that remembers its notes."""

    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


def test_no_version_is_passed_over_for_want_of_a_wheel_and_the_source_is_told(offered, lock):
    """uv with wheels alone falls back to an old version, or to a prerelease, without a word."""
    offered.add("simple", "app-0.9-py3-none-any.whl")
    offered.add("simple", "app-1.1rc1-py3-none-any.whl")
    report = Heard()
    made = lock("app", report=report)
    assert [(each.name, each.version) for each in made.sources] == [("app", "1.0")]
    (note,) = report.notes
    assert note.startswith("`app` 1.0 is locked from source, and built with the image: no wheel for Python 3.11")
    again = Heard()
    lock("app", previous=made, report=again)
    assert again.notes == []


def test_a_wheel_for_other_machines_alone_is_no_reason_to_stay_without_the_version(offered, lock):
    offered.add("simple", "app-1.0-cp311-cp311-win_amd64.whl")
    assert names(lock("app").sources) == ["app"]


def test_declared_hashes_bind_source_too(offered, lock):
    good = sha256(offered.wheels["simple"]["app-1.0.tar.gz"])
    assert names(lock(lines=[f"app==1.0 --hash=sha256:{good}"]).sources) == ["app"]
    with pytest.raises(IntegrityError) as caught:
        lock(lines=[f"app==1.0 --hash=sha256:{'0' * 64}"])
    assert str(caught.value) == (
        "requirements.txt: none of the hashes declared for `app` 1.0 is that of its source, `app-1.0.tar.gz`"
    )


def test_no_binary_takes_source_in_place_of_a_wheel(offered, lock):
    offered.add("simple", "app-1.0-py3-none-any.whl")
    assert names(lock(lines=["--no-binary app", "app"]).sources) == ["app"]
    with pytest.raises(ProjectErrors) as caught:
        lock(lines=["--no-binary lib", "app"], allow=["app"])
    (error,) = caught.value.errors
    assert str(error) == "requirements.txt: `--no-binary lib` asks for a build from source, which is not allowed"


def test_a_commit_is_locked_as_one_archive(offered, lock, settings, tmp_path):
    repository = tmp_path / "repository"
    write(repository / "python")
    git(tmp_path, "init", "--quiet", "repository")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", "first")
    commit = git(repository, "rev-parse", "HEAD")
    line = f"app @ git+{repository.as_uri()}@{commit[:10]}#subdirectory=python"
    made = lock(line)
    (source,) = made.sources
    assert (source.kind, source.version, source.url, source.commit, source.path, source.index, source.file) == (
        "git", "1.0", repository.as_uri(), commit, "python", "url", "app-1.0.zip"
    )  # fmt: skip
    # The same again, for a build on a machine that has never seen it.
    kept = download.cached_path(settings, source.sha256, source.file)
    kept.unlink()
    assert source_builds.fetch_source(source, None, lock.folder, settings, Silent()) == kept
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == source.sha256
    with zipfile.ZipFile(kept) as archive:
        assert archive.namelist() == [f"app-1.0/{name}" for name in sorted(FILES)]
    with pytest.raises(ProjectErrors) as caught:
        lock(line, allow=())
    (error,) = caught.value.errors
    assert error.hint.startswith("add it: `allow_sdist: [app]`; or build a wheel and name that")


def test_a_folder_is_locked_as_one_archive_and_a_changed_one_is_refused(offered, lock, settings):
    write(lock.folder / "libs/app")
    made = lock("app @ ./libs/app")
    (source,) = made.sources
    assert (source.kind, source.version, source.path, source.index) == ("local", "1.0", "libs/app", "local")
    (lock.folder / "libs/app/__pycache__").mkdir()
    (lock.folder / "libs/app/__pycache__/app.pyc").write_text("")
    os.utime(lock.folder / "libs/app/app.py", (1, 1))
    assert lock("app @ ./libs/app", previous=made) == made
    (lock.folder / "libs/app/app.py").write_text("changed = True\n")
    download.cached_path(settings, source.sha256, source.file).unlink()
    with pytest.raises(IntegrityError) as caught:
        source_builds.fetch_source(source, None, lock.folder, settings, Silent())
    assert str(caught.value) == "the folder `libs/app` of `app` is not what was locked"
    assert lock("app @ ./libs/app", previous=made).sources[0].sha256 != source.sha256


@pytest.mark.parametrize("line", ["-e ./libs/app", "-e file:libs/app", "./libs/app", "./libs/app[fast]"])
def test_a_folder_without_its_name_has_the_one_that_it_says(offered, lock, line):
    write(lock.folder / "libs/app")
    extras = "[fast]" if "[fast]" in line else ""
    assert lock(lines=[line]).sources == lock(f"app{extras} @ ./libs/app").sources
    with pytest.raises(ProjectErrors) as caught:
        lock(lines=[line], allow=())
    (error,) = caught.value.errors
    told = f"requirements.txt: `{line}` is built from source, and `build.allow_sdist` does not name `app`"
    assert str(error) == told
    assert error.hint.startswith("add it: `allow_sdist: [app]`; or build")


@pytest.mark.parametrize("text", [None, "[project]\nversion = '1'\n", "[project]\nname = 1\n", "project = 1", "["])
def test_a_folder_that_is_no_project_is_refused_in_words(offered, lock, text):
    (lock.folder / "libs/app").mkdir(parents=True)
    if text is not None:
        (lock.folder / "libs/app/pyproject.toml").write_text(text)
    with pytest.raises(CogError) as caught:
        lock(lines=["-e ./libs/app"])
    if text is None:
        told = "requirements.txt: `./libs/app` has neither a `pyproject.toml` nor a `setup.py`"
        assert str(caught.value) == told
    with pytest.raises(ProjectErrors) as caught:
        lock(lines=["-e ./libs/app"], allow=())
    (error,) = caught.value.errors
    assert str(error) == (
        "requirements.txt: `-e ./libs/app` is built from source, and `build.allow_sdist` does not name it"
    )


# A build system that computes name and version, as setup.py does.
COMPUTED = (
    BACKEND
    + b"""

def build_sdist(folder, config_settings=None):
    import io, tarfile
    data = Path("PKG-INFO").read_bytes()
    with tarfile.open(Path(folder, "app-1.0.tar.gz"), "w:gz") as archive:
        member = tarfile.TarInfo("app-1.0/PKG-INFO")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return "app-1.0.tar.gz"
"""
)
DYNAMIC = '[build-system]\nrequires = ["computed"]\nbuild-backend = "computed"\n'


@pytest.fixture
def computed(offered):
    offered.add("simple", "computed-1.0-py3-none-any.whl", files={"computed.py": COMPUTED})
    return offered


def test_a_folder_has_the_name_and_version_that_its_build_computes(computed, lock):
    write(lock.folder / "libs/app", {**FILES, "pyproject.toml": DYNAMIC})
    for line in ("-e ./libs/app", "app @ ./libs/app", "./libs/app"):
        (source,) = lock(lines=[line]).sources
        assert (source.name, source.version, source.path, source.requires) == ("app", "1.0", "libs/app", ("lib",))
    assert sorted(path.name for path in (lock.folder / "libs/app").iterdir()) == sorted(FILES)


def test_a_repository_without_its_name_has_the_one_of_its_metadata(computed, lock, tmp_path):
    repository = tmp_path / "repository"
    write(repository / "python", {**FILES, "pyproject.toml": DYNAMIC})
    git(tmp_path, "init", "--quiet", "repository")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", "first")
    (source,) = lock(lines=[f"git+{repository.as_uri()}#subdirectory=python"]).sources
    assert (source.name, source.version, source.kind, source.path) == ("app", "1.0", "git", "python")


def test_a_version_that_cannot_be_computed_is_told_with_the_reason(computed, lock):
    write(lock.folder / "libs/app", {**FILES, "pyproject.toml": DYNAMIC})
    (lock.folder / "libs/app/PKG-INFO").unlink()
    with pytest.raises(ResolveError) as caught:
        lock("app @ ./libs/app")
    assert "PKG-INFO" in str(caught.value)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("git+https://h/r@main#egg=app", "app @ git+https://h/r@main"),
        ("git+https://h/r#egg=app[fast]&subdirectory=a/b", "app[fast] @ git+https://h/r#subdirectory=a/b"),
        ("git+https://h/r#subdirectory=a&egg=app ; os_name == 'nt'",
         "app @ git+https://h/r#subdirectory=a ; os_name == 'nt'"),
        ("git+https://h/r", None),
    ],
)  # fmt: skip
def test_an_egg_names_a_repository(tmp_path, line, named):
    assert with_name(line, tmp_path) == named


def test_an_editable_repository_is_locked_by_its_commit(offered, lock, tmp_path):
    repository = tmp_path / "repository"
    write(repository / "below")
    git(repository, "init", "--quiet")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", "one")
    made = lock(lines=[f"-e git+file://{repository}#egg=app&subdirectory=below"])
    assert [(each.name, each.kind, each.path) for each in made.sources] == [("app", "git", "below")]
    assert made.sources[0].commit == git(repository, "rev-parse", "HEAD")


@pytest.mark.parametrize(
    "line",
    [
        "app @ https://host.example/app-1.0.tar.gz#subdirectory=below",
        "app @ ./libs/app#subdirectory=below",
        "./libs/app.zip#egg=app&subdirectory=below",
    ],
)
def test_a_part_of_what_is_no_repository_is_refused(offered, lock, line):
    """uv builds the whole of it in its place."""
    with pytest.raises(ProjectErrors) as caught:
        lock(lines=[line])
    (error,) = caught.value.errors
    assert str(error) == (f"requirements.txt: `{line}` is a part of an archive or folder, which cannot be locked")
    assert "`NAME @ git+https://…@REVISION#subdirectory=…`" in error.hint


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("app @ ./nowhere", "there is no folder `./nowhere`"),
        ("app[fast] @ ./nowhere/app-1.0.tar.gz", "there is no file `./nowhere/app-1.0.tar.gz`"),
        ("--find-links ./nowhere", "there is no folder `./nowhere`"),
        ("--find-links nowhere", "there is no folder `./nowhere`"),
    ],
)
def test_a_path_that_leads_nowhere_is_named_with_its_line(offered, lock, line, message):
    with pytest.raises(ProjectErrors) as caught:
        lock(lines=["lib", line])
    assert [str(each) for each in caught.value.errors] == [f"requirements.txt: {message}"]


def test_a_place_with_nothing_to_build_is_named(offered, lock):
    (lock.folder / "empty").mkdir()
    with pytest.raises(ResolveError) as caught:
        lock("app @ ./empty")
    assert str(caught.value) == (
        "build.python_packages: `app @ ./empty` has neither a `pyproject.toml` nor a `setup.py`"
    )


@pytest.mark.parametrize("revision", ["", "@nosuch"])
def test_a_repository_that_cannot_be_fetched_is_named(offered, lock, tmp_path, revision):
    repository = tmp_path / "repository"
    if revision:
        write(repository)
        git(repository, "init", "--quiet")
        git(repository, "add", ".")
        git(repository, "commit", "--quiet", "--message", "one")
    with pytest.raises(NetworkError) as caught:
        lock(f"app @ git+file://{repository}{revision}")
    told = "build.python_packages: the repository of `app` can't be fetched: fatal: "
    assert str(caught.value).startswith(told)
    assert ("nosuch" if revision else "does not appear to be a git repository") in str(caught.value)
    assert "git ls-remote" in caught.value.hint


def test_the_project_itself_is_its_dependencies(offered, lock):
    """Its code is the image's code; what it depends on is declared, and locked as if it stood in the file."""
    optional = '[project.optional-dependencies]\nMore_Tools = ["tool"]\n'
    write(lock.folder, {**FILES, "pyproject.toml": PYPROJECT + optional})
    for line in ("-e .", ".", "app @ .", "-e file:."):
        made = lock(lines=[line])
        assert (names(made.wheels), made.sources) == (["lib"], ())
    made = lock(lines=["-e .[more-tools]"])
    assert [(each.name, each.required_by) for each in made.wheels] == [("lib", ()), ("tool", ())]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "it has no `pyproject.toml` that lists its dependencies"),
        ("[project]\nname = 'a'\ndynamic = ['dependencies']\n", "its `pyproject.toml` computes the dependencies"),
        ("[", "the `[project]` table of its `pyproject.toml` can't be read"),
    ],
)
def test_a_project_that_does_not_list_its_dependencies_is_told_so(offered, lock, text, why):
    if text is not None:
        (lock.folder / "pyproject.toml").write_text(text)
    with pytest.raises(ProjectErrors) as caught:
        lock(lines=["-e ."])
    (error,) = caught.value.errors
    assert str(error) == f"requirements.txt: `-e .` is the project itself: {why}"


@pytest.mark.parametrize("place", ["../outside"])
def test_a_folder_that_is_not_below_the_projects_is_refused(offered, lock, place):
    write(lock.folder / place)
    with pytest.raises(ResolveError) as caught:
        lock(f"app @ {place}")
    assert str(caught.value) == (
        f"the source of `app` is not in a folder below the project's: `{(lock.folder / place).resolve()}`"
    )
    assert caught.value.hint == "copy it there, or name its repository: `NAME @ git+…`"


def test_an_archive_is_the_same_whoever_made_it(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    write(first, FILES)
    write(second, dict(reversed(FILES.items())))
    (second / "app.py").chmod(0o600)
    (second / ".git").mkdir()
    (second / ".git/HEAD").write_text("x")
    assert source_builds.pack(first, "app-1.0") == source_builds.pack(second, "app-1.0")


def test_a_link_that_leads_out_of_the_source_is_refused(tmp_path):
    write(tmp_path / "app")
    (tmp_path / "app/inside").symlink_to("app.py")
    source_builds.pack(tmp_path / "app", "app-1.0")
    (tmp_path / "app/outside").symlink_to("/etc/passwd")
    with pytest.raises(ResolveError) as caught:
        source_builds.pack(tmp_path / "app", "app-1.0")
    assert str(caught.value) == "`outside` in the source of `app-1.0` is not a file below it"
