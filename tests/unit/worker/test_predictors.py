"""Every kind of predictor: what it gets, and what comes of it."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.pythons import OWN
from tests.unit.worker.driver import WorkerProcess

EVERY_KIND = """
    from typing import Dict, Iterator, List, Optional
    from cog import BaseModel, BasePredictor, Input, Path, Secret, current_scope

    class Output(BaseModel):
        text: str
        score: float = 0.5

    class Predictor(BasePredictor):
        def setup(self):
            self.greeting = "hello"

        def predict(
            self,
            name: str = Input(min_length=1),
            image: Optional[Path] = None,
            token: Secret = Input(default=None),
            steps: int = Input(default=3, ge=1, le=5),
            tags: List[str] = Input(default=["a"]),
        ) -> Output:
            self.record_metric("steps", steps)
            print(self.greeting, name, type(image).__name__, token, tags)
            return Output(text=name * steps)
"""


def test_a_predictor_runs_on_every_python(tmp_path, python):
    """Inputs, logs, metrics, output, failure and shutdown, on whichever Python the image has."""
    with WorkerProcess(tmp_path, EVERY_KIND, python=python) as worker:
        worker.ready()

        done = worker.predict(name="ab", image="/x.png", token="s3cret")

        assert (done["status"], done["output"]) == ("succeeded", {"text": "ababab", "score": 0.5})
        assert worker.logs("p1") == "hello ab Path ********** ['a']\n"
        assert [payload for _, payload in worker.frames("metric", id="p1", name="steps")] == [b"3"]
        assert (
            worker.predict("p2", name="")["error"] == "invalid input: name must have at least 1 characters, not 0"
        )
        assert worker.shut_down() == 0


def test_an_asynchronous_predictor_runs_on_every_python(tmp_path, python):
    """Async setup, streams and cancellation, on whichever Python the image has."""
    source = """
        import asyncio
        from cog import AsyncConcatenateIterator

        class Predictor:
            async def setup(self):
                await asyncio.sleep(0)
                self.event = asyncio.Event()

            async def predict(self, n: int) -> AsyncConcatenateIterator[str]:
                for i in range(n):
                    yield str(i)
                if n == 0:
                    print("waiting", flush=True)
                    await self.event.wait()
    """
    with WorkerProcess(tmp_path, source, python=python) as worker:
        worker.ready()

        assert worker.predict(n=3)["status"] == "succeeded"
        assert [payload for _, payload in worker.frames("output", id="p1")] == [b'"0"', b'"1"', b'"2"']
        worker.start("p2", n=0)
        worker.until("log", id="p2")
        worker.cancel("p2")
        assert worker.done("p2")["status"] == "canceled"
        assert worker.shut_down() == 0


def test_ready_says_the_version_and_how_long_it_took(start):
    source = """
        import sys
        def predict() -> str:
            return ".".join(map(str, sys.version_info[:3]))
    """
    worker = start(source, reference="predict.py:predict")

    header, payload = worker.receive()

    assert header == {
        "type": "ready",
        "version": worker.predict()["output"],
        "setup_seconds": header["setup_seconds"],
    }
    assert header["setup_seconds"] > 0
    assert payload == b""


def test_a_function_is_a_predictor(worker):
    """`predict: predict.py:predict`, where that is a plain function."""
    running = worker("def predict(a: int, b: int = 2) -> int:\n    return a + b", reference="predict.py:predict")

    assert running.predict(a=1)["output"] == 3


@pytest.mark.parametrize(
    "definition", ["class Runner:\n  def run(self) -> str: return 'x'", "def predict() -> str: return 'x'"]
)
def test_the_name_may_be_left_out(worker, definition):
    """`predict.py` alone means what the file customarily calls its predictor."""
    assert worker(definition, reference="predict.py").predict()["output"] == "x"


def test_an_input_never_seen_is_dropped_and_defaults_are_fresh(worker):
    """Unknown inputs are ignored, and a prediction that changes its default list changes it for itself alone."""
    running = worker(
        """
        from typing import List
        from cog import Input
        class Predictor:
            def predict(self, tags: List[str] = Input(default=["a"])) -> List[str]:
                tags.append("b")
                return tags
        """
    )

    assert running.predict(unknown=1)["output"] == ["a", "b"]
    assert running.predict("p2")["output"] == ["a", "b"]


def test_every_mistake_of_an_input_is_told(worker):
    """The worker checks again what the server has checked: no predictor sees what its signature forbids."""
    running = worker(
        """
        from typing import List, Literal
        from cog import Input
        class Predictor:
            def predict(self, a: int, b: Literal["x", "y"], c: List[float], d: str = Input(regex="^z")) -> str:
                return "never"
        """
    )

    done = running.predict(a=1.5, b="w", c=[1, "2"], d="y")

    assert done["status"] == "failed"
    assert done["error"] == (
        "invalid input: a must be an integer, not 1.5; b must be one of 'x', 'y'; "
        "c [1] must be a number, not a string; d must match '^z'"
    )
    assert (
        running.predict("p2")["error"]
        == "invalid input: a is required; b is required; c is required; d is required"
    )
    assert running.logs("p1") == ""


def test_inputs_come_as_their_types(worker):
    """Each annotation gets a value of its own type."""
    running = worker(
        """
        import enum
        from dataclasses import dataclass
        from typing import Any, Dict, List, Optional, TypedDict, Union
        from cog import File, Input, Path, Secret

        class Mode(enum.Enum):
            FAST = "fast"

        @dataclass
        class Box:
            left: float
            label: str = "?"

        class Extra(TypedDict):
            a: int

        class Predictor:
            def predict(
                self, mode: Mode, box: Box, extra: Extra, any: Any, number: float, either: Union[int, str],
                many: List[Path], secret: Secret, file: File, none: Optional[int],
                plain: dict, seed: int = Input(default=None),
            ) -> str:
                return " | ".join(map(repr, [
                    mode, box, extra, any, number, either, many[0], secret.get_secret_value(),
                    file.read(), none, plain, seed]))
        """
    )
    (running.folder / "data.bin").write_bytes(b"\x00\x01")

    done = running.predict(
        mode="fast",
        box={"left": 1, "unknown": 2},
        extra={"a": 1},
        any=[1, None],
        number=2,
        either="x",
        many=["/a/b"],
        secret="s",
        file=str(running.folder / "data.bin"),
        none=None,
        plain={"k": 1},
        seed=None,
    )

    assert done["output"] == (
        "<Mode.FAST: 'fast'> | Box(left=1.0, label='?') | {'a': 1} | [1, None] | 2.0 | 'x' | Path('/a/b') | 's' | "
        "b'\\x00\\x01' | None | {'k': 1} | None"
    )


def test_annotations_may_be_written_for_a_newer_python_or_as_text(worker):
    running = worker(
        """
        from __future__ import annotations
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from numpy import ndarray
        class Predictor:
            def predict(self, a: list[str] | None, b: "int" = 1) -> ndarray:
                return [a, b]
        """
    )

    assert running.predict(a=["x"])["output"] == [["x"], 1]


def test_weights_come_from_the_environment(worker):
    """`setup(self, weights)` gets COG_WEIGHTS as its annotation wants it, or None."""
    source = """
        from cog import Path
        class Predictor:
            def setup(self, weights: Path):
                self.weights = weights
            def predict(self) -> str:
                return repr(self.weights)
    """

    assert (
        worker(source, environment={"COG_WEIGHTS": "/w/model.bin"}).predict()["output"] == "Path('/w/model.bin')"
    )
    assert worker(source).predict()["output"] == "None"


def test_training_runs_the_trainer(worker):
    """`--train` serves the function or the class's `train`, by the same frames."""
    source = """
        from cog import BaseModel
        class TrainingOutput(BaseModel):
            weights: str
        def train(n: int) -> TrainingOutput:
            return TrainingOutput(weights="w" * n)
        class Trainer:
            def train(self, n: int) -> int:
                return n
    """

    assert worker(source, reference="predict.py:train", train=True).predict(n=2)["output"] == {"weights": "ww"}
    assert worker(source, reference="predict.py:Trainer", train=True).predict(n=2)["output"] == 2


