"""One description of each key serves the reader, the JSON Schema, the printed project and the documentation."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from cogfreeze.errors import ProjectErrors
from cogfreeze.project import canonical, cog_yaml, reference

TOP = ("", "build", "server", "review")
# Each is good; with `gpu`, so that no example has no effect.
ROWS = [row for section in TOP for row in reference.rows(section)]
CASES = (Path(__file__).parent / "mistakes.txt").read_text().split("=== ")[1:]


def nested(path, value):
    """`a.b` and a value as `{a: {b: value}}`."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


@pytest.fixture
def read(tmp_path):
    (tmp_path / "requirements.txt").write_text("six\n")

    def read(text):
        (tmp_path / "cog.yaml").write_text(text)
        return cog_yaml.read(tmp_path / "cog.yaml")

    return read


@pytest.fixture(scope="module")
def schema():
    found = jsonschema.Draft202012Validator(reference.schema())
    found.check_schema(found.schema)
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.path)
def test_the_example_of_a_key_is_read_and_valid_and_differs_from_the_default(row, read, schema):
    declared = nested(row.path, yaml.safe_load(row.example))
    schema.validate(declared)
    base = {"build": {"python_version": "3.12"}}
    merged = base | declared | {"build": base["build"] | declared.get("build", {})}
    assert read(yaml.safe_dump(merged)) != read(yaml.safe_dump(base))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.path)
def test_a_key_is_described(row):
    assert row.meaning.endswith(".")
    assert row.kind
    assert row.default
    assert row.since


def test_a_printed_project_is_valid_by_the_schema(read, schema):
    declared = {}
    for row in ROWS:
        if row.path not in ("run", "build.python_packages"):
            declared = _merged(declared, nested(row.path, yaml.safe_load(row.example)))
    project = read(yaml.safe_dump(declared))
    printed = canonical.yaml_text(project)
    schema.validate(yaml.safe_load(printed))
    assert read(printed).build == project.build


def _merged(one, other):
    return one | {
        key: _merged(one[key], value) if isinstance(one.get(key), dict) else value for key, value in other.items()
    }


@pytest.mark.parametrize(
    "text",
    [
        "build: {pyhton_version: '3.11'}",
        "gpu: true",
        "build: {gpu: yes please}",
        "build: {platforms: [linux/riscv64]}",
        "build: {run: [{mounts: []}]}",
        "build: {run: [{command: ls, mounts: [{id: a, target: /a}]}]}",
        "server: {queue: -1}",
        "server: {deadline: 5 years}",
        "environment: {A: b}",
        "predict: predict",
        "weights: []",
        "model: a/b",
    ],
)
def test_what_the_schema_refuses_the_reader_refuses_too(text, read, schema):
    with pytest.raises(jsonschema.ValidationError):
        schema.validate(yaml.safe_load(text))
    with pytest.raises(ProjectErrors):
        read(text)


@pytest.mark.parametrize("text", ["", "build:", "build: {run: , gpu: ~}", "x-a: &a {b: 1}", "tests: [a]"])
def test_what_the_reader_takes_the_schema_takes_too(text, read, schema):
    read(text)
    schema.validate(yaml.safe_load(text) or {})


def test_the_schema_is_json():
    assert json.loads(json.dumps(reference.schema())) == reference.schema()
