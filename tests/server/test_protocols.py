"""The Open Inference Protocol and OpenAI's routes, used by the clients that people use."""

import json

import numpy as np
import openai
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from tests.server.fixtures import shared
from tests.server.serving import PATIENCE

EVERYTHING = """
    from typing import Dict, List, Optional
    from cog import BaseModel, BasePredictor, Input, Path, Secret

    class Output(BaseModel):
        text: str
        number: int
        scores: List[float]
        more: Dict[str, str]

    class Predictor(BasePredictor):
        def predict(
            self,
            text: str,
            count: int = Input(default=1, ge=0, le=5),
            scale: float = 0.5,
            sure: bool = False,
            words: List[str] = Input(default=[]),
            options: dict = None,
            file: Path = None,
            seed: Optional[int] = None,
        ) -> Output:
            if text == "fail":
                raise ValueError("it failed")
            content = open(file).read() if file else ""
            return Output(
                text=f"{text} {count} {scale} {sure} {words} {options} {content} {seed}",
                number=count,
                scores=[scale, 1],
                more={"a": "b"},
            )
"""

CHAT = """
    import time
    import cog
    from cog import BasePredictor, ConcatenateIterator, Input

    class Predictor(BasePredictor):
        @cog.streaming
        def predict(
            self,
            prompt: str,
            system_prompt: str = "",
            max_new_tokens: int = Input(default=3, ge=1),
            temperature: float = 1.0,
        ) -> ConcatenateIterator[str]:
            if prompt == "fail":
                raise ValueError("it failed")
            for number in range(max_new_tokens):
                yield f"[{system_prompt}|{prompt}|{temperature}|{number}]"
"""

EMBEDDINGS = """
    from typing import List

    class Predictor:
        def predict(self, texts: List[str]) -> List[List[float]]:
            return [[float(len(text)), 0.25] for text in texts]
"""

BOTH = {"COG_PROTOCOLS": "open-inference,openai", "COG_MODEL_NAME": "mine"}

server = shared(EVERYTHING, **BOTH)
chat = shared(CHAT, **BOTH)
embeddings = shared(EMBEDDINGS, **BOTH)


@pytest.fixture
def client(server):
    """The client of the Open Inference Protocol."""
    made = triton.InferenceServerClient(
        f"127.0.0.1:{server.port}", network_timeout=PATIENCE, connection_timeout=PATIENCE
    )
    yield made
    made.close()


def tensor(name, values, datatype):
    kinds = {"BYTES": np.object_, "INT64": np.int64, "FP32": np.float32, "FP64": np.float64, "BOOL": np.bool_}
    made = triton.InferInput(name, [len(values)], datatype)
    made.set_data_from_numpy(np.array(values, dtype=kinds[datatype]), binary_data=False)
    return made


def test_the_client_finds_server_and_model(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("mine")
    assert client.is_model_ready("mine", "1")
    assert not client.is_model_ready("yours")
    assert client.get_server_metadata()["extensions"] == []


def test_the_metadata_are_the_inputs_and_outputs(client):
    found = client.get_model_metadata("mine")
    assert {each["name"]: (each["datatype"], each["shape"]) for each in found["inputs"]} == {
        "text": ("BYTES", [1]),
        "count": ("INT64", [1]),
        "scale": ("FP64", [1]),
        "sure": ("BOOL", [1]),
        "words": ("BYTES", [-1]),
        "options": ("BYTES", [1]),
        "file": ("BYTES", [1]),
        "seed": ("INT64", [1]),
    }
    assert [(each["name"], each["datatype"], each["shape"]) for each in found["outputs"]] == [
        ("text", "BYTES", [1]),
        ("number", "INT64", [1]),
        ("scores", "FP64", [-1]),
        ("more", "BYTES", [1]),
    ]


def test_every_kind_of_input_and_output_goes_through(client):
    inputs = [
        tensor("text", ["hé"], "BYTES"),
        tensor("count", [2], "INT64"),
        tensor("scale", [0.25], "FP32"),
        tensor("sure", [True], "BOOL"),
        tensor("words", ["a", "b"], "BYTES"),
        tensor("options", ['{"x": [1]}'], "BYTES"),
        tensor("file", ["data:text/plain,inside"], "BYTES"),
        tensor("seed", [7], "INT64"),
    ]
    result = client.infer("mine", inputs, request_id="r1")
    assert result.as_numpy("text").tolist() == [b"h\xc3\xa9 2 0.25 True ['a', 'b'] {'x': [1]} inside 7"] or (
        result.as_numpy("text").tolist() == ["hé 2 0.25 True ['a', 'b'] {'x': [1]} inside 7"]
    )
    assert result.as_numpy("number").tolist() == [2]
    assert result.as_numpy("scores").tolist() == [0.25, 1.0]
    response = result.get_response()
    assert (response["model_name"], response["id"]) == ("mine", "r1")
    [more] = [each for each in response["outputs"] if each["name"] == "more"]
    assert json.loads(more["data"][0]) == {"a": "b"}


def test_outputs_can_be_chosen(client):
    wanted = [triton.InferRequestedOutput("number", binary_data=False)]
    result = client.infer("mine", [tensor("text", ["a"], "BYTES")], outputs=wanted)
    assert [each["name"] for each in result.get_response()["outputs"]] == ["number"]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], "input `text`"),
        ([("text", ["a"], "BYTES"), ("count", [9], "INT64")], "input `count`"),
        ([("text", ["a", "b"], "BYTES")], "input `text` takes one item, not 2"),
        ([("other", ["a"], "BYTES")], "there is no input `other`; there are: text, count"),
        ([("text", ["a"], "BYTES"), ("text", ["b"], "BYTES")], "input `text` is given twice"),
        ([("text", ["a"], "BYTES"), ("options", ["{"], "BYTES")], "input `options`: an item is not JSON"),
        ([("text", ["fail"], "BYTES")], "it failed"),
    ],
)
def test_what_is_wrong_is_said_in_the_protocols_own_shape(client, inputs, message):
    with pytest.raises(InferenceServerException, match=r"400|500") as caught:
        client.infer("mine", [tensor(*each) for each in inputs])
    assert message in caught.value.message()


