"""The schema that is read from the source and the worker that runs the code agree on every input."""

from __future__ import annotations

import json
import tempfile
import typing
from pathlib import Path

import cog
from cog.schema import read
from cogserve.protocol import Problem
from cogserve.schema.inputs import InputSchema
from cogworker.inputs import Inputs, InvalidInput
from hypothesis import given, settings
from hypothesis import strategies as st

from cogfreeze.client.inputs import inputs_from_json

PLAIN = st.sampled_from(
    [
        "str",
        "int",
        "float",
        "bool",
        "dict",
        "Secret",
        "Literal['a', 'b']",
        "Literal[1, 2]",
        "Literal[True]",
        "Point",
    ]
)
UNIONS = st.lists(
    st.sampled_from(["str", "int", "float", "bool", "dict", "Literal['a']", "List[int]"]), min_size=2, max_size=3
).map(lambda parts: f"Union[{', '.join(parts)}]")
LISTS = st.recursive(PLAIN | UNIONS, lambda inner: inner.map("List[{}]".format), max_leaves=3)
ANNOTATIONS = LISTS | LISTS.map("Optional[{}]".format)
LIMITS = st.sampled_from(
    ["", " = Input()", " = Input(default=None)", " = Input(description='x', deprecated=True)"]
)

SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.sampled_from(["", "a", "b", "1"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "y"]), inner, max_size=2),
    max_leaves=6,
)

SOURCE = """
from dataclasses import dataclass
from typing import *
from cog import Input, Secret
@dataclass
class Point:
    x: float
    y: Optional[int] = None
def predict(a: {annotation}{limits}) -> str: ...
"""


@settings(max_examples=150, deadline=None)
@given(ANNOTATIONS, LIMITS, VALUES)
def test_what_the_server_admits_the_worker_takes_and_nothing_else(annotation, limits, value):
    source = SOURCE.format(annotation=annotation, limits=limits)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "predict.py").write_text(source)
        document = json.loads(read(folder, "predict.py:predict"))
    names = {"Input": cog.Input, "Secret": cog.Secret, **vars(typing)}
    exec(source, names)

    try:
        admitted = InputSchema(document).check({"a": value}).values
    except Problem:
        admitted = None
    try:
        taken = Inputs(names["predict"]).bind({"a": value} if admitted is None else admitted)
    except InvalidInput:
        taken = None

    assert (admitted is None) == (taken is None), (annotation, value, admitted, taken)
    if admitted is not None:
        assert inputs_from_json(json.dumps({"a": value}), document) == {"a": value}
