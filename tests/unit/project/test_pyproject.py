"""A pyproject.toml, its uv.lock and a pylock.toml say what a requirements file would, for an image's Python."""

# ruff: noqa: E501

import pytest

from cogfreeze.project.python import requirements

A, B, C = ("sha256:" + letter * 64 for letter in "abc")
PROJECT = '[project]\nname = "my-model"\nversion = "1"\ndependencies = [\n%s]\n'
LOCK = 'version = 1\nrevision = 3\nrequires-python = ">=3.10"\n'
OWN = '[[package]]\nname = "my-model"\nversion = "1"\nsource = { virtual = "." }\n[package.metadata]\nrequires-dist = [%s]\n'
PYLOCK = 'lock-version = "1.0"\ncreated-by = "test"\n'


@pytest.fixture
def read(tmp_path):
    """Write files and read one; return its files as {path: lines}, mistakes as (text, hint), warnings."""

    def read(name, python="3.11", **files):
        for each, content in files.items():
            path = tmp_path / each.replace("__", "/").replace("_toml", ".toml").replace("_lock", ".lock")
            path.parent.mkdir(exist_ok=True)
            path.write_text(content)
        found, mistakes, warnings = requirements.read(tmp_path, name, named_at="cog.yaml:1", python=python)
        return (
            {each.path: list(each.lines) for each in found},
            [(str(each), each.hint) for each in mistakes],
            warnings,
        )

    return read


def package(name, version, *files, more=""):
    """A package of a uv.lock; each file is its name and hash."""
    wheels = ", ".join(
        f'{{ url = "https://host.example/{file}"' + (f', hash = "{digest}" }}' if digest else " }")
        for file, digest in files
    )
    source = more or 'source = { registry = "https://host.example/simple" }'
    return f'[[package]]\nname = "{name}"\nversion = "{version}"\n{source}\nwheels = [{wheels}]\n'


def test_the_dependencies_are_kept_as_they_are_written(read):
    declared = '"numpy>=1.26",\n"zope.interface==6.0",\n\'x[a,b] ; python_version < "3.12"\',\n"cog>=0.9",\n'
    more = '[project.optional-dependencies]\ndev = ["pytest"]\n[dependency-groups]\ntest = ["hypothesis"]\n'
    files, mistakes, warnings = read("pyproject.toml", pyproject_toml=PROJECT % declared + more)
    assert (files, mistakes) == (
        {"pyproject.toml": ["numpy>=1.26", "zope.interface==6.0", 'x[a,b] ; python_version < "3.12"']},
        [],
    )
    assert warnings == [
        "pyproject.toml: `cog>=0.9` is dropped, because the image provides it; remove it, or set `build.allow: [cog]`"
    ]


def test_places_that_uv_knows_become_addresses(read):
    sources = """
[tool.uv.sources]
a = { git = "https://host.example/a", tag = "v1", subdirectory = "py" }
b = { path = "wheels/b-1.0-py3-none-any.whl" }
c = { url = "https://host.example/c-1.0-py3-none-any.whl" }
torch = [
    { index = "torch-cpu", marker = "sys_platform == 'linux'" },
    { index = "mac", marker = "sys_platform == 'darwin'" },
]
[[tool.uv.index]]
name = "torch-cpu"
url = "https://host.example/whl/cpu"
explicit = true
"""
    declared = '"a[x]", "B ; python_version > \'3\'", \'c\', "torch>=2"'
    files, mistakes, _ = read("sub/pyproject.toml", sub__pyproject_toml=PROJECT % declared + sources)
    assert mistakes == []
    assert files == {
        "sub/pyproject.toml": [
            "--extra-index-url https://host.example/whl/cpu",
            "a[x] @ git+https://host.example/a@v1#subdirectory=py",
            'B @ ./sub/wheels/b-1.0-py3-none-any.whl ; python_version > "3"',
            "c @ https://host.example/c-1.0-py3-none-any.whl",
            "torch>=2",
        ]
    }


