"""The predictor is checked in its source, and only what is certain is called a mistake."""

import sys

import pytest

from cogfreeze.errors import ProjectErrors
from cogfreeze.project import cog_yaml, predictor


@pytest.fixture
def mistakes(tmp_path):
    """Write a predictor, check it, and return `(place: message, hint)` of each mistake."""

    def check(source, reference="predict.py:Predictor", *, python="3.11", more="", key="predict"):
        if source is not None:
            data = source if isinstance(source, bytes) else source.encode()
            (tmp_path / "predict.py").write_bytes(data)
        (tmp_path / "cog.yaml").write_text(f"build: {{python_version: '{python}'}}\n{more}{key}: {reference}\n")
        try:
            predictor.check(tmp_path, cog_yaml.read(tmp_path / "cog.yaml"))
        except ProjectErrors as errors:
            return [(str(each), each.hint) for each in errors.errors]
        return []

    return check


GOOD = {
    "class": "class Predictor:\n    def predict(self): ...\n",
    "newer name": "class Predictor:\n    async def run(self): ...\n",
    "cog's base": "from cog import BasePredictor\nclass Predictor(BasePredictor):\n    def predict(self): ...\n",
    "function": "def Predictor(x: int) -> int: ...\n",
    "base in the file": "class A:\n    def predict(self): ...\nclass Predictor(A): ...\n",
    "base from elsewhere": "from a import A\nclass Predictor(A): ...\n",
    "base of an expression": "class Predictor(make()): ...\n",
    "decorated": "@make\nclass Predictor: ...\n",
    "metaclass": "class Predictor(metaclass=M): ...\n",
    "assigned method": "class Predictor:\n    predict = other\n",
    "method by condition": "class Predictor:\n    if True:\n        def predict(self): ...\n",
    "class by condition": "if x:\n    y = 1\nelse:\n    class Predictor:\n        def predict(self): ...\n",
    "imported": "from a import Predictor\n",
    "imported by another name": "import a as Predictor\n",
    "imported with all": "from a import *\n",
    "assigned": "Predictor = make()\n",
    "of a loop": "for Predictor in []: ...\n",
    "of the module's getattr": "def __getattr__(name): ...\n",
    "set at run time": "globals()['Predictor'] = 1\n",
    "of itself": "class Predictor(Predictor): ...\n",
    "old encoding": b"# coding: latin-1\nclass Predictor:\n    def predict(self): '\xe9'\n",
    "odd escape": "class Predictor:\n    def predict(self): '\\d'\n",
}


@pytest.mark.parametrize("name", GOOD)
def test_what_can_predict_or_may_is_accepted(mistakes, name):
    assert mistakes(GOOD[name]) == []


def test_a_project_without_a_predictor_is_accepted(tmp_path):
    (tmp_path / "cog.yaml").write_text("build: {python_version: '3.11'}\n")

    predictor.check(tmp_path, cog_yaml.read(tmp_path / "cog.yaml"))


ADD = "add a method `def predict(self, …)`"


@pytest.mark.parametrize(
    ("source", "mistake", "hint"),
    [
        (
            None,
            "cog.yaml:2: `predict` is `predict.py`, which does not exist",
            "create it, or set `predict` to another file",
        ),
        (
            "\nclass Predictor:\n    def setup(self): ...\n",
            "predict.py:2: the class `Predictor` has no `predict` and no `run`",
            ADD,
        ),
        (
            "import cog\nclass A(Generic[T]): ...\nclass Predictor(A, cog.BasePredictor): ...\n",
            "predict.py:3: the class `Predictor` has no `predict` and no `run`",
            ADD,
        ),
        (
            "class Predictor:\n    def predcit(self): ...\n",
            "predict.py:1: the class `Predictor` has no `predict` and no `run`",
            "rename `predcit` to `predict`",
        ),
        (
            "class Predictor:\n    def predict(self): ...\n    def run(self): ...\n",
            "predict.py:1: the class `Predictor` has both `predict` and `run`",
            "keep one; they mean the same",
        ),
        (
            "class Predicter:\n    def predict(self): ...\n",
            "predict.py: does not define `Predictor`, which `predict` refers to",
            "did you mean `predict.py:Predicter`?",
        ),
        (
            "x = 1\n",
            "predict.py: does not define `Predictor`, which `predict` refers to",
            "define a class `Predictor` with a method `predict`",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_to_do(mistakes, source, mistake, hint):
    assert mistakes(source) == [(mistake, hint)]


@pytest.mark.parametrize(
    ("source", "begin"),
    [
        ("class Predictor:\n  x = (\n", "predict.py:2: is not Python 3.11: "),
        (b"x = '\xe9'\n", "predict.py:1: is not Python 3.11: "),
        ("x = 1\n\0", "predict.py"),
        ("(" * 10_000, "predict.py:1: is not Python 3.11: "),
        ("-" * 100_000 + "1", "predict.py"),
    ],
    ids=["open bracket", "encoding", "null byte", "brackets", "signs"],
)
def test_what_is_no_python_is_a_mistake_with_its_line(mistakes, source, begin):
    [(mistake, _)] = mistakes(source)

    assert mistake.startswith(begin)


def test_syntax_that_the_target_does_not_have_is_a_mistake(mistakes):
    source = "class Predictor:\n    def predict(self):\n        match 1:\n            case _: ...\n"

    assert mistakes(source, python="3.11") == []
    assert mistakes(source, python="3.9") == [
        (
            "predict.py:4: is not Python 3.9: Pattern matching is only supported in Python 3.10 and greater",
            "fix that line",
        )
    ]


def test_syntax_of_a_newer_target_is_left_to_it(mistakes):
    newer = f"3.{min(sys.version_info[1] + 1, 14)}"

    assert mistakes("class Predictor\n", python=newer) == []


def test_more_than_one_at_once_needs_an_async_predict(mistakes):
    concurrent = "concurrency: {max: 4}\n"

    assert mistakes("class Predictor:\n    async def predict(self): ...\n", more=concurrent) == []
    assert mistakes("class Predictor:\n    def predict(self): ...\n", more=concurrent) == [
        (
            "predict.py:2: `concurrency.max` is 4, but `predict` is not `async`",
            "make it `async def predict`, or remove `concurrency`",
        )
    ]


def test_a_trainer_is_a_function_or_has_train(mistakes):
    assert mistakes("def train(): ...\n", "predict.py:train", key="train") == []
    assert mistakes("class T:\n    def predict(self): ...\n", "predict.py:T", key="train") == [
        ("predict.py:1: the class `T` has no `train`", "add a method `def train(self, …)`")
    ]


def test_a_missing_runner_is_told_where_it_is_named(mistakes):
    assert mistakes(None, "run.py:Runner", key="run") == [
        (
            "cog.yaml:2: `predict` is `run.py`, which does not exist",
            "create it, or set `predict` to another file",
        )
    ]
