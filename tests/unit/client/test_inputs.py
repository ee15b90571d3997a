"""`-i name=value` and `--json` become the input object that the model's OpenAPI document wants."""

import base64
import json

import pytest

from cogfreeze.client.inputs import inputs_from, inputs_from_json
from cogfreeze.errors import UsageError


def document(required=(), **properties):
    parts = {
        "Input": {"type": "object", "properties": properties, "required": list(required)},
        "Colour": {"type": "string", "enum": ["red", "blue"]},
        "Size": {"type": "integer", "enum": [1, 2, 4]},
    }
    return {"openapi": "3.0.2", "components": {"schemas": parts}}


FILE = {"type": "string", "format": "uri"}
EVERY_TYPE = document(
    text={"type": "string"},
    count={"type": "integer", "minimum": 0},
    ratio={"type": "number"},
    flag={"type": "boolean"},
    options={"type": "object"},
    image=FILE,
    names={"type": "array", "items": {"type": "string"}},
    numbers={"type": "array", "items": {"type": "integer"}},
    images={"type": "array", "items": FILE},
    colour={"allOf": [{"$ref": "#/components/schemas/Colour"}], "default": "red"},
    size={"allOf": [{"$ref": "#/components/schemas/Size"}]},
    either={"anyOf": [{"type": "string"}, {"type": "integer"}]},
    number={"anyOf": [{"type": "string"}, {"type": "number"}]},
)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        (["text=a=b"], {"text": "a=b"}),
        (["text="], {"text": ""}),
        (["text=5"], {"text": "5"}),
        (["text=@@handle"], {"text": "@handle"}),
        (["number=1"], {"number": 1}),
        (["number=1.5"], {"number": 1.5}),
        (["count=5"], {"count": 5}),
        (["ratio=1e3"], {"ratio": 1000.0}),
        (["flag=True"], {"flag": True}),
        (["flag=0"], {"flag": False}),
        (['options={"a": [1]}'], {"options": {"a": [1]}}),
        (["names=a", "names=b"], {"names": ["a", "b"]}),
        (["numbers=1"], {"numbers": [1]}),
        (["numbers=[1, 2]"], {"numbers": [1, 2]}),
        (["colour=blue"], {"colour": "blue"}),
        (["size=4"], {"size": 4}),
        (["either=7"], {"either": 7}),
        (["either=seven"], {"either": "seven"}),
        (["image=https://host/a.png"], {"image": "https://host/a.png"}),
        ([], {}),
    ],
)
def test_a_word_becomes_the_type_that_is_declared(pairs, expected):
    made = inputs_from(pairs, EVERY_TYPE)

    assert expected == made
    assert [type(each) for each in expected.values()] == [type(each) for each in made.values()]


