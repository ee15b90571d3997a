"""From files of any kind to locked wheels: a folder is read as `cog lock` does, and resolved on an index.

Locks of uv's are really made by uv.
"""

import pytest

from cogfreeze.errors import IntegrityError, ProjectErrors, ResolveError
from cogfreeze.lock.inputs import inputs_of
from cogfreeze.project import cog_yaml
from cogfreeze.report import Silent
from cogfreeze.resolve.python import closure, uv
from tests.unit.resolve.index_server import sha256, wheel

PYPROJECT = '[project]\nname = "model"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = ["app>=1"]\n'


@pytest.fixture
def project(tmp_path, index, settings):
    """Write a project's files and lock its Python packages; `.run` runs uv in its folder."""
    folder = tmp_path / "project"
    folder.mkdir()

    def lock(requirements=None, *, version="3.11", build="", previous=(), **files):
        for name, text in files.items():
            path = folder / name.replace("__", "/").replace("_toml", ".toml").replace("_txt", ".txt")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        named = f"  python_requirements: {requirements}\n" if requirements else ""
        (folder / "cog.yaml").write_text(f'build:\n  python_version: "{version}"\n{named}{build}')
        lock.project = cog_yaml.read(folder / "cog.yaml")
        return closure.resolve_python(
            lock.project.build,
            folder,
            "linux/amd64",
            glibc=(2, 36),
            settings=settings,
            report=Silent(),
            previous=closure.Packages(wheels=previous),
        ).wheels

    def run(*arguments):
        answer = uv.run_uv(arguments, folder=folder, settings=settings)
        assert answer.status == 0, answer.talk

    lock.folder, lock.run = folder, run
    return lock


def versions(wheels):
    return {each.name: each.version for each in wheels}


@pytest.fixture
def offered(index):
    """An index that had the versions 1.0 when uv locked; what it has now is 2.0 too."""
    index.add("simple", "app-1.0-py3-none-any.whl", requires=["lib>=1", 'old; python_version < "3.10"'])
    index.add("simple", "lib-1.0-py3-none-manylinux_2_17_x86_64.whl")
    index.add("simple", "old-1.0-py3-none-any.whl")

    def grow():
        index.add("simple", "app-2.0-py3-none-any.whl", requires=["lib"])
        index.add("simple", "lib-2.0-py3-none-manylinux_2_17_x86_64.whl")

    return grow


def test_a_pyproject_alone_says_what_is_required(project, offered):
    offered()
    made = project("pyproject.toml", pyproject_toml=PYPROJECT)
    assert versions(made) == {"app": "2.0", "lib": "2.0"}
    assert [each.required_by for each in made] == [(), ("app",)]


def test_the_versions_and_hashes_of_a_uv_lock_bind(project, offered, index):
    (project.folder / "pyproject.toml").write_text(PYPROJECT)
    project.run("lock")
    offered()
    made = project("pyproject.toml")
    assert versions(made) == {"app": "1.0", "lib": "1.0"}
    assert [each.required_by for each in made] == [(), ("app",)]
    assert versions(project("pyproject.toml", version="3.9")) == {"app": "1.0", "lib": "1.0", "old": "1.0"}


def test_the_index_and_the_machine_that_a_uv_lock_was_made_on_are_not_in_ours(project, offered, index):
    (project.folder / "pyproject.toml").write_text(PYPROJECT)
    project.run("lock")
    made = project("pyproject.toml")
    assert {each.index for each in made} == {"pypi"}
    assert index.url not in repr(inputs_of(project.project))


def test_other_bytes_than_those_of_a_uv_lock_are_refused(project, offered, index):
    (project.folder / "pyproject.toml").write_text(PYPROJECT)
    project.run("lock")
    index.add("simple", "app-1.0-py3-none-any.whl", files={"app.py": b"evil"}, requires=["lib>=1"])
    with pytest.raises(IntegrityError) as caught:
        project("pyproject.toml")
    assert str(caught.value) == (
        "pyproject.toml:5: none of the hashes declared for `app` 1.0 is that of a wheel for `linux/amd64`"
    )


def test_a_uv_lock_that_is_out_of_date_is_refused(project, offered):
    (project.folder / "pyproject.toml").write_text(PYPROJECT)
    project.run("lock")
    offered()
    with pytest.raises(ProjectErrors) as caught:
        project("pyproject.toml", pyproject_toml=PYPROJECT.replace("app>=1", "app>=2"))
    (error,) = caught.value.errors
    assert str(error) == "uv.lock: it is out of date with `pyproject.toml`: `app` changed there"
    assert error.hint == "run `uv lock`"
    project.run("lock")
    assert versions(project("pyproject.toml")) == {"app": "2.0", "lib": "1.0"}


