"""Requirement lines of any kind are read or refused in words, never with a traceback."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cogfreeze.errors import ProjectErrors
from cogfreeze.project.model import Build
from cogfreeze.project.python import RequirementsFile
from cogfreeze.resolve.index.wheel_files import Target
from cogfreeze.resolve.requirements import declared, graph
from cogfreeze.resolve.requirements.line import Line

MARKERS = Target(python="3.11", platform="linux/amd64").markers
# Pieces of real lines, put together in ways that nobody would.
pieces = st.one_of(
    st.sampled_from(
        [
            "app",
            "zope.interface",
            "==",
            ">=1",
            "1.0",
            "[x]",
            " ; ",
            "python_version",
            "os_name",
            "extra",
            "platform_release",
            " < ",
            " == ",
            " in ",
            " and ",
            "(",
            ")",
            '"3"',
            '"a"',
            " @ ",
            "https://u:p@host/x-1.0-py3-none-any.whl",
            "git+",
            "file:",
            "./x.whl",
            "-e .",
            "--hash=sha256:" + "0" * 64,
            " --hash",
            "-r ",
            "-c",
            "--index-url",
            "=",
            " ",
            "'",
            "\\",
            "--find-links",
            "~/x",
            "#sha256=" + "0" * 64,
            "--pre",
            "--no-binary :all:",
            "+cu128",
            "%2e",
            "é",
            "-e ./",
            "\0",
            "x" * 300,
            "#egg=app",
            "&subdirectory=",
            "[",
            "--hash=sha512:",
            "--find-links ./",
            "-C",
            "allowed @ ./",
            "\t",
        ]
    ),
    st.text(max_size=4),
)
lines = st.lists(pieces, min_size=1, max_size=8).map("".join).map(str.strip).filter(bool)


@given(st.lists(lines, max_size=4), st.lists(lines, max_size=4))
def test_any_line_is_read_or_refused_in_words(packages, texts):
    files = (RequirementsFile(path="r.txt", lines=tuple(texts)),)
    build = Build(
        python_version="3.11",
        python_packages=tuple(packages),
        python_requirements=files,
        allow_sdist=("app", "allowed"),
    )
    try:
        read = declared.read_declared(build, Path("/nonexistent"))
    except ProjectErrors as errors:
        assert all(error.message and error.where for error in errors.errors)
        assert "u:p@" not in str(errors)
        return
    for line in read.roots(MARKERS):
        assert line.where
        read.hashes(line.name or "")


@given(st.dictionaries(st.sampled_from("abc"), st.lists(lines, max_size=3), min_size=1))
def test_any_metadata_of_a_wheel_is_read(requires):
    roots = [Line(text=name, where="here", name=name) for name in requires]
    assert graph.dependency_graph(roots, requires, MARKERS).required_by.keys() == requires.keys()
