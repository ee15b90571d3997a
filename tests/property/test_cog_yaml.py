"""Whatever a declaration says, it is a Project or a list of mistakes; a Project printed reads back the same."""

import tempfile
from dataclasses import replace
from pathlib import Path

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pip._internal.req import req_file

from cogfreeze import grammar
from cogfreeze.errors import ProjectErrors
from cogfreeze.project import canonical, cog_yaml, environment, predictor, values
from cogfreeze.project.model import CHECKS, PLATFORMS, Build, InputFile, Project, RunCommand, SecretMount, Server
from cogfreeze.project.python import packages, requirements

KEYS = [
    *("build", "image", "predict", "run", "train", "environment", "concurrency", "server", "weights", "x-a", "<<"),
    *(
        "python_version",
        "python_packages",
        "python_requirements",
        "system_packages",
        "gpu",
        "cuda",
        "cudnn",
        "user",
    ),
    *(
        "base_image",
        "platforms",
        "network",
        "sources",
        "allow_sdist",
        "allow",
        "pre_install",
        "fast",
        "sdk_version",
        "max",
    ),
    *(
        "queue",
        "deadline",
        "max_body",
        "max_download",
        "max_output",
        "drain",
        "command",
        "mounts",
        "inputs",
        "type",
        "id",
        "target",
        "url",
        "gpuu",
    ),
]
FRAGMENTS = [f"{key}: " for key in KEYS] + [
    *(
        "\n",
        "\n  ",
        "\n    ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "&a ",
        "*a",
        "<<: *a",
        "|\n",
        ">-\n",
        "'",
        '"',
        "#",
        "\t",
    ),
    *("3.10", "3.11", "true", "~", "0x_", ".inf", "1e9", "!!python/object:x ", "!!set ", "---\n", "%YAML 1.1\n"),
    *(
        "predict.py:Predictor",
        "requirements.txt",
        "torch==2",
        "cog",
        "ls -l",
        "A=b",
        "\0",
        "\ufeff",
        "\x85",
        "\ud800",
    ),
]


