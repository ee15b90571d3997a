"""The engine's own frontend reads what we write: every value arrives as it is, and nothing else happens."""

import json
import random

import pytest

from cogfreeze import grammar
from cogfreeze.lock import file as lock_file
from cogfreeze.recipe.dockerfile import render
from cogfreeze.recipe.model import Recipe, Setting, Stage

pytestmark = pytest.mark.engine

HOSTILE = [
    'a "b" c',
    "it's",
    "$HOME ${HOME} $(id) `id`",
    "\\",
    "\\\\",
    "a\\",
    '\\"',
    "\\$HOME",
    "# no comment",
    "a # b",
    "<<EOF",
    "EOF",
    "a=b c=d",
    "--link",
    "{}[]()<>|&;*?!~^%@",
    "tab\tinside",
    " spaces around ",
    "héron 鷺 🪶",
    '"',
    "'",
    "",
    "x" * 20_000,
    "é" * 32_000,
    '"\\$' * 9_000,
]


def values():
    """The hostile ones, and many that chance makes of their parts."""
    chance = random.Random(417)
    parts = ["\\", '"', "'", "$", "`", "#", " ", "\t", "a", "{", "}", "EOF", "<<", "=", "é", "\\n"]
    made = ("".join(chance.choices(parts, k=chance.randint(1, 30))) for _ in range(300))
    return [value for value in [*HOSTILE, *made] if grammar.ENVIRONMENT_VALUE.accepts(value)]


def test_environment_and_labels_arrive_exactly(small, docker, tmp_path):
    """Each value of many goes through the frontend as a variable, and as a label."""
    base = lock_file.read(small / "cog.lock").platforms[0].base
    given = values()
    pairs = tuple((f"V{number}", value) for number, value in enumerate(given))
    labels = tuple((f"v{number}", value) for number, value in enumerate(given))
    steps = (Setting(instruction="ENV", value=pairs), Setting(instruction="LABEL", value=labels))
    stage = Stage(name="image", base=f"{base.reference}@{base.digest}", steps=steps)
    recipe = Recipe(platform="linux/amd64", frontend=None, epoch=0, stages=(stage,))
    (tmp_path / "Dockerfile").write_text(render(recipe))
    docker("buildx", "build", "--provenance=false", "--tag", "cogfreeze-test-values", str(tmp_path))

    config = json.loads(docker("image", "inspect", "cogfreeze-test-values"))[0]["Config"]
    arrived = dict(entry.split("=", 1) for entry in config["Env"])
    assert [arrived[f"V{number}"] for number in range(len(given))] == given
    assert [config["Labels"][f"v{number}"] for number in range(len(given))] == given


def test_what_cog_yaml_says_arrives_in_the_container(new_project, built, docker):
    """The whole way: YAML, project, recipe, frontend, engine, process."""
    value = "a \"b\" 'c' $HOME \\ # d"
    folder = new_project(
        "run:\n  - " + json.dumps("printf '%s' \"$GREETING\" >/usr/share/greeting; echo 'EOF' #"),
        top="environment:\n  - " + json.dumps(f"GREETING={value}") + "\n",
    )
    image = built(folder, name="cogfreeze-test-greeting")["names"][0]

    told = docker("run", "--rm", image, "python", "-c", "import os; print(os.environ['GREETING'])")
    assert told == f"{value}\n"
    assert docker("run", "--rm", image, "cat", "/usr/share/greeting") == value
