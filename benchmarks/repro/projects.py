"""Projects with what people install, small where they can be: each is built twice and has to be the same image."""

from __future__ import annotations

from dataclasses import dataclass, field

PREDICT = """\
from cog import BasePredictor


class Predictor(BasePredictor):
    def predict(self, text: str) -> str:
        return text.upper()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One project.

    Attributes:
        kind: what people want from it, for the table.
        system, python: packages.
        build: further lines of the `build` section.
        files: further files of the project, by path.
    """

    name: str
    kind: str
    system: tuple[str, ...] = ()
    python: tuple[str, ...] = ()
    build: str = ""
    files: dict[str, str] = field(default_factory=dict)

    def declaration(self) -> str:
        """Return the text of cog.yaml."""
        lists = {"system_packages": self.system, "python_packages": self.python}
        lines = [f"  {key}: {[*values]!r}\n" for key, values in lists.items() if values]
        more = "".join(f"  {line}\n" for line in self.build.splitlines())
        head = 'build:\n  python_version: "3.11"\n'
        return f"{head}{''.join(lines)}{more}predict: predict.py:Predictor\nimage: cog-repro-{self.name}\n"


def _source(name: str, requires: str, backend: str, **more: str) -> dict[str, str]:
    pyproject = (
        f'[project]\nname = "{name}"\nversion = "1.0"\n'
        f'[build-system]\nrequires = [{requires}]\nbuild-backend = "{backend}"\n'
    )
    return {
        f"libs/{name}/pyproject.toml": pyproject,
        **{f"libs/{name}/{path}": text for path, text in more.items()},
    }


_C = """\
#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "inc", __FILE__, -1, NULL};
PyMODINIT_FUNC PyInit_inc(void) { return PyModule_Create(&module); }
"""
_CPP = """\
#include <pybind11/pybind11.h>
#include <map>
#include <string>
namespace { std::map<std::string, int> table{{"one", 1}}; }
PYBIND11_MODULE(incpp, m) { m.def("get", [](const std::string &key) { return table.at(key); }); }
"""
_SETUP_C = "from setuptools import Extension, setup\nsetup(ext_modules=[Extension('inc', ['src/inc.c'])])\n"
_SETUP_CPP = (
    "from pybind11.setup_helpers import Pybind11Extension\nfrom setuptools import setup\n"
    "setup(ext_modules=[Pybind11Extension('incpp', ['src/incpp.cpp'])])\n"
)
_MESON = "project('infortran', 'fortran')\nexecutable('infortran', 'main.f90', install: true)\n"
_CARGO = """\
[package]
name = "inrust"
version = "1.0.0"
edition = "2021"

[[bin]]
name = "inrust"
path = "src/main.rs"
"""
_CARGO_LOCK = 'version = 3\n\n[[package]]\nname = "inrust"\nversion = "1.0.0"\n'

