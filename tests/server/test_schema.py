"""Inputs are judged by the predictor's OpenAPI document."""

import pytest
from cogserve.protocol import Problem
from cogserve.schema.inputs import InputSchema

NO_FILE = "Input should be a data URI, or an http or https URL"


def schema(properties, required=(), definitions=None):
    inner = {"type": "object", "properties": properties, "required": list(required)}
    return InputSchema({"openapi": "3.0.2", "components": {"schemas": {"Input": inner, **(definitions or {})}}})


def messages(checker, given):
    with pytest.raises(Problem) as problem:
        checker.check(given)
    assert problem.value.status == 422
    return [(mistake["loc"][2:], mistake["msg"]) for mistake in problem.value.body["detail"]]


@pytest.mark.parametrize(
    ("part", "good", "bad", "message"),
    [
        ({"type": "string"}, "a", 1, "Input should be a valid string"),
        ({"type": "string", "minLength": 2}, "ab", "a", "String should have at least 2 characters"),
        ({"type": "string", "maxLength": 1}, "a", "ab", "String should have at most 1 character"),
        ({"type": "string", "pattern": "^a+$"}, "aa", "b", "String should match pattern '^a+$'"),
        ({"type": "integer"}, 3, "3", "Input should be a valid integer"),
        ({"type": "integer"}, 10**30, True, "Input should be a valid integer"),
        ({"type": "integer"}, -1, 1.5, "Input should be a valid integer, got a number with a fractional part"),
        ({"type": "integer", "minimum": 0}, 0, -1, "Input should be greater than or equal to 0"),
        ({"type": "number", "maximum": 1.5}, 1, 2, "Input should be less than or equal to 1.5"),
        ({"type": "number"}, 0.5, None, "Input should be a valid number"),
        ({"type": "boolean"}, False, 0, "Input should be a valid boolean"),
        ({"type": "object"}, {"a": [1]}, [], "Input should be a valid object"),
        ({"type": "array", "items": {"type": "integer"}}, [1, 2], "12", "Input should be a valid list"),
        ({"type": "string", "format": "uri"}, "data:,x", "/etc/passwd", NO_FILE),
        ({"type": "string", "format": "uri"}, "HTTPS://example.com/x", "file:///etc/passwd", NO_FILE),
        ({"enum": ["a", 1]}, "a", "b", 'Input should be one of "a", 1'),
        ({"enum": [1]}, 1, True, "Input should be one of 1"),
        (
            {"anyOf": [{"type": "integer"}, {"type": "string"}]},
            *("a", []),
            "Input should be a valid integer or Input should be a valid string",
        ),
    ],
)
def test_each_keyword_takes_what_fits_and_names_what_does_not(part, good, bad, message):
    checker = schema({"x": part})

    assert checker.check({"x": good}).values == {"x": good}
    assert messages(checker, {"x": bad}) == [(["x"], message)]


def test_every_mistake_is_told_at_once_with_its_place():
    checker = schema(
        {"a": {"type": "integer"}, "b": {"type": "array", "items": {"type": "integer"}}, "c": {"type": "string"}},
        required=["a", "c"],
    )

    assert messages(checker, {"a": "x", "b": [1, "y"]}) == [
        (["a"], "Input should be a valid integer"),
        (["b", 1], "Input should be a valid integer"),
        (["c"], "Field required"),
    ]


def test_a_missing_field_has_cogs_type():
    with pytest.raises(Problem) as problem:
        schema({"a": {"type": "integer"}}, required=["a"]).check({})

    assert problem.value.body == {
        "detail": [{"loc": ["body", "input", "a"], "msg": "Field required", "type": "value_error.missing"}]
    }


def test_unknown_fields_are_left_out_and_named():
    checked = schema({"a": {"type": "integer"}}).check({"a": 1, "b": 2})

    assert (checked.values, checked.unknown, checked.changed) == ({"a": 1}, ["b"], True)


def test_an_input_that_fits_is_passed_on_as_it_came():
    assert not schema({"a": {"type": "array", "items": {"type": "integer"}}}).check({"a": [1]}).changed


def test_a_whole_number_written_with_a_point_becomes_one():
    checked = schema({"a": {"type": "integer"}, "b": {"type": "array", "items": {"type": "integer"}}}).check(
        {"a": 2.0, "b": [1, 3.0]}
    )

    assert repr(checked.values) == "{'a': 2, 'b': [1, 3]}"
    assert checked.changed


def test_null_is_taken_where_it_is_declared():
    assert schema({"a": {"type": "string", "nullable": True}}).check({"a": None}).values == {"a": None}
    assert messages(schema({"a": {"type": "string"}}), {"a": None}) == [(["a"], "Input should be a valid string")]


def test_references_are_followed_also_to_themselves():
    checker = schema(
        {
            "tree": {"$ref": "#/components/schemas/Tree"},
            "mode": {"allOf": [{"$ref": "#/components/schemas/Mode"}]},
        },
        definitions={
            "Mode": {"type": "string", "enum": ["fast", "good"]},
            "Tree": {
                "type": "object",
                "properties": {"children": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}},
                "required": ["name"],
                "additionalProperties": {"type": "string"},
            },
        },
    )

    assert checker.check({"tree": {"name": "a", "children": [{"name": "b"}]}, "mode": "fast"}).unknown == []
    assert messages(checker, {"tree": {"name": "a", "children": [{}]}, "mode": "bad"}) == [
        (["tree", "children", 0, "name"], "Field required"),
        (["mode"], 'Input should be one of "fast", "good"'),
    ]
    assert messages(checker, {"tree": {"name": 1}, "mode": "fast"}) == [
        (["tree", "name"], "Input should be a valid string")
    ]


def test_files_are_found_alone_and_in_lists():
    path = {"type": "string", "format": "uri"}

    assert schema({"a": path, "b": {"type": "array", "items": path}, "c": {"type": "string"}}).files == ("a", "b")


@pytest.mark.parametrize("given", [[], "x", 1, True])
def test_an_input_that_is_no_object_is_refused(given):
    assert messages(schema({}), given) == [([], "Input should be a valid object")]


@pytest.mark.parametrize(
    ("document", "streaming"),
    [
        ({"x-cog-streaming": True}, True),
        ({"paths": {"/predictions": {"post": {"x-cog-streaming": True}}}}, True),
        ({"paths": {"/predictions": {"post": {}}}}, False),
        ({"paths": {}}, False),
    ],
)
def test_a_model_streams_where_our_documents_say_so_and_where_cogs_do(document, streaming):
    assert InputSchema({"openapi": "3.0.2", **document}).streaming is streaming