def test_binary_tensors_are_refused_in_words(client):
    binary = triton.InferInput("text", [1], "BYTES")
    binary.set_data_from_numpy(np.array(["a"], dtype=np.object_), binary_data=True)
    with pytest.raises(InferenceServerException, match="Binary tensors are not supported"):
        client.infer("mine", [binary])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "not JSON"),
        (b"[]", "not an object"),
        (b'{"inputs": 1}', "not a list of tensors"),
        (
            b'{"inputs": [{"name": "text", "shape": [2], "datatype": "BYTES", "data": ["a"]}]}',
            "shape [2] does not fit",
        ),
        (
            b'{"inputs": [{"name": "text", "shape": [1], "datatype": "INT64", "data": ["a"]}]}',
            "not of the datatype",
        ),
        (b'{"inputs": [{"name": "text", "shape": [1], "datatype": [], "data": ["a"]}]}', "not of the datatype"),
        (b'{"inputs": [], "outputs": [{"name": "x"}]}', "no output `x`"),
        (b'{"inputs": [], "outputs": 5}', "`outputs` is not a list"),
        (b'{"inputs": [5]}', "there is no input `None`"),
        (b'{"inputs": [{"name": "text"}]}', "shape None does not fit 0 items"),
    ],
)
def test_a_malformed_request_is_refused(server, body, message):
    answer = server.request("POST", "/v2/models/mine/infer", body, {"Content-Type": "application/json"})
    assert answer.status == 400
    assert message in answer.json["error"]
    assert list(answer.json) == ["error"]


def test_other_paths_and_methods_are_refused(server):
    assert server.get("/v2/models/mine/versions/2").status == 404
    assert server.get("/v2/nothing").status == 404
    assert server.get("/v2/models/mine/infer").status == 405
    assert server.get("/v2/models").json == {"models": ["mine"]}
    assert server.get("/v2/health/ready").json == {"live": True, "ready": True}


def test_a_long_path_or_body_is_no_way_around_the_limits(serve):
    small = serve(EVERYTHING, COG_MAX_BODY="1kB", **BOTH)
    answer = small.request("POST", "/v2/models/mine/infer", b"x" * 2000, {"Content-Type": "application/json"})
    assert answer.status == 413
    assert "error" in answer.json


def test_protocols_that_are_not_declared_are_not_there(serve):
    plain = serve(EVERYTHING)
    assert plain.get("/v2").status == 404
    assert plain.get("/v1/models").status == 404
    only = serve(EVERYTHING, COG_PROTOCOLS="open-inference")
    assert (only.get("/v2").status, only.get("/v1/models").status) == (200, 404)
    assert only.get("/v2/models").json == {"models": ["model"]}


@pytest.mark.parametrize(("name", "value"), [("COG_PROTOCOLS", "grpc"), ("COG_MODEL_NAME", "a/b")])
def test_a_setting_that_means_nothing_stops_the_start(serve, name, value):
    with pytest.raises(AssertionError, match=f"{name}: `{value}` is"):
        serve(EVERYTHING, ready=False, **{name: value})


