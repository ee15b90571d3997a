"""The words that run an image: nothing of a user's can become an option of `docker`."""

import pytest

from cogfreeze.engine.container import Container
from cogfreeze.errors import ToolMissing


@pytest.fixture
def docker(tmp_path, monkeypatch):
    program = tmp_path / "docker"
    program.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return str(program)


def test_an_image_is_served_at_one_address_of_this_machine(docker):
    made = Container(image="ocr").command(host="127.0.0.1", port=81)

    assert made == [docker, "run", "--rm", "--publish", "127.0.0.1:81:5000", "--", "ocr"]


def test_an_image_gets_its_gpus_variables_and_upload_address(docker):
    model = Container(image="ocr", gpus="all", variables=("A=1", "TOKEN"))

    made = model.command(host="::1", port=81, name="one", upload_url="https://host/up")

    assert made == [
        *(docker, "run", "--rm", "--publish", "[::1]:81:5000", "--name", "one", "--gpus", "all"),
        *("--env", "A=1", "--env", "TOKEN", "--", "ocr"),
        *("python", "-m", "cog.server.http", "--upload-url", "https://host/up"),
    ]


def test_an_image_named_like_an_option_stays_an_image(docker):
    assert Container(image="--privileged").command(host="h", port=1)[-2:] == ["--", "--privileged"]


def test_without_docker_one_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ToolMissing) as caught:
        Container(image="ocr").command(host="h", port=1)

    assert str(caught.value) == "`docker` is not installed"
    assert caught.value.hint == "install Docker, or run the model without an image: `--local`"