def test_a_new_uv_lock_moves_what_was_locked_before(project, offered):
    (project.folder / "pyproject.toml").write_text(PYPROJECT)
    project.run("lock")
    before = project("pyproject.toml")
    was = inputs_of(project.project)
    offered()
    assert project("pyproject.toml", previous=before) == before
    assert inputs_of(project.project) == was
    project.run("lock", "--upgrade")
    after = project("pyproject.toml", previous=before)
    assert versions(after) == {"app": "2.0", "lib": "2.0"}
    assert [key for key, value in inputs_of(project.project) if (key, value) not in was] == ["files.uv.lock"]


def test_the_versions_and_hashes_of_a_pylock_bind(project, offered, index):
    (project.folder / "pyproject.toml").write_text(PYPROJECT)
    project.run("export", "--format", "pylock.toml", "--output-file", "pylock.toml")
    offered()
    assert versions(project("pylock.toml")) == {"app": "1.0", "lib": "1.0"}
    index.add("simple", "lib-1.0-py3-none-manylinux_2_17_x86_64.whl", files={"lib.py": b"evil"})
    with pytest.raises(IntegrityError) as caught:
        project("pylock.toml")
    assert str(caught.value) == (
        "pylock.toml: none of the hashes declared for `lib` 1.0 is that of a wheel for `linux/amd64`"
    )


def test_torch_whose_hashes_are_declared_comes_from_the_index_that_has_them(project, index):
    torch = index.add("simple", "torch-2.5.0-cp311-cp311-manylinux_2_28_x86_64.whl")
    text = PYPROJECT.replace("app>=1", "torch").replace(">=3.9", "==3.11.*")
    (project.folder / "pyproject.toml").write_text(text)
    project.run("lock")
    (made,) = project("pyproject.toml")
    assert (made.version, made.sha256, made.index) == ("2.5.0", sha256(torch), "pypi")


def test_a_pylock_that_lacks_a_package_is_refused(project, offered):
    (project.folder / "pyproject.toml").write_text(PYPROJECT)
    project.run("export", "--format", "pylock.toml", "--output-file", "pylock.toml", "--no-emit-package", "lib")
    with pytest.raises(IntegrityError) as caught:
        project("pylock.toml")
    assert str(caught.value) == "`lib` 1.0 has no declared hash, and the requirements ask for one of every package"


# Every kind of line in a requirements file, from cog.yaml to locked wheels.


def test_nested_files_constraints_markers_and_extras(project, index):
    index.add("simple", "app-1.0-py3-none-any.whl", requires=['more; extra == "x"'], extras=["x"])
    for each in ("more-1.0", "more-2.0", "deep-1.0", "zope.interface-6.0"):
        index.add("simple", f"{each}-py3-none-any.whl")
    made = project(
        "requirements.txt",
        requirements_txt="-r sub/deep.txt\n-c sub/limits.txt\napp[x]  # why\nabsent; sys_platform == 'win32'\n",
        sub__deep_txt='deep ; python_version >= "3.8"\nzope.interface==6.0\n',
        sub__limits_txt="more<2\n",
    )
    assert versions(made) == {"app": "1.0", "more": "1.0", "deep": "1.0", "zope-interface": "6.0"}
    assert {each.name: each.required_by for each in made}["more"] == ("app",)


