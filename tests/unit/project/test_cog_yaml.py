"""cog.yaml: all of Cog's keys are read, ours too, and every mistake is told with its line and what to do."""

import re
from pathlib import Path

import pytest

from cogfreeze.errors import ProjectError, ProjectErrors
from cogfreeze.project import cog_yaml
from cogfreeze.project.model import (
    CHECKS,
    Build,
    InputFile,
    Project,
    RequirementsFile,
    RunCommand,
    SecretMount,
    Server,
)

ROOT = Path(__file__).parents[3]


@pytest.fixture
def project(tmp_path):
    """Write a cog.yaml into the folder `my-model` and read it."""
    folder = tmp_path / "my-model"
    folder.mkdir()

    def read(text, **files):
        for name, content in files.items():
            (folder / name).with_suffix(".txt").write_text(content)
        (folder / "cog.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return cog_yaml.read(folder / "cog.yaml")

    return read


@pytest.fixture
def mistakes(project):
    """Read a cog.yaml that is wrong; return `(where, message, hint)` of each mistake."""

    def read(text, **files):
        with pytest.raises(ProjectErrors) as caught:
            project(text, **files)
        return [(each.where, each.message, each.hint) for each in caught.value.errors]

    return read


WHOLE = """
image: "r8.im/your-username/your-model"
predict: "predict.py:Predictor"
train: train.py:train
environment:
  - HF_HOME=/src/cache
  - GREETING=it's "quoted" = $HOME
concurrency: {max: 4}
build:
  python_version: "3.11.1"
  gpu: true
  cuda: "11.8"
  cudnn: 8
  base_image: debian:bookworm-slim
  platforms: [linux/arm64, linux/amd64]
  python_packages:
    - pillow==8.3.1
    - zope.interface==6.0 ; python_version < "3.12"
  system_packages:
    - "ffmpeg"
    - libgl1=1.6.0-1
  run:
    - cd cowsay-3.7.0 && make install
    - command: pip install
      mounts:
        - type: secret
          id: pip
          target: /etc/pip.conf
    - command: tar -xf /inputs/a.tar
      network: true
      inputs:
        - {url: "https://example.com/a.tar", target: /inputs/a.tar}
  network: false
  allow_sdist: [Some.Package]
  allow: [same-file]
  user: root
server:
  queue: 0
  deadline: 5m
  max_body: 1GiB
  drain: 500ms
  protocols: [openai]
"""


def test_every_key_is_read(project):
    assert project(WHOLE) == Project(
        file="cog.yaml",
        image="r8.im/your-username/your-model",
        predict="predict.py:Predictor",
        train="train.py:train",
        environment=(("HF_HOME", "/src/cache"), ("GREETING", 'it\'s "quoted" = $HOME')),
        concurrency=4,
        build=Build(
            python_version="3.11.1",
            gpu=True,
            cuda="11.8",
            cudnn="8",
            base_image="debian:bookworm-slim",
            platforms=("linux/arm64", "linux/amd64"),
            python_packages=("pillow==8.3.1", 'zope.interface==6.0 ; python_version < "3.12"'),
            system_packages=("ffmpeg", "libgl1=1.6.0-1"),
            run=(
                RunCommand(command="cd cowsay-3.7.0 && make install"),
                RunCommand(command="pip install", secrets=(SecretMount(id="pip", target="/etc/pip.conf"),)),
                RunCommand(
                    command="tar -xf /inputs/a.tar",
                    network=True,
                    inputs=(InputFile(url="https://example.com/a.tar", target="/inputs/a.tar"),),
                ),
            ),
            allow_sdist=("some-package",),
            allow=("same-file",),
            user="root",
        ),
        server=Server(queue=0, deadline=300.0, max_body=1024**3, drain=0.5, protocols=("openai",)),
    )


def test_the_defaults(project):
    assert project("build: {python_version: '3.12'}") == Project(
        file="cog.yaml", image="cog-my-model", build=Build(python_version="3.12")
    )


def test_a_file_that_says_nothing_is_a_project_with_a_warning(project):
    warning = "cog.yaml:1: `build.python_version` is not set: Python 3.13 is used"
    for text in ("", "# nothing\n", "build:\n", "---\n"):
        assert project(text) == Project(
            file="cog.yaml", image="cog-my-model", build=Build(python_version="3.13"), warnings=(warning,)
        )


def test_run_at_the_top_is_the_newer_name_of_predict(project):
    assert project("run: run.py:Runner").predict == "run.py:Runner"
    assert project("predict: ./sub/run.py:Runner").predict == "sub/run.py:Runner"


def test_a_requirements_file_is_read(project):
    text = "build: {python_version: '3.12', python_requirements: requirements.txt}"

    assert project(text, requirements="numpy==1.26.4 --hash=sha256:00\n").build.python_requirements == (
        RequirementsFile(path="requirements.txt", lines=("numpy==1.26.4 --hash=sha256:00",)),
    )


@pytest.mark.parametrize("value", ['"3.11"', "3.11", "'3.11'"])
def test_a_version_may_be_a_number_that_yaml_reads_as_it_was_typed(project, value):
    assert project(f"build: {{python_version: {value}}}").build.python_version == "3.11"


def test_a_value_of_nothing_is_as_if_the_key_were_absent(project):
    text = "image:\npredict:\nenvironment:\nbuild: {python_version: '3.12', run: , gpu: ~}\nserver:"

    assert project(text) == project("build: {python_version: '3.12'}")


@pytest.mark.parametrize(
    "text",
    [
        "build:\r\n  python_version: '3.12'\r\n  run:\r\n    - ls -l\r\n",
        "\ufeffbuild:\n  python_version: '3.12'\n  run: [ls -l]\n",
        "x-shared: &shared {python_version: '3.12'}\nbuild:\n  <<: *shared\n  run: [ls -l]\n",
        "x-b: &b {python_version: '3.9', gpu: false}\nbuild: {<<: *b, python_version: '3.12', run: ['ls -l']}",
        "build:\n  python_version: '3.12'\n  run:\n    - |\n      ls -l\n",
        "build:\n  python_version: '3.12'\n  run:\n    - >-\n      ls\n      -l\n",
        "build:\n  python_version: '3.12'\n  run:\n    - {command: ls -l, mounts: [], inputs: }\n",
    ],
    ids=["CRLF", "BOM", "alias", "merge", "block", "folded", "mapping"],
)
def test_other_ways_to_write_the_same(project, text):
    assert project(text).build == Build(python_version="3.12", run=(RunCommand(command="ls -l"),))


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("My Model!", "cog-mymodel"),
        ("a" * 40, "cog-" + "a" * 26),
        ("a" * 25 + "-" + "b" * 5, "cog-" + "a" * 25),
        ("日本", "cog-model"),
        ("--", "cog-model"),
    ],
)
def test_the_image_is_named_for_the_folder(tmp_path, folder, name):
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "cog.yaml").write_text("")

    assert cog_yaml.read(tmp_path / folder / "cog.yaml").image == name


