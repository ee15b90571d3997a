"""No value that is accepted ever means more than itself in the Dockerfile, whatever characters it holds.

The reading here is our own, after the frontend's documented rules; `tests/engine/test_build_values.py` asks the
frontend itself.
"""

import json
import re
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from cogfreeze.errors import LockUnusable, ProjectError
from cogfreeze.lock.model import LockedFile
from cogfreeze.project.model import InputFile, RunCommand, SecretMount
from cogfreeze.recipe.compose import compose
from cogfreeze.recipe.dockerfile import render
from tests.unit.recipe.sample import LOCK, PLATFORM, PROJECT, SCHEMA, wheel, with_base, with_python

HOSTILE = st.sampled_from(
    [
        "a\nRUN evil",
        "a\r\nRUN evil",
        "a\\",
        "$(evil)",
        "`evil`",
        "${evil}",
        "a # b",
        "# escape=`",
        "<<EOF",
        "EOF",
        "a\x00b",
        "a\u2028b",
        "a\u202eb",
        "--mount=type=bind",
        "-o",
        '", "evil"',
        "' ; evil",
        "a b",
        "a,b=c",
        "../../etc",
        '["sh"]',
        "\ud800",
        "é",
        "",
    ]
)
TEXT = st.one_of(HOSTILE, st.text(max_size=60), st.text("ab\\\"'$`#<>|&;(){}[]=, \t-EOF\n", max_size=40))


def instructions(text):
    """Read a Dockerfile: (keyword, rest) of each instruction, heredocs as one line with their content."""
    found, lines = [], iter(text.split("\n"))
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        whole = line
        while whole.endswith("\\"):
            following = next(lines)
            whole = whole[:-1] + ("" if following.lstrip().startswith("#") else following)
        keyword, _, rest = whole.partition(" ")
        if keyword == "RUN" and (heredoc := re.search(r"<<'(\w+)'$", rest)):
            content = []
            while (inside := next(lines)) != heredoc[1]:
                content.append(inside)
            rest += "\n" + "\n".join(content)
        found.append((keyword, rest))
    return found


def unquoted(rest):
    """Read `NAME="value"` as the frontend does: a backslash takes the meaning off `"`, `$` and itself."""
    name, _, quoted = rest.partition("=")
    assert quoted[0] == quoted[-1] == '"'
    inside = quoted[1:-1]
    assert not re.search(r'(?<!\\)(?:\\\\)*["$]', inside)
    return name, re.sub(r'\\([\\"$])', r"\1", inside)


def rendered(project=PROJECT, lock=LOCK):
    """Return the text, or None where the values are refused, which must be by one of our errors."""
    try:
        return render(compose(project, lock, PLATFORM, schema=SCHEMA))
    except (ProjectError, LockUnusable):
        return None


# What runs a command's file: a `#!` line names it.
SHELL = re.compile(r"/\S+(?: \S+){0,2} /run(?=/command\.sh\)\n)")
PLAIN = [keyword for keyword, _ in instructions(rendered())]


@settings(deadline=None)
@given(TEXT)
def test_an_environment_value_arrives_as_it_is_or_is_refused(value):
    text = rendered(replace(PROJECT, environment=(("A", value),)))
    if text is not None:
        read = instructions(text)
        assert [keyword for keyword, _ in read] == PLAIN
        assert ("A", value) in [unquoted(rest) for keyword, rest in read if keyword == "ENV"]


@settings(deadline=None)
@given(TEXT)
def test_a_command_stays_in_its_file_or_is_refused(command):
    project = replace(
        PROJECT, build=replace(PROJECT.build, run=(RunCommand(command=command), *PROJECT.build.run[1:]))
    )
    text = rendered(project)
    if text is not None:
        read = instructions(text)
        assert [keyword for keyword, _ in read] == PLAIN
        scripts = [SHELL.sub("sh /run", rest) for keyword, rest in read if keyword == "RUN"]
        assert scripts == [
            SHELL.sub("sh /run", rest) for keyword, rest in instructions(rendered()) if keyword == "RUN"
        ]


