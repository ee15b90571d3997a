from dataclasses import replace

import pytest

from cogfreeze.errors import ProjectError
from cogfreeze.recipe.compose import compose
from cogfreeze.recipe.dockerfile import render
from cogfreeze.recipe.model import Add, Bind, Copy, Recipe, Run, Secret, Setting, Stage, Tmpfs
from tests.unit.recipe.sample import LOCK, PLATFORM, PROJECT, SCHEMA, A

BASE = f"python:3.11@sha256:{A}"


def text_of(*steps, **changes):
    recipe = Recipe(
        platform=PLATFORM,
        frontend=None,
        epoch=1,
        stages=(Stage(name="image", base=BASE, steps=steps),),
    )
    return render(replace(recipe, **changes)).partition(" AS image\n")[2]


def test_a_frontend_is_the_first_line():
    """Anything before it, even a comment, and the engine takes the line for a comment."""
    text = render(compose(PROJECT, LOCK, PLATFORM, schema=SCHEMA))

    assert text.startswith(f"# syntax={LOCK.tools.frontend}\n")


def test_without_a_frontend_no_line_can_be_taken_for_a_directive():
    text = render(compose(PROJECT, LOCK, PLATFORM, schema=SCHEMA, builtin_frontend=True))

    assert not text.lower().startswith(("# syntax", "# escape", "# check"))


def test_a_command_is_a_heredoc_that_the_engine_does_not_expand():
    run = Run(
        script=("echo $HOME",),
        mounts=(
            Tmpfs(target="/tmp"),
            Bind(source="lists/a.txt", target="/tmp/a.txt"),
            Bind(source="/layer", target="/tmp/b", source_stage="other"),
            Secret(id="ca", target="/run/secrets/ca"),
            Secret(id="pip", target="/etc/pip.conf", required=True),
        ),
    )

    assert text_of(run) == (
        "RUN --network=none \\\n"
        "    --mount=type=tmpfs,target=/tmp \\\n"
        "    --mount=type=bind,source=lists/a.txt,target=/tmp/a.txt \\\n"
        "    --mount=type=bind,from=other,source=/layer,target=/tmp/b \\\n"
        "    --mount=type=secret,id=ca,target=/run/secrets/ca \\\n"
        "    --mount=type=secret,id=pip,target=/etc/pip.conf,required=true <<'EOF'\n"
        "set -eu\n"
        "echo $HOME\n"
        "EOF\n"
    )


def test_a_command_with_the_network_says_so_by_having_no_flag():
    assert text_of(Run(script=("true",), network=True)) == "RUN <<'EOF'\nset -eu\ntrue\nEOF\n"


def test_a_copy():
    assert text_of(Copy(source="/layer/", target="/", source_stage="a", link=True)) == (
        "COPY --link --from=a /layer/ /\n"
    )


def test_an_address_is_added_by_its_hash():
    assert text_of(Add(url="https://a.example/b?c=d", sha256=A, target=f"/fetched/{A}")) == (
        f"ADD --checksum=sha256:{A} https://a.example/b?c=d /fetched/{A}\n"
    )


def test_an_environment_value_keeps_quotes_dollars_and_backslashes():
    setting = Setting(instruction="ENV", value=(("A", 'a "b" $HOME \\ c'),))

    assert text_of(setting) == 'ENV A="a \\"b\\" \\$HOME \\\\ c"\n'


def test_words_of_a_program_are_a_json_array():
    assert text_of(Setting(instruction="CMD", value=("python", "-m", "x"))) == 'CMD ["python", "-m", "x"]\n'


def test_a_long_value_is_cut_where_the_engine_joins_it_again():
    """The engine refuses a line of 64 KiB; a schema may be longer."""
    value = "abc\\d #e " * 20_000
    text = text_of(Setting(instruction="LABEL", value=(("a", value),)))

    assert max(len(line.encode()) for line in text.splitlines()) < 65_535
    joined = text.replace("\\\n", "")
    assert joined == 'LABEL a="' + value.replace("\\", "\\\\") + '"\n'
    assert not any(line.lstrip().startswith("#") for line in text.splitlines())


def test_a_long_comment_is_wrapped():
    recipe = Recipe(
        platform=PLATFORM,
        frontend=None,
        epoch=1,
        stages=(Stage(name="image", base=BASE, steps=(), comment="word " * 100),),
    )
    lines = render(recipe).splitlines()

    assert max(map(len, lines)) <= 110


@pytest.mark.parametrize(
    "step",
    [
        Setting(instruction="ENV", value=(("A B", "c"),)),
        Setting(instruction="ENV", value=(("A", "b\nRUN evil"),)),
        Setting(instruction="ARG", value=(("A", "https://a.example/ b"),)),
        Setting(instruction="LABEL", value=(("a=b", "c"),)),
        Setting(instruction="LABEL", value=(("a", "b\u2028c"),)),
        Setting(instruction="USER", value="root\nRUN evil"),
        Setting(instruction="CMD", value=("a b",)),
        Copy(source="a b", target="/"),
        Copy(source="--link", target="/"),
        Copy(source="a", target="/", source_stage="a b"),
        Run(script=("EOF",)),
        Add(url="https://a.example/b c", sha256=A, target="/a"),
        Add(url="--chmod=777", sha256=A, target="/a"),
        Add(url="https://a.example/b", sha256=f"{A} --link", target="/a"),
        Run(script=("a\nEOF\nRUN evil",)),
        Run(script=("true",), comment="a\nRUN evil"),
        Run(script=("true",), mounts=(Tmpfs(target="/tmp,rw"),)),
        Run(script=("true",), mounts=(Secret(id="a,required", target="/a"),)),
        Run(script=("true",), mounts=(Bind(source="a,target=/etc", target="/a"),)),
        Run(script=("true",), mounts=(Bind(source="a", target="/a/../b"),)),
    ],
)
def test_a_value_that_could_mean_more_is_refused(step):
    with pytest.raises(ProjectError):
        text_of(step)


def test_the_text_says_how_to_build_it_and_whether_it_is_reproducible():
    recipe = compose(PROJECT, LOCK, PLATFORM, schema=SCHEMA)

    assert "#     docker buildx build --platform linux/amd64 --provenance=false \\\n" in render(recipe)
    assert "All other commands run without a network." in render(recipe)
    assert "NOT REPRODUCIBLE" in render(replace(recipe, reproducible=False))