SDK = "the image has the SDK of the cogfreeze release that is locked"
PRE_INSTALL = "is deprecated: its commands run after those of `run`; move them there"


def test_what_cog_has_removed_is_a_warning(project):
    text = """\
build:
  python_version: 3.12
  fast: false
  cog_runtime: true
  python_overrides: x.txt
  sdk_version: 0.16.0
  cuda: "12.4"
  pre_install: [ls]
  run: [cd /]
tests: [a]
observability: {traces: {enabled: true}}
concurrency: {default_target: 4}
"""
    found = project(text)

    assert found.build.run == (RunCommand(command="cd /"), RunCommand(command="ls"))
    assert [warning.partition(": ")[::2] for warning in found.warnings] == [
        ("cog.yaml:3", "`build.fast` has no effect: Cog has removed it"),
        ("cog.yaml:4", "`build.cog_runtime` has no effect: Cog has removed it"),
        ("cog.yaml:5", "`build.python_overrides` has no effect: Cog has removed it"),
        ("cog.yaml:6", f"`build.sdk_version` has no effect: {SDK}"),
        ("cog.yaml:7", "`build.cuda` has no effect without `gpu: true`"),
        ("cog.yaml:8", f"`build.pre_install` {PRE_INSTALL}"),
        ("cog.yaml:10", "`tests` has no effect: Cog has removed it"),
        ("cog.yaml:11", "`observability` has no effect: the server's traces and metrics need no setting"),
        ("cog.yaml:12", "`concurrency.default_target` has no effect: Cog ignores it too"),
    ]


def test_the_cache_mounts_of_a_command_are_left_out_with_a_warning(project):
    found = project(
        "build:\n"
        '  python_version: "3.11"\n'
        "  run:\n"
        "    - --mount=type=cache,target=/root/.cache/pip --mount=type=cache,target=/x make it\n"
        "    - command: --mount=type=cache,id=y more\n"
    )

    assert found.build.run == (RunCommand(command="make it"), RunCommand(command="more"))
    assert [warning for warning in found.warnings if "mount" in warning] == [
        (
            "cog.yaml:4: `build.run[0]`: `--mount=type=cache,target=/root/.cache/pip --mount=type=cache,target=/x`"
            " is left out: a build here has no cache"
        ),
        "cog.yaml:5: `build.run[1].command`: `--mount=type=cache,id=y` is left out: a build here has no cache",
    ]