def openai_client(server):
    return openai.OpenAI(
        base_url=f"http://127.0.0.1:{server.port}/v1", api_key="none", timeout=PATIENCE, max_retries=0
    )


@pytest.fixture
def ai(chat):
    with openai_client(chat) as made:
        yield made


def test_models_are_listed(ai):
    assert [each.id for each in ai.models.list()] == ["mine"]
    assert ai.models.retrieve("mine").id == "mine"


def test_a_chat_is_a_prediction(ai):
    messages = [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hi"}]
    answer = ai.chat.completions.create(model="mine", messages=messages, max_tokens=2, temperature=0.5)
    assert answer.choices[0].message.content == "[be kind|hi|0.5|0][be kind|hi|0.5|1]"
    assert answer.choices[0].finish_reason == "stop"


def test_a_conversation_becomes_one_prompt(ai):
    turns = [("user", "one"), ("assistant", "two"), ("user", [{"type": "text", "text": "three"}])]
    messages = [{"role": role, "content": content} for role, content in turns]
    answer = ai.chat.completions.create(model="mine", messages=messages, max_completion_tokens=1)
    assert "user: one\nassistant: two\nuser: three\nassistant:" in answer.choices[0].message.content


def test_a_chat_streams(ai):
    chunks = list(
        ai.chat.completions.create(
            model="mine", messages=[{"role": "user", "content": "hi"}], stream=True, max_tokens=4
        )
    )
    texts = [each.choices[0].delta.content for each in chunks if each.choices[0].delta.content]
    assert texts == [f"[|hi|1.0|{number}]" for number in range(4)]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_a_completion_is_a_prediction(ai):
    assert ai.completions.create(model="mine", prompt="hi", max_tokens=1).choices[0].text == "[|hi|1.0|0]"
    chunks = ai.completions.create(model="mine", prompt="hi", max_tokens=2, stream=True)
    assert "".join(each.choices[0].text for each in chunks) == "[|hi|1.0|0][|hi|1.0|1]"


def test_errors_are_of_the_protocols_own_shape(ai):
    hello = [{"role": "user", "content": "hi"}]
    with pytest.raises(openai.NotFoundError, match="The model `other` does not exist"):
        ai.chat.completions.create(model="other", messages=hello)
    with pytest.raises(openai.BadRequestError, match="input `max_new_tokens`"):
        ai.chat.completions.create(model="mine", messages=hello, max_tokens=0)
    with pytest.raises(openai.InternalServerError, match="it failed"):
        ai.completions.create(model="mine", prompt="fail")
    with pytest.raises(openai.APIError, match="it failed"):
        list(ai.completions.create(model="mine", prompt="fail", stream=True))
    with pytest.raises(openai.BadRequestError, match="`n` can only be 1"):
        ai.chat.completions.create(model="mine", messages=hello, n=2)
    with pytest.raises(openai.NotFoundError, match="none of the inputs"):
        ai.embeddings.create(model="mine", input="x")


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("chat/completions", {}, "The model `None` does not exist"),
        ("chat/completions", {"model": "mine", "messages": []}, "not a list of messages"),
        ("chat/completions", {"model": "mine", "messages": ["hi"]}, "not a list of messages"),
        ("chat/completions", {"model": "mine", "messages": [{"content": [{"type": "audio"}]}]}, "such a part"),
        ("completions", {"model": "mine", "prompt": ["a", "b"]}, "not one text"),
        ("completions", {"model": "mine", "prompt": "a", "temperature": {}}, "input `temperature`"),
        ("embeddings", {"model": "mine", "input": [1, 2]}, "not a text or a list of texts"),
    ],
)
def test_a_malformed_request_of_openais_is_refused(chat, path, body, message):
    answer = chat.post(f"/v1/{path}", body)
    assert answer.status in (400, 404)
    assert message in answer.json["error"]["message"]
    assert answer.json["error"]["type"] == "invalid_request_error"


def test_embeddings_come_as_numbers(embeddings):
    with openai_client(embeddings) as ai:
        found = ai.embeddings.create(model="mine", input=["a", "abc"])
        assert [each.embedding for each in found.data] == [[1.0, 0.25], [3.0, 0.25]]
        plain = ai.embeddings.create(model="mine", input="abcd", encoding_format="float")
        assert plain.data[0].embedding == [4.0, 0.25]


def test_a_client_that_leaves_a_stream_cancels_its_prediction(chat):
    with openai_client(chat) as ai:
        stream = ai.completions.create(model="mine", prompt="long", max_tokens=100_000, stream=True)
        next(iter(stream))
        stream.close()
    chat.wait_for_status("READY")
    chat.until(lambda: 'status="canceled"} 0' not in chat.get("/metrics").body.decode(), "the cancellation")