def test_hashes_over_several_lines_bind(project, index):
    general = index.add("simple", "app-1.0-py3-none-any.whl")
    index.add("simple", "app-1.0-cp311-cp311-manylinux_2_17_x86_64.whl")
    text = f"app==1.0 \\\n    --hash=sha256:{'0' * 64} \\\n    --hash=sha256:{sha256(general)}\n"
    (made,) = project("requirements.txt", requirements_txt=text)
    assert made.file == "app-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--hash=md5:" + "0" * 32, "`--hash=md5:" + "0" * 32 + "` is not a hash"),
        ("--hash=sha256:abc", "`--hash=sha256:abc` is not a hash"),
        ("--hash=sha256:" + "0" * 65, "`--hash=sha256:" + "0" * 65 + "` is not a hash"),
        ("--hash=" + "0" * 64, "`--hash=" + "0" * 64 + "` is not a hash"),
        ("--hash sha512:abc", "`--hash=sha512:abc` is not a hash"),
        ("--hash=sha512:" + "0" * 128, "the line has no SHA-256 among its hashes"),
        ("--config-setting=a=b", "`--config-setting` changes how a package is built, which cannot be locked"),
        ("--global-option x", "`--global-option` changes how a package is built, which cannot be locked"),
    ],
)
def test_what_a_lock_could_not_keep_of_a_line_is_refused(project, index, options, message):
    index.add("simple", "app-1.0-py3-none-any.whl")
    with pytest.raises(ProjectErrors) as caught:
        project("requirements.txt", requirements_txt=f"\napp==1.0 {options}\n")
    assert [str(each) for each in caught.value.errors] == [f"requirements.txt:2: {message}"]


def test_other_hashes_beside_a_sha256_are_no_mistake(project, index):
    good = sha256(index.add("simple", "app-1.0-py3-none-any.whl"))
    text = f"app==1.0 --hash=sha512:{'0' * 128} --hash=SHA256:{good.upper()}\n"
    with pytest.raises(ProjectErrors):  # pip knows `sha256` alone
        project("requirements.txt", requirements_txt=text)
    assert versions(project("requirements.txt", requirements_txt=text.replace("SHA256", "sha256"))) == {
        "app": "1.0"
    }


def test_a_pylock_without_a_sha256_is_refused(project, offered):
    text = (
        'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "app"\nversion = "1.0"\n'
        '[[packages.wheels]]\nname = "app-1.0-py3-none-any.whl"\nurl = "https://host.example/app-1.0-py3-none-any.whl"\n'
        f'hashes = {{ sha512 = "{"0" * 128}" }}\n'
    )
    with pytest.raises(ProjectErrors) as caught:
        project("pylock.toml", pylock_toml=text)
    assert "the line has no SHA-256 among its hashes" in str(caught.value.errors[0])


def test_addresses_and_wheels_of_the_projects_own(project, index):
    data = index.add("elsewhere", "far-1.0-py3-none-any.whl", requires=["found"])
    (project.folder / "wheels").mkdir()
    for name in ("found", "named"):
        (project.folder / f"wheels/{name}-1.0-py3-none-any.whl").write_bytes(wheel(f"{name}-1.0-py3-none-any.whl"))
    text = (
        f"far @ {index.url}/files/elsewhere/far-1.0-py3-none-any.whl#sha256={sha256(data)}\n"
        "./wheels/named-1.0-py3-none-any.whl\n--find-links wheels\n"
    )
    made = project("requirements.txt", requirements_txt=text)
    assert {each.name: each.index for each in made} == {"far": "url", "named": "local", "found": "local"}


@pytest.mark.parametrize(
    "options",
    [
        "--index-url {url}/other/",
        "-i {url}/other/",
        "--extra-index-url={url}/other/ --trusted-host 127.0.0.1",
        "--no-index\n--find-links {url}/other/app/",
    ],
)  # fmt: skip
def test_indexes_of_a_requirements_file_are_asked(project, index, options):
    index.add("other", "app-1.0-py3-none-any.whl")
    (made,) = project(
        "requirements.txt", requirements_txt=f"{options.format(url=index.url)}\napp\n".replace(" --t", "\n--t")
    )
    assert made.name == "app"
    assert index.url not in repr(made)


@pytest.mark.parametrize(
    "line",
    [
        "-e ./lib",
        "./lib",
        "l @ ./lib",
        "l @ file:lib",
        "git+https://host.example/l@main",
        "./l-1.0.tar.gz",
    ],
)
def test_source_is_refused(project, line):
    with pytest.raises(ProjectErrors) as caught:
        project("requirements.txt", requirements_txt=f"\n{line}\n", build="  sources: refuse\n")
    error = caught.value.errors[0]
    assert error.where == "requirements.txt:2"
    assert "is built from source, and `build.sources: refuse` allows none" in str(error)


def test_an_sdist_is_refused(project, index):
    index.wheels.setdefault("simple", {})["app-1.0.tar.gz"] = b"no matter"
    with pytest.raises(ResolveError) as caught:
        project("requirements.txt", requirements_txt="app\n", build="  sources: refuse\n")
    assert str(caught.value) == "requirements.txt:1: `app` has no wheel for Python 3.11 on `linux/amd64`"