def test_the_context_is_the_running_predictions(worker):
    """`current_scope()` knows the request's context; outside of a prediction it keeps nothing."""
    running = worker(
        """
        from cog import current_scope
        class Predictor:
            def setup(self):
                current_scope().record_metric("lost", 1)
            def predict(self) -> dict:
                return current_scope().context
        """
    )

    assert running.predict("p7")["output"] == {"who": "p7"}
    assert running.frames("metric") == []


def test_metrics_are_told_as_they_are_recorded(worker):
    """Each call is one frame with its mode, a deleted metric null; a broken rule is the predictor's exception."""
    running = worker(
        """
        from cog import current_scope
        class Predictor:
            def predict(self) -> str:
                scope = current_scope()
                scope.record_metric("tokens", 3)
                scope.record_metric("tokens", 2, mode="incr")
                scope.metrics["timing.load"] = 0.5
                scope.metrics.record("steps", "a", mode="append")
                scope.metrics.delete("tokens")
                try:
                    scope.record_metric("cog.x", 1)
                except ValueError as error:
                    return str(error)
        """
    )

    done = running.predict()

    told = [(header["name"], header["mode"], json.loads(payload)) for header, payload in running.frames("metric")]
    assert told == [
        ("tokens", "replace", 3),
        ("tokens", "incr", 2),
        ("timing.load", "replace", 0.5),
        ("steps", "append", "a"),
        ("tokens", "replace", None),
    ]
    assert done["output"] == "the metric 'cog.x' is reserved: `predict_time` and `cog.*` belong to the server"


