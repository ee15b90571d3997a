"""The schemas of inputs, as read from the source: types, arguments of `Input`, ways to write them."""

from __future__ import annotations

import pytest
from cog.schema import read
from cog.schema.inputs import has_nested_quantifier

from tests.unit.sdk.reading import document, inputs, mistakes

ENUM = {"title": "a", "description": "An enumeration.", "type": "string", "enum": ["x", "y"]}


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        ("str", {"type": "string"}),
        ("int", {"type": "integer"}),
        ("float", {"type": "number"}),
        ("bool", {"type": "boolean"}),
        ("Path", {"type": "string", "format": "uri"}),
        ("File", {"type": "string", "format": "uri"}),
        ("cog.Path", {"type": "string", "format": "uri"}),
        ("Secret", {"type": "string", "format": "password", "writeOnly": True, "x-cog-secret": True}),
        ("list", {"type": "array", "items": {}}),
        ("List[int]", {"type": "array", "items": {"type": "integer"}}),
        ("list[Path]", {"type": "array", "items": {"type": "string", "format": "uri"}}),
        ("Sequence[str]", {"type": "array", "items": {"type": "string"}}),
        ("dict", {"type": "object"}),
        ("Dict[str, int]", {"type": "object"}),
        ("Any", {"type": "object"}),
        ("Annotated[Whatever, Opaque]", {"type": "object"}),
        ("Annotated[int, 'positive']", {"type": "integer"}),
        ("Optional[str]", {"type": "string", "nullable": True}),
        ("str | None", {"type": "string", "nullable": True}),
        ("None | List[str]", {"type": "array", "items": {"type": "string"}, "nullable": True}),
        ("Union[int, str]", {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        ("Union[int, Union[str, None]]", {"anyOf": [{"type": "integer"}, {"type": "string"}], "nullable": True}),
        ("'int'", {"type": "integer"}),
        ("'Optional[Path]'", {"type": "string", "format": "uri", "nullable": True}),
    ],
)
def test_types(tmp_path, annotation, schema):
    assert inputs(tmp_path, f"a: {annotation}") == {"a": {"title": "A", "x-order": 0, **schema}}


@pytest.mark.parametrize(
    ("parameter", "before"),
    [
        ("a: Literal['x', 'y']", ""),
        ("a: str = Input(choices=['x', 'y'])", ""),
        ("a: str = Input(choices=list(TABLE))", "TABLE = {'x': open, 'y': unknown()}"),
        ("a: str = Input(choices=list(TABLE.keys()))", "TABLE = {'x': 1, **{'y': 2}}"),
        (
            "a: str = Input(choices=[each.value for each in Kind])",
            "class Kind(enum.Enum):\n    X = 'x'\n    Y = 'y'",
        ),
        ("a: str = Input(choices=sorted({'y', 'x'}))", ""),
        ("a: str = Input(choices=ALL + ['y'])", "ALL = ['x']"),
        ("a: Kind", "class Kind(str, enum.Enum):\n    X = 'x'\n    Y = 'y'"),
        ("a: Kind", "class Kind(enum.StrEnum):\n    X = enum.auto()\n    Y = enum.auto()"),
        ("a: Kind", "Kind = Literal['x', 'y']"),
    ],
)
def test_choices_are_a_component_of_their_own(tmp_path, parameter, before):
    described = document(tmp_path, f"{before}\ndef predict({parameter}) -> str: ...")

    schemas = described["components"]["schemas"]
    assert schemas["Input"]["properties"]["a"] == {"allOf": [{"$ref": "#/components/schemas/a"}], "x-order": 0}
    assert schemas["a"] == ENUM


def test_the_elements_of_a_list_may_be_choices(tmp_path):
    assert inputs(tmp_path, "a: List[int] = Input(choices=[1, 2])")["a"] == {
        "title": "A",
        "type": "array",
        "items": {"$ref": "#/components/schemas/a"},
        "x-order": 0,
    }


def test_choices_called_like_another_component_get_another_name(tmp_path):
    """An input may be called `Status`, and a training's choices like a prediction's."""
    described = document(
        tmp_path,
        "def predict(Status: Literal['a'], mode: Literal['b']) -> str: ...\n"
        "def train(mode: Literal['c']) -> str: ...",
        train="predict.py:train",
    )

    schemas = described["components"]["schemas"]
    assert schemas["Status"]["enum"] == ["starting", "processing", "succeeded", "canceled", "failed"]
    assert (schemas["Input_Status"]["enum"], schemas["mode"]["enum"]) == (["a"], ["b"])
    assert schemas["Training_mode"]["enum"] == ["c"]