def test_cog_itself_among_the_packages_is_dropped_with_a_warning(project):
    found = project(
        "build:\n  python_version: '3.12'\n  python_packages:\n    - cog==0.9.4\n    - Coglet\n    - cogs==1\n"
    )

    assert found.build.python_packages == ("cogs==1",)
    dropped = "is dropped, because the image provides `{}`; remove it, or set `build.allow: [cog]`"
    assert found.warnings == (
        "cog.yaml:4: `build.python_packages[0]` " + dropped.format("cog==0.9.4"),
        "cog.yaml:5: `build.python_packages[1]` " + dropped.format("Coglet"),
    )


def test_the_drop_of_cog_itself_can_be_silenced(project):
    start = "build:\n  python_version: '3.12'\n  allow: [cog]\n"
    found = project(start + "  python_packages: [cog==0.9.4, six]\n")
    assert (found.build.python_packages, found.warnings) == (("six",), ())
    found = project(start + "  python_requirements: requirements.txt\n", requirements="cog\nsix\n")
    assert (found.build.python_requirements[0].lines, found.warnings) == (("six",), ())


def test_a_package_that_installs_the_real_one_is_a_warning(project):
    found = project("build:\n  python_version: '3.12'\n  python_packages: [bs4==0.0.2]\n")

    assert found.build.python_packages == ("bs4==0.0.2",)
    bs4 = "the package of `bs4` is called `beautifulsoup4`: write `beautifulsoup4==0.0.2`"
    assert found.warnings == (f"cog.yaml:3: `build.python_packages[0]`: {bs4}",)


def _cases():
    """The cases of mistakes.txt: `=== name`, the cog.yaml, `--- error: …`, `--- hint: …`."""
    for case in (Path(__file__).parent / "mistakes.txt").read_text().split("=== ")[1:]:
        name, _, rest = case.rstrip("\n").partition("\n")
        text, _, answers = rest.partition("--- error: ")
        error, _, hint = answers.partition("\n--- hint: ")
        yield pytest.param(text, error, hint or None, id=name)


@pytest.mark.parametrize(("text", "error", "hint"), list(_cases()))
def test_a_mistake_is_told_with_its_line_and_what_to_do(mistakes, text, error, hint):
    assert [(f"{where}: {message}", hint) for where, message, hint in mistakes(text)] == [(error, hint)]


@pytest.mark.parametrize(
    ("text", "where", "message", "hint"),
    [
        ("build:\n\tgpu: true\n", "cog.yaml:2", "is not YAML: a tab cannot indent", "indent with spaces"),
        (
            "image: a\n# \x1b\n",
            "cog.yaml:2",
            "is not YAML: it contains an invisible character",
            "remove the character U+001B",
        ),
        (
            "image: a\n---\nimage: b\n",
            "cog.yaml:2",
            "is not YAML: it contains more than one document",
            "remove everything from the second `---` on",
        ),
        (b"image: a\n# \xe9\n", "cog.yaml:2", "is not UTF-8 text", "save the file as UTF-8"),
        (
            b"\xff\xfei\x00m\x00a\x00g\x00e\x00:\x00 \x00a\x00\n\x00",
            "cog.yaml:1",
            "is not UTF-8 text",
            "save the file as UTF-8",
        ),
        ("#" * (cog_yaml.LARGEST + 1), "cog.yaml", "is larger than 128 KiB", None),
        ("[" * 2000, "cog.yaml", "is nested too deeply", None),
    ],
    ids=["tab", "control character", "two documents", "Latin-1", "UTF-16", "too large", "too deep"],
)
def test_a_file_that_is_no_plain_yaml_is_refused(mistakes, text, where, message, hint):
    assert mistakes(text) == [(where, message, hint)]


def test_an_alias_bomb_is_refused(mistakes):
    bomb = "a: &a [x, x]\n" + "".join(
        f"{b}: &{b} [*{a}, *{a}, *{a}]\n" for a, b in zip("abcdefghijk", "bcdefghijkl", strict=True)
    )

    assert [message for _, message, _ in mistakes(bomb)] == ["contains more than 10,000 values, counting aliases"]


