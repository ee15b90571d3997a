"""`server.protocols` reaches the image and a server on this machine by one variable."""

import pytest

from cogfreeze.errors import ProjectErrors
from cogfreeze.project import cog_yaml
from cogfreeze.project.environment import server_variables


def read(tmp_path, server):
    path = tmp_path / "cog.yaml"
    path.write_text(f'build:\n  python_version: "3.11"\npredict: predict.py:Predictor\n{server}')
    return cog_yaml.read(path)


def test_what_is_declared_is_what_the_server_speaks(tmp_path):
    project = read(tmp_path, "server:\n  protocols: [openai, open-inference]\n")
    assert dict(server_variables(project))["COG_PROTOCOLS"] == "openai,open-inference"


def test_a_protocol_that_does_not_exist_is_a_mistake(tmp_path):
    with pytest.raises(ProjectErrors) as caught:
        read(tmp_path, "server:\n  protocols: [open-ai]\n")
    [error] = caught.value.errors
    assert "`open-ai`" in error.message
    assert error.hint == "did you mean `openai`?"