def test_everything_that_input_says(tmp_path):
    """All arguments of `Input`, given by literals, by constants and by arithmetic on them."""
    read = inputs(
        tmp_path,
        """
        a: int = Input(2, description=f"up to {MOST:,} of {', '.join(KINDS)}", ge=-1, le=MOST, deprecated=True),
        b: str = Input(default=KINDS[0], min_length=1, max_length=2 ** 4, regex=r"^[a-z]+$"),
        c: Path = Input(accept="image/*"),
        d: list = Input(default=[1.5], min_length=1, max_length=3),
        """,
        "KINDS = ('one', 'two')\nMOST = 4 * 1024",
    )

    assert read == {
        "a": {
            "title": "A",
            "type": "integer",
            "default": 2,
            "description": "up to 4,096 of one, two",
            "minimum": -1,
            "maximum": 4096,
            "deprecated": True,
            "x-order": 0,
        },
        "b": {
            "title": "B",
            "type": "string",
            "default": "one",
            "minLength": 1,
            "maxLength": 16,
            "pattern": "^[a-z]+$",
            "x-order": 1,
        },
        "c": {"title": "C", "type": "string", "format": "uri", "x-cog-accept": "image/*", "x-order": 2},
        "d": {
            "title": "D",
            "type": "array",
            "items": {},
            "default": [1.5],
            "minItems": 1,
            "maxItems": 3,
            "x-order": 3,
        },
    }


@pytest.mark.parametrize(
    ("parameter", "required"),
    [
        ("a: int", True),
        ("a: int = Input()", True),
        ("a: int = Input(description='x')", True),
        ("a: int = 1", False),
        ("a: int = Input(default=1)", False),
        ("a: int = Input(default=None)", False),
        ("a: Secret = Input(default=None)", False),
        ("a: Optional[int]", False),
        ("a: Optional[int] = Input(description='x')", False),
        ("*, a: int", True),
    ],
)
def test_what_is_required(tmp_path, parameter, required):
    described = document(tmp_path, f"def predict({parameter}) -> str: ...")

    assert described["components"]["schemas"]["Input"].get("required", []) == (["a"] if required else [])


def test_the_order_of_the_signature_is_kept(tmp_path):
    read = inputs(tmp_path, "zebra_count: int, apple: str, mango: bool = False")

    assert {name: schema["x-order"] for name, schema in read.items()} == {"zebra_count": 0, "apple": 1, "mango": 2}
    assert read["zebra_count"]["title"] == "Zebra Count"


def test_objects_have_their_fields(tmp_path):
    """A dataclass or BaseModel is checked field by field; a TypedDict is a dict, as Cog has it."""
    read = inputs(
        tmp_path,
        "box: Box, extra: Extra",
        """
        @dataclass
        class Point:
            x: float
            y: float = 0.0
        class Base(BaseModel):
            at: Point
            _hidden: int = 3
            shared: ClassVar[int] = 1
        class Box(Base):
            label: Optional[str] = None
            tags: List[str] = field(default_factory=list)
        class Extra(TypedDict, total=False):
            a: int
        """,
    )

    point = {
        "title": "At",
        "type": "object",
        "properties": {
            "x": {"title": "X", "type": "number", "x-order": 0},
            "y": {"title": "Y", "type": "number", "x-order": 1},
        },
        "required": ["x"],
        "x-order": 0,
    }
    assert read["box"] == {
        "title": "Box",
        "type": "object",
        "properties": {
            "at": point,
            "label": {"title": "Label", "type": "string", "nullable": True, "x-order": 1},
            "tags": {"title": "Tags", "type": "array", "items": {"type": "string"}, "x-order": 2},
        },
        "required": ["at"],
        "x-order": 0,
    }
    assert read["extra"] == {"title": "Extra", "type": "object", "x-order": 1}