def test_a_merge_bomb_is_refused(mistakes):
    pairs = zip("abcdefghijk", "bcdefghijkl", strict=True)
    bomb = "a: &a {x: 1}\n" + "".join(f"{b}: &{b} {{<<: [*{a}, *{a}, *{a}]}}\n" for a, b in pairs)

    assert [message for _, message, _ in mistakes(bomb)] == ["contains more than 10,000 values, counting aliases"]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(mistakes):
    text = """\
server: {queu: 3}
build:
  python_packages: [torch=2]
  python_requirements: requirements.txt
  gpu: 1
predict: predict
"""
    assert [(where, message) for where, message, _ in mistakes(text, requirements="yaml\n")] == [
        ("cog.yaml:1", "`server.queu` is not a key"),
        ("cog.yaml:3", "`build.python_packages[0]`: `torch=2` is not a requirement"),
        ("cog.yaml:4", "`build.python_requirements` and `build.python_packages` cannot both be set"),
        ("requirements.txt:1", "the package of `yaml` is called `pyyaml`"),
        ("cog.yaml:5", "`build.gpu` must be true or false, is a number"),
        ("cog.yaml:6", "`predict` must be of the form `predict.py:Predictor`, is `predict`"),
    ]


def test_a_mistake_of_a_merged_value_is_told_where_it_stands(mistakes):
    text = "x-a: &a\n  python_version: 3.10\nbuild:\n  <<: *a\n"

    assert [where for where, _, _ in mistakes(text)] == ["cog.yaml:2"]


def test_the_project_of_the_folder_is_found(tmp_path):
    (tmp_path / "cog.yaml").write_text("")
    (tmp_path / "cog.gpu.yaml").write_text("")

    assert cog_yaml.find(tmp_path) == tmp_path / "cog.yaml"
    assert cog_yaml.find(tmp_path, "cog.gpu.yaml") == tmp_path / "cog.gpu.yaml"


def test_the_project_is_found_in_the_nearest_folder_above(tmp_path):
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (tmp_path / "cog.yaml").write_text("")
    (tmp_path / "cog.gpu.yaml").write_text("")
    assert cog_yaml.find(folder) == tmp_path / "cog.yaml"
    assert cog_yaml.find(folder, "cog.gpu.yaml") == tmp_path / "cog.gpu.yaml"
    (tmp_path / "a" / "cog.yaml").write_text("")
    assert cog_yaml.find(folder) == tmp_path / "a" / "cog.yaml"


@pytest.mark.parametrize(
    ("there", "file", "message", "hint"),
    [
        ((), None, "there is no `cog.yaml` in this folder or above it", "run `cog init` to start a project here"),
        (
            (),
            "x.yaml",
            "there is no `x.yaml` in this folder or above it",
            "`-f` takes the path of the project's file",
        ),
        (
            ("a/b/cog.yml",),
            None,
            "there is no `cog.yaml`, only a `cog.yml`",
            "rename `cog.yml` to `cog.yaml`, or pass `-f cog.yml`",
        ),
        (("a/b/cog.yaml/x",), None, "`cog.yaml` is a folder, not a file", None),
    ],
)
def test_a_folder_without_a_project_says_what_to_do(tmp_path, there, file, message, hint):
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    for each in there:
        (tmp_path / each).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / each).write_text("")

    with pytest.raises(ProjectError) as caught:
        cog_yaml.find(folder, file)

    assert caught.value.message == message
    assert caught.value.hint == hint


def test_a_file_that_cannot_be_read_is_one_clear_mistake(tmp_path):
    with pytest.raises(ProjectErrors) as caught:
        cog_yaml.read(tmp_path)

    assert str(caught.value) == f"{tmp_path.name}: is not a file"


def test_every_check_of_the_lock_can_be_allowed():
    """A check that `cog lock` makes and cog.yaml can't name would have no way out."""
    sources = "".join(path.read_text() for path in (ROOT / "cogfreeze" / "resolve").rglob("*.py"))
    made = re.findall(r'Finding\(\s*name="([a-z-]+)"', sources)

    # That of a requirement on `cog` itself is made where the declaration is read.
    assert {*made, "cog"} == set(CHECKS)


def test_the_reference_explains_every_key_and_no_other(project, mistakes):
    """`docs/cog-yaml.md` has a heading for each key; every example in it that is a whole file is read."""
    text = (ROOT / "docs" / "cog-yaml.md").read_text()
    documented = set(re.findall(r"^### `([a-z_.]+)`", text, re.MULTILINE))

    def keys_of(section, prefix):
        """The keys that the hint for an unknown one names."""
        [(_, _, hint)] = mistakes(section.format("zzz: 1"))
        return {f"{prefix}{key}" for key in re.findall("`([a-z_]+)`", hint)}

    sections = {"build", "server", "review", "concurrency"}
    known = keys_of("{}", "") - sections
    for section in sections:
        known |= keys_of(f"{section}: {{{{{{}}}}}}", f"{section}.")
    assert documented == known
    examples = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert len(examples) >= len(known)
    for example in examples:
        project(example, requirements="torch==2.9.0\n")
