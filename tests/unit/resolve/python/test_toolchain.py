"""Which system packages a build from source needs, judged by its archive."""

import io
import tarfile
import zipfile

import pytest

from cogfreeze.lock.model import Source
from cogfreeze.resolve.fetch import cached_path
from cogfreeze.resolve.python import toolchain_of
from cogfreeze.settings import Settings

COMPILER = ("build-essential", "git", "pkg-config")


def source(settings, files, *, name="pkg-1.0.tar.gz"):
    data = io.BytesIO()
    if name.endswith(".zip"):
        with zipfile.ZipFile(data, "w") as archive:
            for path, text in files.items():
                archive.writestr(f"pkg-1.0/{path}", text)
    else:
        with tarfile.open(fileobj=data, mode="w:gz") as archive:
            for path, text in files.items():
                member = tarfile.TarInfo(f"pkg-1.0/{path}")
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))
    found = Source(name="pkg", version="1.0", kind="sdist", file=name, sha256="a" * 64, size=1)
    path = cached_path(settings, found.sha256, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.getvalue())
    return found


def requires(*names):
    return f"[build-system]\nrequires = {list(names)!r}\n"


@pytest.mark.parametrize("name", ["pkg-1.0.tar.gz", "pkg-1.0.zip"])
@pytest.mark.parametrize(
    ("files", "packages"),
    [
        ({"setup.py": "", "pkg/__init__.py": ""}, ()),
        ({"pyproject.toml": requires("hatchling"), "src/pkg/a.py": ""}, ()),
        ({"setup.py": "", "tests/data.c": "", "docs/x.f90": ""}, ()),
        ({"setup.py": "", "Makefile": "docs:"}, ()),
        ({"setup.py": "", "src/a.c": ""}, COMPILER),
        ({"setup.py": "", "pkg/a.pyx": ""}, COMPILER),
        ({"pyproject.toml": requires("scikit-build-core>=0.5"), "CMakeLists.txt": ""}, COMPILER),
        ({"pyproject.toml": requires("cffi; python_version > '3'"), "a.py": ""}, COMPILER),
        (
            {"pyproject.toml": requires("maturin>=1,<2"), "Cargo.toml": "", "src/lib.rs": ""},
            (*COMPILER, "cargo", "rustc"),
        ),
        ({"setup.py": "", "src/a.f90": ""}, (*COMPILER, "gfortran")),
    ],
)
def test_a_compiler_is_locked_for_what_compiles_alone(tmp_path, name, files, packages):
    settings = Settings(cache=tmp_path)
    assert toolchain_of([source(settings, files, name=name)], settings) == tuple(sorted(packages))