def test_a_uv_lock_beside_it_constrains_to_its_versions_and_files_for_the_image(read):
    lock = (
        LOCK + OWN % '{ name = "numpy", specifier = ">=1.26" }, { name = "six", git = "https://host.example/six" }'
    )
    lock += package(
        "numpy",
        "2.2.6",
        ("numpy-2.2.6-cp310-cp310-manylinux2014_x86_64.whl", A),
        more='source = { registry = "https://host.example/simple" }\nresolution-markers = ["python_full_version < \'3.11\'"]',
    )
    lock += package(
        "numpy",
        "2.4.0",
        ("numpy-2.4.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", A),
        ("numpy-2.4.0-cp311-cp311-manylinux2014_aarch64.whl", B),
        ("numpy-2.4.0-cp312-cp312-manylinux2014_x86_64.whl", C),
        ("numpy-2.4.0-cp311-cp311-musllinux_1_2_x86_64.whl", C),
        ("numpy-2.4.0-cp311-cp311-win_amd64.whl", C),
        more='source = { registry = "https://host.example/simple" }\nresolution-markers = ["python_full_version >= \'3.11\'"]',
    )
    lock += package(
        "only-arm",
        "1.0",
        ("only_arm-1.0-py3-none-any.whl", C),
        more='source = { registry = "https://host.example/simple" }\nresolution-markers = ["platform_machine == \'aarch64\'"]',
    )
    lock += package("torch", "2.5.0+cpu", ("torch-2.5.0%2Bcpu-cp39-abi3-manylinux_2_28_x86_64.whl", A))
    lock += package("six", "1.0", more='source = { git = "https://host.example/six?rev=main#0123abcd" }')
    project = (
        PROJECT % '"numpy >= 1.26",\n"six"' + '[tool.uv.sources]\nsix = { git = "https://host.example/six" }\n'
    )
    files, mistakes, _ = read("pyproject.toml", pyproject_toml=project, uv_lock=lock)
    assert mistakes == []
    assert files == {
        "pyproject.toml": ["-c uv.lock", "numpy >= 1.26", "six @ git+https://host.example/six@0123abcd"],
        "uv.lock": [
            "--extra-index-url https://host.example/simple",
            "--require-hashes",
            f"numpy==2.4.0 --hash={A} --hash={B}",
            f'only-arm==1.0 ; platform_machine == "aarch64" --hash={C}',
            f"torch==2.5.0+cpu --hash={A}",
        ],
    }


def test_an_index_without_hashes_does_not_make_all_hashes_needed(read):
    lock = LOCK + OWN % '{ name = "a" }' + package("a", "1", ("a-1-py3-none-any.whl", None))
    files, mistakes, _ = read("pyproject.toml", pyproject_toml=PROJECT % '"a"', uv_lock=lock)
    assert (files["uv.lock"], mistakes) == (["a==1"], [])


@pytest.mark.parametrize(
    ("declared", "locked"),
    [
        ('"a"', '{ name = "a" }'),
        ('"A.b>=1,<2"', '{ name = "a-b", specifier = "<2,>=1" }'),
        ('"a[y,X]"', '{ name = "a", extras = ["x", "y"] }'),
        ("\"a; python_version >= '3.9'\"", '{ name = "a", marker = "python_full_version >= \'3.9\'" }'),
        ("\"a; sys_platform == 'linux'\"", '{ name = "a" }'),
        ('"a"', '{ name = "a" }, { name = "b", marker = "extra == \'dev\'" }'),
    ],
)
def test_a_uv_lock_in_other_words_is_current(read, declared, locked):
    _, mistakes, _ = read("pyproject.toml", pyproject_toml=PROJECT % declared, uv_lock=LOCK + OWN % locked)
    assert mistakes == []


@pytest.mark.parametrize(
    ("declared", "locked"),
    [
        ('"a>=2"', '{ name = "a", specifier = ">=1" }'),
        ('"a[x]"', '{ name = "a" }'),
        ("\"a; python_version >= '3.12'\"", '{ name = "a" }'),
        ('"a"', ""),
        ("", '{ name = "a" }'),
    ],
)
def test_a_uv_lock_that_is_out_of_date_is_refused(read, declared, locked):
    _, mistakes, _ = read("pyproject.toml", pyproject_toml=PROJECT % declared, uv_lock=LOCK + OWN % locked)
    assert mistakes == [("uv.lock: it is out of date with `pyproject.toml`: `a` changed there", "run `uv lock`")]


def test_a_pylock_is_taken_as_it_is_for_the_image(read):
    lock = (
        PYLOCK
        + f"""
requires-python = ">=3.10"
[[packages]]
name = "numpy"
version = "2.4.0"
index = "https://host.example/simple"
wheels = [
    {{ url = "https://host.example/numpy-2.4.0-cp311-cp311-manylinux2014_x86_64.whl", hashes = {{ sha256 = "{A[7:]}" }} }},
    {{ url = "https://host.example/numpy-2.4.0-cp313-cp313-manylinux2014_x86_64.whl", hashes = {{ sha256 = "{B[7:]}" }} }},
]
[[packages]]
name = "windows"
version = "1"
marker = "sys_platform == 'win32'"
wheels = [{{ name = "windows-1-py3-none-any.whl", path = "w/windows-1-py3-none-any.whl", hashes = {{ sha256 = "{C[7:]}" }} }}]
[[packages]]
name = "test"
version = "1"
marker = "'test' in dependency_groups"
wheels = [{{ url = "https://host.example/test-1-py3-none-any.whl", hashes = {{ sha256 = "{C[7:]}" }} }}]
[[packages]]
name = "torch"
version = "2.5.0+cpu"
marker = "platform_machine == 'x86_64'"
index = "https://host.example/whl/cpu"
wheels = [{{ url = "https://host.example/torch-2.5.0%2Bcpu-cp311-cp311-linux_x86_64.whl", hashes = {{ sha256 = "{C[7:]}" }} }}]
[[packages]]
name = "app"
archive = {{ path = "w/app-1.0-py3-none-any.whl", hashes = {{ sha256 = "{A[7:]}" }} }}
"""
    )
    files, mistakes, _ = read("sub/pylock.toml", sub__pylock_toml=lock)
    assert mistakes == []
    assert files == {
        "sub/pylock.toml": [
            "--extra-index-url https://host.example/whl/cpu",
            "--require-hashes",
            f"numpy==2.4.0 --hash={A}",
            f'torch==2.5.0+cpu ; platform_machine == "x86_64" --hash={C}',
            f"app @ ./sub/w/app-1.0-py3-none-any.whl --hash={A}",
        ]
    }


