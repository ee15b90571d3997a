"""The temporary folder of a prediction, which is empty when it has ended."""

import json
from pathlib import Path

SYNC = """
import os, subprocess, tempfile
from typing import Any
from cog import BasePredictor, Path

class Predictor(BasePredictor):
    def setup(self):
        self.kept = tempfile.mkdtemp()

    def predict(self, how: str = "") -> Any:
        os.makedirs(os.path.join(tempfile.mkdtemp(), "deep"))
        with tempfile.NamedTemporaryFile(delete=False, suffix=".txt") as made:
            made.write(b"made")
        if how == "file":
            return Path(made.name)
        if how == "fail":
            raise ValueError
        child = subprocess.run(["sh", "-c", 'echo "$TMPDIR"'], stdout=subprocess.PIPE).stdout.decode().strip()
        return [tempfile.gettempdir(), child, os.path.dirname(made.name), os.path.isdir(self.kept)]
"""
ASYNC = """
import asyncio, os, tempfile
from typing import Any

async def predict(name: str) -> Any:
    await asyncio.sleep(0.01)
    with tempfile.NamedTemporaryFile(delete=False) as made:
        return [os.path.dirname(made.name), tempfile.gettempdir(), tempfile.gettempdirb().decode()]
"""


def test_a_synchronous_prediction_has_its_folder_as_the_temporary_one(worker):
    running = worker(SYNC, environment={"TMPDIR": "/var/tmp"})

    output = running.predict("a")["output"]

    assert output == [str(running.outputs)] * 3 + [True]
    assert not any(running.outputs.iterdir())


def test_a_temporary_file_may_be_the_output(worker):
    """It stays where it is, for the server to fetch."""
    running = worker(SYNC)

    done = running.predict("a", how="file")

    (file,) = done["files"]
    assert Path(file["path"]).parent == running.outputs
    assert Path(file["path"]).read_text() == "made"


def test_what_a_failed_prediction_leaves_is_in_its_folder(worker):
    running = worker(SYNC)

    assert running.predict("a", how="fail")["status"] == "failed"
    assert running.predict("b")["status"] == "succeeded"


def test_asynchronous_predictions_have_folders_of_their_own(worker):
    running = worker(ASYNC, reference="predict.py:predict", environment={"COG_MAX_CONCURRENCY": "2"})
    folders = {}
    for name in "ab":
        folders[name] = running.folder / name
        folders[name].mkdir()
        header = {"type": "predict", "id": name, "context": {}, "folder": str(folders[name])}
        running.send(header, json.dumps({"name": name}).encode())

    assert {name: running.done(name)["output"] for name in "ab"} == {
        name: [str(folder)] * 3 for name, folder in folders.items()
    }
    assert not any(path for folder in folders.values() for path in folder.iterdir())