def read(text):
    """Read text as the cog.yaml of a folder of its own; return the Project, or None and check the mistakes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cog.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        (Path(folder) / "requirements.txt").write_text("torch==2.9.0\n")
        try:
            project = cog_yaml.read(path)
            predictor.check(Path(folder), replace(project, predict=None, train=None))
        except ProjectErrors as errors:
            assert errors.errors
            assert all(each.message and each.where for each in errors.errors)
            return None
        return project


junk = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from(FRAGMENTS)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
    max_leaves=20,
)


@given(st.one_of(st.text(), st.binary(), st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join)))
@example("&a [*a]")
@example("a: &a\n  <<: *a")
@example("? [a]\n: b")
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_project_or_a_list_of_mistakes(text):
    read(text)


@given(st.dictionaries(st.sampled_from(KEYS), junk, max_size=6))
@settings(max_examples=300, deadline=None)
def test_any_values_are_a_project_or_a_list_of_mistakes(value):
    read(yaml.safe_dump(value, allow_unicode=True))


def of(name):
    """Values of a grammar, as its pattern gives them."""
    each = getattr(grammar, name)
    return st.from_regex(each.pattern, fullmatch=True).filter(each.accepts)


hosts = st.sampled_from(["https://example.com", "http://127.0.0.1:8000"])
urls = st.builds("{}/{}".format, hosts, st.text("ab0%-._~/,:=&", max_size=8)).filter(grammar.URL.accepts)
targets = st.lists(st.text("abz09._+@-", min_size=1, max_size=6), min_size=1, max_size=3).map(
    lambda parts: "/" + "/".join(parts)
).filter(grammar.CONTAINER_PATH.accepts)  # fmt: skip
printable = st.text(
    st.characters(exclude_categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"]) | st.just(" ")
)
commands = printable.map(str.strip).filter(grammar.RUN_COMMAND.accepts)
names = st.text("abcdefghij", min_size=1, max_size=6)
versions = st.builds("3.{}{}".format, st.integers(8, 14), st.sampled_from(["", ".0", ".12"]))


@st.composite
def run_commands(draw):
    places = draw(st.lists(targets, max_size=3, unique=True))
    cut = draw(st.integers(0, len(places)))
    return RunCommand(
        command=draw(commands),
        secrets=tuple(SecretMount(id=draw(names), target=each) for each in places[:cut]),
        inputs=tuple(InputFile(url=draw(urls), target=each) for each in places[cut:]),
        network=draw(st.booleans()),
    )


def tuples(of_what, **bounds):
    return st.lists(of_what, max_size=3, unique=True, **bounds).map(tuple)


@st.composite
def builds(draw):
    gpu = draw(st.booleans())
    return Build(
        python_version=draw(versions),
        gpu=gpu,
        # Without a GPU they come with a warning, and a printed Project has none.
        cuda=draw(st.none() | st.sampled_from(["11.8", "12.10", "13.0"])) if gpu else None,
        cudnn=draw(st.none() | st.sampled_from(["8", "9.10"])) if gpu else None,
        base_image=draw(st.none() | st.just(f"localhost:5000/a/b:1.0@sha256:{64 * '0'}")),
        platforms=draw(tuples(st.sampled_from(PLATFORMS), min_size=1)),
        python_packages=draw(tuples(st.builds("{}=={}.{}".format, names, st.integers(0, 9), st.integers(0, 9)))),
        system_packages=draw(tuples(of("APT_PACKAGE"))),
        run=draw(st.lists(run_commands(), max_size=3).map(tuple)),
        network=draw(st.booleans()),
        sources=draw(st.sampled_from(["allow", "declared", "refuse"])),
        allow_sdist=draw(tuples(names.map(packages.normalized))),
        allow=draw(tuples(st.sampled_from(CHECKS))),
        user=draw(st.sampled_from(["cog", "root", "yes", "null", "e3"])),
    )


variables = st.dictionaries(
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True).filter(
        lambda name: not environment.reserved(name)
    ),
    printable.filter(grammar.ENVIRONMENT_VALUE.accepts),
    max_size=3,
).map(lambda found: tuple(found.items()))

projects = st.builds(
    Project,
    file=st.just("cog.yaml"),
    image=st.sampled_from(["a", "null", "1.0", "r8.im/a/b-c:v1"]),
    predict=st.none() | of("PREDICTOR"),
    train=st.none() | of("PREDICTOR"),
    environment=variables,
    concurrency=st.integers(1, 10_000),
    build=builds(),
    server=st.builds(
        Server,
        queue=st.integers(0, 1_000_000),
        deadline=st.none() | st.floats(0, values.LONGEST_DURATION, exclude_min=True),
        max_body=st.integers(1, values.LARGEST_SIZE),
        max_download=st.integers(1, values.LARGEST_SIZE),
        max_output=st.integers(1, values.LARGEST_SIZE),
        drain=st.floats(0, values.LONGEST_DURATION).map(abs),
    ),
)


@given(projects)
@settings(max_examples=60, deadline=None)
def test_a_printed_project_reads_back_the_same(project):
    assert read(canonical.yaml_text(project)) == project


LINES = [
    *(
        "a==1",
        "#",
        " #",
        "# x",
        "\\",
        " \\",
        "\\\\",
        "\n",
        "\r\n",
        "\n",
        "\n",
        "\x0b",
        "\u2028",
        " ",
        "\t",
        "--hash=x",
    ),
    *(
        "-r ",
        "-c ",
        "requirements.txt",
        "a.txt",
        "../",
        "-e .",
        "'",
        '"',
        "${X}",
        "https://a:b@c/",
        "cog",
        "yaml",
        "==",
    ),
    *("@ ", ";", "[", "]", "git+ssh://git@", "\0", "\ufeff", "-i", "--index-url ", "é"),
]
requirements_texts = st.one_of(st.text(), st.lists(st.sampled_from(LINES), max_size=30).map("".join))


@given(requirements_texts)
@settings(max_examples=300, deadline=None)
def test_logical_lines_are_those_of_pip(text):
    """pip is the oracle of what a requirements file says."""
    numbered = req_file.ignore_comments(req_file.join_lines(enumerate(text.splitlines(), 1)))

    assert list(requirements.logical_lines(text)) == list(numbered)


@given(st.binary() | requirements_texts.map(lambda text: text.encode("utf-8", "surrogatepass")))
@settings(max_examples=300, deadline=None)
def test_any_requirements_file_is_read_or_refused(data):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "requirements.txt").write_bytes(data)

        files, mistakes, _ = requirements.read(
            Path(folder), "requirements.txt", named_at="cog.yaml:1", python="3.11"
        )

        assert mistakes or files
        assert all(each.where and each.message for each in mistakes)
        for file in files:
            assert all(grammar.REQUIREMENT_LINE.accepts(line) for line in file.lines)