@settings(deadline=None)
@given(TEXT, TEXT)
def test_a_secret_is_one_mount_or_is_refused(name, target):
    command = RunCommand(command="true", secrets=(SecretMount(id=name, target=target),))
    text = rendered(replace(PROJECT, build=replace(PROJECT.build, run=(command,))))
    if text is not None:
        run = next(rest for keyword, rest in instructions(text) if keyword == "RUN" and "command.sh" in rest)
        assert run.count("--mount=") == 2
        assert f"--mount=type=secret,id={name},target={target},required=true <<" in run


@settings(deadline=None)
@given(TEXT, TEXT)
def test_an_input_is_one_download_and_one_mount_or_is_refused(path, target):
    url = f"https://a.example/{path}"
    command = RunCommand(command="true", inputs=(InputFile(url=url, target=target),))
    lock = replace(LOCK, files=(LockedFile(url=url, sha256="a" * 64, size=1),))
    text = rendered(replace(PROJECT, build=replace(PROJECT.build, run=(command,))), lock)
    if text is not None:
        read = instructions(text)
        assert [rest.split() for keyword, rest in read if keyword == "ADD"] == [
            [f"--checksum=sha256:{'a' * 64}", url, f"/fetched/{'a' * 64}"]
        ]
        run = next(rest for keyword, rest in read if keyword == "RUN" and "command.sh" in rest)
        assert run.count("--mount=") == 2


@settings(deadline=None)
@given(TEXT)
def test_names_of_image_predictor_and_user_change_no_instruction(value):
    for project in (
        replace(PROJECT, image=value),
        replace(PROJECT, predict=value),
        replace(PROJECT, build=replace(PROJECT.build, user=value)),
    ):
        text = rendered(project)
        if text is not None:
            read = instructions(text)
            assert [keyword for keyword, _ in read] == PLAIN
            config = dict(unquoted(rest) for keyword, rest in read if keyword == "LABEL")["run.cog.config"]
            assert json.loads(config)["image"] == project.image


@settings(deadline=None)
@given(TEXT)
def test_a_locks_values_are_plain_or_refused(value):
    (platform,) = LOCK.platforms
    deb = platform.apt.packages[0]
    own = platform.python.runtime
    for lock in (
        with_base(LOCK, reference=value),
        with_base(LOCK, digest=value),
        with_base(LOCK, packages=value),
        with_python(LOCK, version=value),
        with_python(LOCK, wheels=(replace(wheel("a"), name=value),)),
        with_python(LOCK, wheels=(replace(wheel("a"), version=value),)),
        with_python(LOCK, wheels=(replace(wheel("a"), file=value),)),
        with_python(LOCK, wheels=(replace(wheel("a"), index=value),)),
        with_python(LOCK, runtime=(*own, replace(wheel("a"), sha256=value))),
        replace(LOCK, tools=replace(LOCK.tools, frontend=value)),
        *(
            replace(
                LOCK,
                platforms=(
                    replace(platform, apt=replace(platform.apt, packages=(replace(deb, **{field: value}),))),
                ),
            )
            for field in ("name", "version", "path", "archive", "sha256")
        ),
    ):
        text = rendered(lock=lock)
        if text is not None:
            keywords = [keyword for keyword, _ in instructions(text)]
            assert set(keywords) == set(PLAIN)
            assert not set(value) & set("\n\r \"'$`\\;&|<>()#")


@settings(deadline=None, max_examples=30)
@given(st.randoms())
def test_the_order_of_the_locks_packages_does_not_count(random):
    (platform,) = LOCK.platforms
    shuffled = with_python(
        LOCK,
        wheels=tuple(random.sample(platform.python.wheels, len(platform.python.wheels))),
        runtime=tuple(random.sample(platform.python.runtime, len(platform.python.runtime))),
    )

    assert (
        compose(PROJECT, shuffled, PLATFORM, schema=SCHEMA).stages[:-1]
        == compose(PROJECT, LOCK, PLATFORM, schema=SCHEMA).stages[:-1]
    )