def test_a_file_is_a_data_uri_where_a_file_is_declared(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG\0")
    (tmp_path / "b.unknown").write_bytes(b"")

    made = inputs_from(
        [f"image=@{tmp_path}/a.png", f"images=@{tmp_path}/a.png", f"images=@{tmp_path}/b.unknown"], EVERY_TYPE
    )

    png = "data:image/png;name=a.png;base64," + base64.b64encode(b"\x89PNG\0").decode()
    assert {"image": png, "images": [png, "data:application/octet-stream;name=b.unknown;base64,"]} == made


def test_a_file_is_its_content_where_something_else_is_declared(tmp_path):
    (tmp_path / "prompt.txt").write_text("Grüße\n")
    (tmp_path / "options.json").write_text('{"steps": 5}')

    made = inputs_from([f"text=@{tmp_path}/prompt.txt", f"options=@{tmp_path}/options.json"], EVERY_TYPE)

    assert made == {"text": "Grüße\n", "options": {"steps": 5}}


@pytest.mark.parametrize(
    ("pairs", "message", "hint"),
    [
        (["txt=a"], "the model has no input `txt`", "did you mean `text`?"),
        (["text"], "`text` is not `name=value`", "write `-i name=value` or `-i name=@file`"),
        (["=a"], "`=a` is not `name=value`", "write `-i name=value` or `-i name=@file`"),
        (["count=1.5"], "input `count` must be an integer, not `1.5`", None),
        (["ratio=nan"], "input `ratio` must be a number, not `nan`", None),
        (['options={"a": NaN}'], "input `options` must be a JSON object: `NaN` is not a JSON number", None),
        (['options={"a": 1e999}'], "input `options` must be a JSON object: `1e999` is not a JSON number", None),
        (["ratio=x"], "input `ratio` must be a number, not `x`", None),
        (["flag=maybe"], "input `flag` must be `true` or `false`, not `maybe`", None),
        (["options=[]"], "input `options` must be a JSON object", None),
        (["colour=green"], "input `colour` must be one of `red`, `blue`, not `green`", None),
        (["size=3"], "input `size` must be one of `1`, `2`, `4`, not `3`", None),
        (["text=a", "text=b"], "input `text` was given more than once, but is not a list", None),
        (["image=a.png"], "input `image` must be a file or a URL", "to send the file `a.png`, write `@a.png`"),
        (
            ["image=@/no/such.png"],
            "input `image` cannot read the file `/no/such.png`: No such file or directory",
            None,
        ),
    ],
)
def test_a_mistake_is_named_with_what_to_do(pairs, message, hint):
    with pytest.raises(UsageError) as caught:
        inputs_from(pairs, EVERY_TYPE)

    assert (message, hint) == (caught.value.message, caught.value.hint)


def test_every_mistake_is_told_at_once():
    schema = document(["image", "count"], image=FILE, count={"type": "integer"}, flag={"type": "boolean"})

    with pytest.raises(UsageError) as caught:
        inputs_from(["flag=x", "other=1"], schema)

    assert caught.value.message == (
        "the model has no input `other`; input `image` is missing; input `count` is missing; "
        "input `flag` must be `true` or `false`, not `x`"
    )
    assert caught.value.hint == (
        "the model's inputs are `image`, `count`, `flag`; add `-i image=@FILE`; add `-i count=INTEGER`"
    )


def test_a_json_object_is_taken_as_it_is_with_files_put_in(tmp_path):
    (tmp_path / "a.txt").write_text("hi")
    given = {"image": f"@{tmp_path}/a.txt", "images": [f"@{tmp_path}/a.txt"], "text": "@handle", "count": 3}

    made = inputs_from_json(json.dumps(given), EVERY_TYPE)

    uri = "data:text/plain;name=a.txt;base64,aGk="
    assert {"image": uri, "images": [uri], "text": "@handle", "count": 3} == made


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "{",
            (
                "the input is not valid JSON: Expecting property name enclosed in double quotes: "
                "line 1 column 2 (char 1)"
            ),
        ),
        ("[1]", "the input is not a JSON object"),
        ('{"image": -Infinity}', "the input is not valid JSON: `-Infinity` is not a JSON number"),
        ('{"imag": 1}', "the model has no input `imag`; input `image` is missing"),
    ],
)
def test_an_unusable_json_input_is_refused(text, message):
    with pytest.raises(UsageError) as caught:
        inputs_from_json(text, document(["image"], image=FILE))

    assert message == caught.value.message


LIMITED = document(
    steps={"type": "integer", "minimum": 1, "maximum": 50},
    name={"type": "string", "minLength": 2, "maxLength": 8, "pattern": "^[a-z]+$"},
    key={"type": "string", "format": "password", "pattern": "^sk-"},
    tags={"type": "array", "items": {"type": "integer", "maximum": 9}, "maxItems": 2},
    either={"anyOf": [{"type": "boolean"}, {"type": "number"}], "minimum": 0},
    flag={"type": "boolean", "nullable": True},
)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"steps": 70}, "input `steps` must be at most 50, not 70"),
        ({"steps": 0}, "input `steps` must be at least 1, not 0"),
        ({"steps": 1.5}, "input `steps` must be an integer, not `1.5`"),
        ({"steps": True}, "input `steps` must be an integer, not `true`"),
        ({"name": "a"}, "input `name` must have at least 2 characters, not 1"),
        ({"name": "abcdefghi"}, "input `name` must have at most 8 characters, not 9"),
        ({"name": "AB"}, "input `name` must match the pattern `^[a-z]+$`, not `AB`"),
        ({"key": "password"}, "input `key` must match the pattern `^sk-`"),
        ({"tags": [1, 2, 3]}, "input `tags` must have at most 2 items, not 3"),
        ({"tags": [1, 10]}, "input `tags` item 1 must be at most 9, not 10"),
        ({"either": "x"}, "input `either` must be true or false or a number, not `x`"),
        ({"either": -1}, "input `either` must be at least 0, not -1"),
        ({"flag": "yes"}, "input `flag` must be true or false, not `yes`"),
        ({"name": {"a": "b" * 99}}, 'input `name` must be a string, not `{"a": "' + "b" * 50 + "...`"),
    ],
)
def test_limits_are_checked_with_the_limit_and_the_value(given, message):
    """And a secret is never shown."""
    with pytest.raises(UsageError) as caught:
        inputs_from_json(json.dumps(given), LIMITED)

    assert caught.value.message == message


def test_all_limits_are_checked_at_once_in_both_forms():
    good = {"steps": 1.0, "name": "ab", "tags": [], "flag": None, "either": 0}
    message = "input `steps` must be at most 50, not 70; input `name` must have at least 2 characters, not 1"

    assert inputs_from_json(json.dumps(good), LIMITED) == good
    for call in (
        lambda: inputs_from(["steps=70", "name=a"], LIMITED),
        lambda: inputs_from_json('{"steps": 70, "name": "a"}', LIMITED),
    ):
        with pytest.raises(UsageError) as caught:
            call()
        assert caught.value.message == message