@pytest.mark.parametrize(
    ("parameter", "message", "hint"),
    [
        ("a", "`a` has no type annotation", "write `a: str`, or whatever its type is"),
        ("a: int, /", "`a` is positional-only", "remove the `/`"),
        (
            "*a: int",
            "`predict` takes `*a`, but every input needs a name and a type",
            "list each input with a name and a type",
        ),
        (
            "**a",
            "`predict` takes `**a`, but every input needs a name and a type",
            "list each input with a name and a type",
        ),
        ("a: Pth", "`Pth` is not defined in this file", "did you mean `Path`?"),
        ("a: Zzz", "`Zzz` is not defined in this file", "import it, or fix the spelling"),
        ("a: Iterator[str]", "`a`: an input cannot have this type", "use `str` and parse it"),
        ("a: List[Optional[str]]", "`a`: list items cannot be None", "omit them from the list"),
        (
            "a: Union[str, Path]",
            "`a`: a union cannot contain a file, a secret or an object",
            "make it an input of its own",
        ),
        (
            "a: int = len(sys.argv)",
            "`a`: `default` is `len(sys.argv)`, which cannot be computed without running the code",
            (
                "write it as a constant, as the schema is read from the source; or import the predictor: "
                "`cog schema --import > openapi.json`, then `cog build --openapi-schema openapi.json`"
            ),
        ),
        ("a: int = Input(defualt=1)", "`a`: `Input` has no argument `defualt`", "did you mean `default`?"),
        (
            "a: list = Input(default_factory=list)",
            "`a`: `Input` does not accept `default_factory`",
            "use `default`: a list or dict is copied for each prediction",
        ),
        ("a: int = Input(1, 2)", "`a`: `Input` accepts only the default as a positional argument", None),
        ("a: int = Input(**options)", "`a`: `Input` has no argument `**`", None),
        (
            "a: int = Input(default='x')",
            "`a`: the default 'x' is not an integer",
            "change the default or the limit",
        ),
        ("a: int = True", "`a`: the default True is not an integer", "change the default or the limit"),
        (
            "a: int = Input(default=5, le=4)",
            "`a`: the default 5 is greater than 4",
            "change the default or the limit",
        ),
        (
            "a: int = Input(default=5, ge=6)",
            "`a`: the default 5 is less than 6",
            "change the default or the limit",
        ),
        ("a: str = Input(default='x', min_length=2)", "`a`: the default 'x' is shorter than 2", None),
        ("a: str = Input(default='xyz', max_length=2)", "`a`: the default 'xyz' is longer than 2", None),
        ("a: str = Input(default='x', regex='^y')", "`a`: the default 'x' does not match `^y`", None),
        (
            "a: str = Input(default='z', choices=['x', 'y'])",
            "`a`: the default 'z' is not one of the choices: 'x', 'y'",
            "change the default or the limit",
        ),
        ("a: Literal['x'] = 'y'", "`a`: the default 'y' is not one of the choices: 'x'", None),
        ("a: List[int] = Input(default=['x'])", "`a`: the default ['x'] is not an integer", None),
        ("a: str = Input(choices=[])", "`a`: `choices` is empty", None),
        ("a: str = Input(choices=['x', 2])", "`a`: the choice 2 does not have the input's type", None),
        (
            "a: bool = Input(choices=[True])",
            "`a`: `choices` is only valid for strings and numbers",
            None,
        ),
        ("a: Literal['x', 1]", "choices must be all strings or all numbers", None),
        ("a: int = Input(ge=3, le=2)", "`a`: `ge` 3 is greater than `le` 2", "swap `ge` and `le`"),
        ("a: str = Input(ge=1)", "`a`: `ge` is only valid for numbers", None),
        ("a: int = Input(max_length=1)", "`a`: `max_length` is only valid for strings and lists", None),
        ("a: int = Input(regex='x')", "`a`: `regex` is only valid for strings", None),
        ("a: str = Input(accept='image/*')", "`a`: `accept` is only valid for files", None),
        ("a: int = Input(ge='1')", "`a`: invalid `ge`: '1'", None),
        ("a: str = Input(description=3)", "`a`: invalid `description`: 3", None),
        (
            "a: int = Input(ge=10 ** 1000)",
            "`a`: `ge` is `10 ** 1000`, which cannot be computed without running the code",
            None,
        ),
    ],
)
def test_what_cannot_be(tmp_path, parameter, message, hint):
    """Each mistake with its line, and what to do where that is not plain."""
    (mistake,) = mistakes(tmp_path, f"def predict(\n    {parameter}\n) -> str: ...")

    assert (mistake.file, mistake.line, mistake.message) == ("predict.py", 2, message)
    if hint is not None:
        assert mistake.hint == hint


