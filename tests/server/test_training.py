"""Serving a training, and what the worker gets of the environment."""

from tests.server.serving import RUNTIME

TRAIN = """
import os
from typing import Any
from cog import BaseModel, Input, Path

class TrainingOutput(BaseModel):
    weights: Path
    steps: int

def train(steps: int = Input(default=1, ge=1), text: str = "") -> TrainingOutput:
    print(f"{steps} steps")
    with open("weights.txt", "w") as file:
        file.write(text * steps)
    return TrainingOutput(weights=Path("weights.txt"), steps=steps)
"""
ENVIRONMENT = """
import os
from typing import Any
from cog import BasePredictor

class Predictor(BasePredictor):
    def predict(self) -> Any:
        return {"environment": dict(os.environ), "cwd": os.getcwd(), "stdin": os.read(0, 1).decode()}
"""


def test_a_training_is_served_in_train_mode(serve):
    server = serve(TRAIN, "--x-mode", "train", COG_TRAIN_TYPE_STUB="predict.py:train", COG_PREDICT_TYPE_STUB="")

    answer = server.predict(path="/trainings", steps=2, text="ab").json

    assert answer["output"] == {"weights": "data:text/plain;base64,YWJhYg==", "steps": 2}
    assert answer["logs"] == "2 steps\n"
    refused = server.predict(path="/trainings", steps=0)
    assert (refused.status, refused.json["detail"][0]["loc"]) == (422, ["body", "input", "steps"])
    assert server.get("/").json["trainings_url"] == "/trainings"
    assert server.predict(path="/trainings", text="x", id="trained").json["output"]["steps"] == 1
    assert server.get("/trainings/trained").json["status"] == "succeeded"
    assert server.post("/trainings/trained/cancel").status == 404


def test_the_model_sees_its_own_world_and_none_of_the_servers(serve):
    server = serve(ENVIRONMENT, WEBHOOK_AUTH_TOKEN="secret", OF_THE_USER="kept", COG_WEBHOOK_AUTH_HOSTS="x")

    seen = server.predict().json["output"]

    assert seen["environment"]["OF_THE_USER"] == "kept"
    assert seen["environment"]["PYTHONPATH"] == str(RUNTIME)
    assert "secret" not in seen["environment"].values()
    assert seen["cwd"] == str(server.folder)
    assert seen["stdin"] == ""