CASES = (
    Case(name="plain", kind="Python alone"),
    Case(name="numpy", kind="numpy, pandas", python=("numpy==2.1.3", "pandas==2.2.3")),
    Case(
        name="opencv",
        kind="OpenCV",
        system=("libgl1", "libglib2.0-0"),
        python=("opencv-python-headless==4.10.0.84",),
    ),
    Case(name="ffmpeg", kind="FFmpeg", system=("ffmpeg",)),
    Case(name="compilers", kind="compilers", system=("build-essential", "gfortran")),
    Case(name="java", kind="Java", system=("default-jre-headless",)),
    Case(name="r", kind="R", system=("r-base-core",)),
    Case(name="tex", kind="TeX", system=("texlive-latex-base",)),
    Case(name="libreoffice", kind="LibreOffice", system=("libreoffice-writer-nogui",)),
    Case(name="postgresql", kind="PostgreSQL's server", system=("postgresql",)),
    Case(name="mariadb", kind="MariaDB's server", system=("mariadb-server",)),
    Case(name="redis", kind="Redis", system=("redis-server",)),
    Case(name="ldap", kind="OpenLDAP", system=("slapd",)),
    Case(name="fonts", kind="fonts", system=("fontconfig", "fonts-dejavu", "xfonts-base")),
    Case(name="locales", kind="locales", system=("locales", "locales-all")),
    Case(name="ssh", kind="OpenSSH's server", system=("openssh-server",)),
    Case(name="dbus", kind="D-Bus", system=("dbus",)),
    Case(name="systemd", kind="systemd, udev", system=("systemd", "udev")),
    Case(name="gtk", kind="GTK", system=("libgtk-3-0", "gtk-update-icon-cache", "hicolor-icon-theme")),
    Case(name="gdal", kind="GDAL", system=("gdal-bin",)),
    Case(name="node", kind="Node.js", system=("nodejs",)),
    Case(name="chromium", kind="Chromium", system=("chromium",)),
    Case(name="ruby", kind="Ruby", system=("ruby",)),
    Case(name="postfix", kind="mail: Postfix", system=("postfix", "sasl2-bin")),
    Case(name="exim", kind="mail: Exim", system=("exim4-daemon-light",)),
    Case(name="cron", kind="cron", system=("cron",)),
    Case(name="docs", kind="man pages, SGML, XML", system=("man-db", "docbook-xml", "sgml-base")),
    Case(name="debian-python", kind="Debian's Python", system=("python3-numpy",)),
    Case(name="git", kind="Git LFS", system=("git", "git-lfs")),
    Case(name="emacs", kind="Emacs with packages", system=("emacs-nox", "elpa-markdown-mode")),
    Case(name="web", kind="nginx, Apache, PHP", system=("nginx-light", "apache2", "php-cli", "ssl-cert")),
    Case(name="mono", kind="Mono", system=("mono-runtime",)),
    Case(name="images", kind="ImageMagick, Ghostscript", system=("imagemagick", "ghostscript")),
    Case(name="spelling", kind="spelling dictionaries", system=("aspell-en", "dictionaries-common")),
    Case(name="queues", kind="RabbitMQ", system=("rabbitmq-server",)),
    Case(name="dns", kind="BIND, Unbound", system=("bind9", "unbound")),
    Case(name="desktop", kind="remote desktop", system=("xrdp", "dropbear")),
    Case(
        name="sdist",
        kind="an sdist of Python",
        python=("docopt==0.6.2",),
        build="allow_sdist: [docopt]",
    ),
    Case(
        name="source-c",
        kind="source in C",
        python=("inc @ ./libs/inc",),
        build="allow_sdist: [inc]",
        files=_source("inc", '"setuptools"', "setuptools.build_meta", **{"setup.py": _SETUP_C, "src/inc.c": _C}),
    ),
    Case(
        name="source-cpp",
        kind="source in C++",
        python=("incpp @ ./libs/incpp",),
        build="allow_sdist: [incpp]",
        files=_source(
            "incpp",
            '"setuptools", "pybind11"',
            "setuptools.build_meta",
            **{"setup.py": _SETUP_CPP, "src/incpp.cpp": _CPP},
        ),
    ),
    Case(
        name="source-fortran",
        kind="source in Fortran",
        python=("infortran @ ./libs/infortran",),
        build="allow_sdist: [infortran]",
        files=_source(
            "infortran",
            '"meson-python", "meson", "ninja"',
            "mesonpy",
            **{"meson.build": _MESON, "main.f90": "program main\n  print *, 'hello'\nend program main\n"},
        ),
    ),
    Case(
        name="source-rust",
        kind="source in Rust",
        python=("inrust @ ./libs/inrust",),
        build="allow_sdist: [inrust]",
        files=_source(
            "inrust",
            '"maturin"',
            "maturin",
            **{
                "Cargo.toml": _CARGO,
                "Cargo.lock": _CARGO_LOCK,
                "src/main.rs": 'fn main() { println!("hello from {}", file!()); }\n',
            },
        ),
    ),
    Case(
        name="commands",
        kind="commands: archives, compiled Python, a cache",
        build=(
            "run:\n"
            "  - mkdir /opt/a && echo a >/opt/a/a.py && python3 -m compileall -q /opt/a\n"
            "  - tar --sort=name --mtime=@$SOURCE_DATE_EPOCH -cf - /opt/a | gzip -n >/opt/a.tar.gz\n"
            "  - mkdir -p ~/.cache/model && echo weights >~/.cache/model/weights\n"
        ),
    ),
)