def test_a_pattern_that_is_none_is_told_in_the_words_of_its_parser(tmp_path):
    (mistake,) = mistakes(tmp_path, "def predict(a: str = Input(regex='(')) -> str: ...")

    assert mistake.message.startswith("`a`: `(` is not a valid regular expression: missing )")


def test_files_inside_of_objects_are_refused(tmp_path):
    """Only the server fetches files, and it looks for them at the top."""
    (mistake,) = mistakes(tmp_path, "@dataclass\nclass Box:\n    image: Path\ndef predict(a: Box) -> str: ...")

    assert mistake.message == "`a`: an object cannot have files or secrets as fields"


def test_numbers_that_an_enum_counts_out_are_refused(tmp_path):
    """What `auto()` gives depends on the release of Python and on the class; it is not guessed."""
    (mistake,) = mistakes(
        tmp_path, "class Kind(enum.Enum):\n    X = enum.auto()\ndef predict(a: Kind) -> str: ..."
    )

    assert (mistake.line, mistake.message) == (2, "`enum.auto()` cannot be computed without running the code")


def test_a_type_that_contains_itself_is_refused(tmp_path):
    (mistake,) = mistakes(
        tmp_path, "class Tree(BaseModel):\n    inner: List['Tree']\ndef predict(a: Tree) -> str: ..."
    )

    assert (mistake.line, mistake.message) == (2, "recursive types are not supported")


def test_all_mistakes_come_at_once_in_the_order_of_the_file(tmp_path):
    found = mistakes(
        tmp_path,
        """
        def predict(
            b: int = Input(default=70, le=50),
            a=1,
            c: bytes = b"",
        ):
            ...
        """,
    )

    assert [mistake.message for mistake in found] == [
        "`predict` has no return type annotation",
        "`b`: the default 70 is greater than 50",
        "`a` has no type annotation",
        "`bytes` is not a supported type",
    ]


@pytest.mark.parametrize(
    ("parameter", "schema"),
    [
        ("a: List[dict]", {"type": "array", "items": {"type": "object"}}),
        ("a: List[Dict[str, int]]", {"type": "array", "items": {"type": "object"}}),
        ("a: List[Annotated[Whatever, Opaque]]", {"type": "array", "items": {"type": "object"}}),
        ("a: List[Named]", {"type": "array", "items": {"type": "object"}}),
        ("a: Named", {"type": "object"}),
        ("a: Optional[int]", {"type": "integer", "nullable": True}),
        ("a: Optional[int] = None", {"type": "integer", "nullable": True, "default": None}),
        ("a: str = Input(default=None)", {"type": "string", "nullable": True, "default": None}),
    ],
)
def test_objects_and_null_are_declared_as_clients_generated_for_cog_expect(tmp_path, parameter, schema):
    before = """
    class Named(TypedDict):
        x: int
    """

    assert inputs(tmp_path, parameter, before)["a"] == {"title": "A", "x-order": 0, **schema}


@pytest.mark.parametrize(
    ("pattern", "nested"),
    [
        (r"^(\w+\s?)*$", True),
        (r"(a*)*", True),
        (r"(?:a|b+?)+c", True),
        (r"(x{1,3})+", True),
        (r"((a+)b){2,}", True),
        (r"^[a-z]+$", False),
        (r"^(\d{4}-)+$", False),
        (r"(a+b+){3}", False),
        (r"^#([0-9a-f]{3}){1,2}$", False),
        (r"a+|b+", False),
        (r"(", False),
    ],
)
def test_a_nested_quantifier_is_found(pattern, nested):
    assert has_nested_quantifier(pattern) is nested


def test_a_nested_quantifier_is_warned_of(tmp_path):
    (tmp_path / "predict.py").write_text(
        "from cog import Input\ndef predict(\n    a: str = Input(regex='(a+)+'),\n) -> str: ...\n"
    )
    warnings = []

    read(str(tmp_path), "predict.py:predict", None, warnings)

    assert [(each.line, each.message) for each in warnings] == [
        (3, "`a`: `(a+)+` repeats a repetition; matching it can take very long")
    ]