def test_a_commit_and_a_folder_of_a_pylock_become_addresses(read):
    lock = PYLOCK + (
        '[[packages]]\nname = "a"\nvcs = { type = "git", url = "https://host.example/a", commit-id = "0123abcd" }\n'
        '[[packages]]\nname = "b"\ndirectory = { path = "libs/b" }\n'
    )
    files, mistakes, _ = read("pylock.model.toml", **{"pylock.model_toml": lock})
    assert (files, mistakes) == (
        {"pylock.model.toml": ["a @ git+https://host.example/a@0123abcd", "b @ ./libs/b"]},
        [],
    )


EXPORT = "name a pylock.toml: `uv export --format pylock.toml --output-file pylock.toml`"


@pytest.mark.parametrize(
    ("name", "text", "mistake", "hint"),
    [
        ("pyproject.toml", "[project\n", "it is not valid TOML: Expected ']' at the end of a table declaration (at line 1, column 9)", None),
        (
            "pyproject.toml",
            "[tool.poetry]\n",
            "it has no `[project]` table",
            "list the packages in `[project].dependencies` or in a requirements file",
        ),
        (
            "pyproject.toml",
            '[project]\nname="a"\ndynamic=["dependencies"]\n',
            "its dependencies are `dynamic`: only a build knows them",
            "list them in a requirements file",
        ),
        ("pyproject.toml", '[project]\nname="a"\ndependencies="a"\n', "`[project].dependencies` must be a list of strings", None),
        (
            "pyproject.toml",
            '[project]\nname="a"\nrequires-python=">=3.12"\n',
            "it is for Python >=3.12, and the image has 3.11",
            "set `build.python_version`",
        ),
        (
            "pyproject.toml",
            '[project]\ndependencies=["cv2"]\n',
            "the package of `cv2` is called `opencv-python`",
            "write `opencv-python`",
        ),
        (
            "pyproject.toml",
            '[project]\ndependencies=["a"]\n[tool.uv.sources]\na={workspace=true}\n',
            "`[tool.uv.sources]` takes `a` from a workspace, which is not supported",
            "build a wheel and give its path",
        ),
        (
            "pylock.toml",
            'lock-version = "1.0"\n',
            "it is not a valid pylock.toml: Missing required value in 'created-by'",
            "lock again with the tool that made it",
        ),
        (
            "pylock.toml",
            PYLOCK + "packages = []\nenvironments = [\"sys_platform == 'win32'\"]\n",
            "none of its `environments` is for Linux with Python 3.11",
            "lock for Linux too",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(read, name, text, mistake, hint):
    _, mistakes, _ = read(name, **{name.replace(".toml", "_toml"): text})
    assert mistakes == [(f"{name}: {mistake}", hint)]


@pytest.mark.parametrize(
    ("lock", "mistake", "hint"),
    [
        (OWN.replace("my-model", "other") % "", "it belongs to another project than `my-model`", "run `uv lock`"),
        ('[manifest]\noverrides = [{ name = "a" }]\n', "it was made with `override-dependencies`, which is not supported", EXPORT),
    ],
)  # fmt: skip
def test_a_uv_lock_that_cannot_bind_is_refused(read, lock, mistake, hint):
    _, mistakes, _ = read("pyproject.toml", pyproject_toml=PROJECT % "", uv_lock=LOCK + lock)
    assert mistakes == [(f"uv.lock: {mistake}", hint)]


def test_a_newer_form_of_uv_lock_is_refused(read):
    _, mistakes, _ = read("pyproject.toml", pyproject_toml=PROJECT % "", uv_lock="version = 2\n")
    assert mistakes == [("uv.lock: its version is 2; only 1 is supported", EXPORT)]


@pytest.mark.parametrize("name", ["uv.lock", "Pipfile", "environment.yml", "setup.py", "setup.cfg"])
def test_what_another_tool_reads_is_refused(read, name):
    _, mistakes, _ = read(name, **{name: LOCK})
    hint = "use a requirements file, a `pyproject.toml` (with or without `uv.lock`) or a `pylock.toml`"
    assert mistakes == [(f"cog.yaml:1: `{name}` is not a requirements file", hint)]
