"""Packages that are built from source: locked, built without a network, and the same twice."""

import shutil

import pytest

pytestmark = pytest.mark.engine

PYPROJECT = (
    '[project]\nname = "tiny"\nversion = "1.5"\n'
    '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    '[tool.setuptools]\npy-modules = ["tiny"]\n'
)
COMPILED = (
    "from setuptools import Extension, setup\n"
    "setup(name='tiny', version='1.5', ext_modules=[Extension('tiny', ['tiny.c'])])\n"
)
IMPORTED = "import docopt, tiny; print(docopt.__version__, tiny.VALUE, docopt.__file__)"


@pytest.fixture(scope="module")
def project(new_project):
    """An sdist of the package index, which has no wheel of it, and a folder of the project's."""
    return new_project(
        'python_packages: ["docopt==0.6.2", "tiny @ ./libs/tiny"]\nallow_sdist: [docopt, tiny]',
        files={"libs/tiny/pyproject.toml": PYPROJECT, "libs/tiny/tiny.py": "VALUE = 42\n"}.items(),
    )


def test_two_builds_from_nothing_are_one_image_that_has_the_packages_alone(project, cog, built, shell):
    answer = cog(project, "verify", "--syntax", "builtin")
    assert answer.returncode == 0, answer.stderr
    image = built(project, name="cogfreeze-test-source")
    assert answer.stdout.split()[-1] == image["digest"]
    told = shell("cogfreeze-test-source", f"python3 -c '{IMPORTED}'").split()
    assert told[:2] == ["0.6.2", "42"]
    assert told[2].startswith("/usr/local/lib/python3.11/site-packages/")
    # What built them stays outside, and so does where they were built.
    left = shell("cogfreeze-test-source", "ls /usr/local/lib/python3.11/site-packages; ls /tmp /opt/cog")
    assert "docopt-0.6.2.dist-info" in left
    assert "wheel" not in left.replace("dist-info", "")
    assert (
        shell("cogfreeze-test-source", "find /usr/local/lib/python3.11/site-packages -name direct_url.json") == ""
    )


def test_a_folder_that_changed_since_it_was_locked_is_refused(project, cog, tmp_path):
    copy = shutil.copytree(project, tmp_path / "copy", ignore=shutil.ignore_patterns(".cog"))
    (copy / "libs/tiny/tiny.py").write_text("VALUE = 43\n")
    answer = cog(copy, "build", "--syntax", "builtin", variables={"COG_CACHE_DIR": str(tmp_path / "cache")})
    assert answer.returncode == 1
    assert "error[CF320]: the folder `libs/tiny` of `tiny` is not what was locked" in answer.stderr
    assert "hint: cog lock --upgrade-package tiny" in answer.stderr


def test_a_package_that_needs_a_compiler_says_what_is_missing(new_project, cog):
    folder = new_project(
        'python_packages: ["tiny @ ./libs/tiny"]\nallow_sdist: [tiny]',
        files={
            "libs/tiny/pyproject.toml": PYPROJECT.partition("[tool")[0],
            "libs/tiny/setup.py": COMPILED,
            "libs/tiny/tiny.c": "int nothing;\n",
        }.items(),
    )
    answer = cog(folder, "build", "--syntax", "builtin")
    assert answer.returncode == 1
    assert "error[CF400]: step `packages-from-source`: the command failed with exit status 1:" in answer.stderr
    assert "No such file or directory: 'gcc'" in answer.stderr or "command 'gcc' failed" in answer.stderr
    assert "building from source failed: tiny" in answer.stderr
    assert "a package that compiles needs a base image with its compiler: build.base_image" in answer.stderr