def test_many_run_at_once_up_to_the_limit(worker):
    """An asynchronous predictor runs COG_MAX_CONCURRENCY predictions at once; the next waits for a place."""
    running = worker(
        """
        import asyncio
        class Predictor:
            async def setup(self):
                self.here, self.most, self.full = 0, 0, asyncio.Event()
            async def predict(self) -> int:
                self.here += 1
                self.most = max(self.most, self.here)
                if self.here == 3:
                    self.full.set()
                await self.full.wait()
                await asyncio.sleep(0)
                self.here -= 1
                return self.most
        """,
        environment={"COG_MAX_CONCURRENCY": "3"},
    )
    ids = [f"p{number}" for number in range(5)]

    for each in ids:
        running.start(each)
    outputs = [running.until("done")[1] for _ in ids]

    assert outputs == [b"3"] * 5
    assert Counter(header["id"] for header, _ in running.frames("done")) == Counter(ids)


@pytest.mark.parametrize(("variable", "at_once"), [("", b"2"), ("1", b"1"), ("2", b"2")])
def test_the_variable_overrides_the_decorator_also_with_one(worker, tmp_path, variable, at_once):
    gate = tmp_path / "gate"
    running = worker(
        """
        import asyncio
        import os
        from cog import concurrent
        class Predictor:
            here = most = 0
            @concurrent(max=4)
            async def predict(self, gate: str) -> int:
                self.here += 1
                self.most = max(self.most, self.here)
                while not os.path.exists(gate):
                    await asyncio.sleep(0.01)
                for _ in range(9):  # what has arrived by now gets its turn
                    await asyncio.sleep(0)
                self.here -= 1
                return self.most
        """,
        environment={"COG_MAX_CONCURRENCY": variable},
    )
    running.start("a", gate=str(gate))
    running.start("b", gate=str(gate))
    running.send({"type": "healthcheck"})
    running.until("health")  # so both have arrived
    gate.touch()

    running.until("done")
    assert running.until("done")[1] == at_once


