"""Packages that are built from source: locked, built without a network, and the same twice."""

import shutil

import pytest

pytestmark = pytest.mark.engine

PYPROJECT = (
    '[project]\nname = "tiny"\nversion = "1.5"\n'
    '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    '[tool.setuptools]\npy-modules = ["tiny"]\n'
)
COMPILED = {
    "libs/fast/pyproject.toml": (
        '[project]\nname = "fast"\nversion = "2.5"\n'
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    ),
    "libs/fast/setup.py": (
        "from setuptools import Extension, setup\nsetup(ext_modules=[Extension('fast', ['src/fast.c'])])\n"
    ),
    "libs/fast/src/fast.c": """\
#include <Python.h>
static PyObject *place(PyObject *self, PyObject *none) { return PyUnicode_FromString(__FILE__); }
static PyMethodDef methods[] = {{"place", place, METH_NOARGS, ""}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "fast", NULL, -1, methods};
PyMODINIT_FUNC PyInit_fast(void) { return PyModule_Create(&module); }
""",
}
IMPORTED = "import docopt, fast, tiny; print(docopt.__version__, tiny.VALUE, docopt.__file__, fast.place())"


@pytest.fixture(scope="module")
def project(new_project):
    """An sdist of the package index, and two folders of the project's, of which one is compiled."""
    return new_project(
        'python_packages: ["docopt==0.6.2", "fast @ ./libs/fast", "tiny @ ./libs/tiny"]\n'
        "allow_sdist: [docopt, fast, tiny]",
        files={"libs/tiny/pyproject.toml": PYPROJECT, "libs/tiny/tiny.py": "VALUE = 42\n", **COMPILED}.items(),
    )


def test_two_builds_from_nothing_are_one_image_that_has_the_packages_alone(project, cog, built, shell):
    answer = cog(project, "verify", "--syntax", "builtin")
    assert answer.returncode == 0, answer.stderr
    image = built(project, name="cogfreeze-test-source")
    assert answer.stdout.split()[-1] == image["digest"]
    told = shell("cogfreeze-test-source", f"python3 -c '{IMPORTED}'").split()
    assert told[:2] == ["0.6.2", "42"]
    assert told[2].startswith("/usr/local/lib/python3.11/site-packages/")
    assert told[3] == "src/fast.c"
    # The compiler comes from the archive, and stays in its stage.
    assert "gcc" in (project / "cog.lock").read_text()
    assert shell("cogfreeze-test-source", "command -v gcc || echo none") == "none\n"
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
    assert "error[CF201]: cog.lock is stale: the folder `libs/tiny` of `tiny` has changed" in answer.stderr
    assert "hint: run `cog lock` and commit the result" in answer.stderr