def test_the_decorator_sets_the_limit_too(worker):
    running = worker(
        """
        import asyncio
        from cog import concurrent
        class Predictor:
            async def setup(self):
                self.both = []
            @concurrent(max=2)
            async def predict(self) -> int:
                self.both.append(1)
                while len(self.both) < 2:
                    await asyncio.sleep(0)
                return len(self.both)
        """
    )
    running.start("a")
    running.start("b")

    assert [running.until("done")[1] for _ in range(2)] == [b"2", b"2"]


def test_logs_and_metrics_of_concurrent_predictions_keep_apart(worker):
    """What a prediction prints is tagged with its id, also where prints of several interleave."""
    running = worker(
        """
        import asyncio, sys
        class Predictor:
            async def setup(self):
                self.turn = asyncio.Event()
            async def predict(self, name: str) -> str:
                print("one", name)
                if name == "b":
                    self.turn.set()
                await self.turn.wait()
                await asyncio.get_running_loop().run_in_executor(None, lambda: None)
                print("two", name, file=sys.stderr, end="")
                return name
        """,
        environment={"COG_MAX_CONCURRENCY": "2"},
    )
    running.start("a", name="a")
    running.start("b", name="b")
    running.until("done")
    running.until("done")

    assert running.logs("a") == "one a\ntwo a"
    assert running.logs("b") == "one b\ntwo b"
    assert {header["source"] for header, _ in running.frames("log", id="a")} == {"stdout", "stderr"}


def test_a_thread_of_the_model_prints_for_the_prediction_that_runs(worker):
    running = worker(
        """
        import threading
        class Predictor:
            def predict(self) -> str:
                thread = threading.Thread(target=print, args=("from a thread",))
                thread.start()
                thread.join()
                return "x"
        """
    )
    running.predict()

    assert running.logs("p1") == "from a thread\n"


@pytest.mark.parametrize("start", [OWN], indirect=True)  # the one that has pydantic
def test_pydantic_models_come_and_go(worker):
    """Where the model has pydantic, its classes are inputs and outputs; its own validation tells what is wrong."""
    running = worker(
        """
        from typing import List
        from cog import Path
        from pydantic import BaseModel, Field

        class Box(BaseModel):
            left: int = Field(ge=0)
            label: str = "?"

        class Output(BaseModel):
            boxes: List[Box]
            picture: Path

            model_config = {"arbitrary_types_allowed": True}

        class Predictor:
            def predict(self, box: Box) -> Output:
                with open("picture.png", "w"):
                    pass
                return Output(boxes=[box], picture=Path("picture.png"))
        """
    )

    done = running.predict(box={"left": 3})

    assert done["output"] == {"boxes": [{"left": 3, "label": "?"}], "picture": None}
    assert [file["at"] for file in done["files"]] == [["picture"]]
    assert running.predict("p2", box={"left": -1})["error"].startswith(
        "invalid input: box is not valid: 1 validation error for Box\nleft\n"
    )


def test_a_predictor_of_2021_is_served(worker):
    running = worker(
        """
        import cog
        from pathlib import Path

        class Predictor(cog.Predictor):
            def setup(self):
                self.factor = 2

            @cog.input("image", type=Path, default=None)
            @cog.input("scale", type=float, default=1.5, max=10)
            @cog.input("text", type=str, options=["a", "b"])
            def predict(self, image, scale, text):
                return [image, scale * self.factor, text]
        """
    )

    assert running.predict("p1", text="a")["output"] == [None, 3.0, "a"]
    assert "must be at most 10" in running.predict("p2", text="a", scale=11)["error"]
    assert "must be one of 'a', 'b'" in running.predict("p3", text="c")["error"]
    assert "FutureWarning: @cog.input is deprecated" in running.logs(None)
