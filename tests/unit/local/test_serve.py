"""A local model's server gets the image's settings, and nothing of this process that would change the model."""

import json
from pathlib import Path

import pytest

from cogfreeze.local.environment import Environment
from cogfreeze.local.libraries import SystemPackages
from cogfreeze.local.serve import LocalModel, write_schema
from cogfreeze.project.environment import server_variables
from cogfreeze.project.model import Build, Project, Server
from cogfreeze.settings import Settings


def model(**given):
    project = Project(
        file="cog.yaml",
        image="cog-x",
        predict="predict.py:Predictor",
        environment=(("MODE", "fast"), ("COG_QUEUE", "7")),
        concurrency=2,
        build=Build(python_version="3.11"),
        server=Server(queue=3, deadline=2_500_000.0, drain=1.5),
    )
    environment = Environment(
        python=Path("/env/venv/bin/python"),
        server=(Path("/env/server"), Path("/run/server")),
        sdk=Path("/run/sdk"),
    )
    return LocalModel(
        **{
            "environment": environment,
            "project": project,
            "folder": Path("/project"),
            "schema": Path("/cache/s.json"),
            "system_packages": SystemPackages(),
            **given,
        }
    )


def test_the_server_is_told_what_the_image_would_tell_it():
    made = model()
    told = dict(server_variables(made.project))
    assert told | {"COG_DEADLINE": "2500000", "COG_DRAIN": "1.5", "COG_MAX_CONCURRENCY": "2"} == told
    assert made.variables({}) == {
        "PATH": "/env/venv/bin:/bin:/usr/bin",
        "PYTHONPATH": "/run/sdk",
        "PYTHONUNBUFFERED": "1",
        "COG_SERVER_PATH": "/env/server:/run/server",
        "COG_OPENAPI_SCHEMA": "/cache/s.json",
        "COG_ALLOW_PRIVATE_URLS": "127.0.0.0/8,::1",
        "MODE": "fast",
        **told,
        "COG_QUEUE": "7",  # the project's own variable
    }


def test_a_project_that_is_a_requirement_of_itself_is_imported_from_its_src_folder_too():
    build = Build(python_version="3.11", python_packages=("-e .",))
    made = model(project=Project(file="cog.yaml", image="cog-x", predict="predict.py:Predictor", build=build))

    assert made.variables({})["PYTHONPATH"] == "/run/sdk:/project/src"


def test_this_processs_own_python_stays_out():
    given = {
        "PYTHONPATH": "/mine",
        "PYTHONHOME": "/mine",
        "VIRTUAL_ENV": "/mine",
        "PATH": "/mine/bin",
        "HOME": "/me",
    }

    made = model().variables(given)

    assert made["PYTHONPATH"] == "/run/sdk"
    assert made["PATH"] == "/env/venv/bin:/mine/bin"
    assert made["HOME"] == "/me"
    assert not {"PYTHONHOME", "VIRTUAL_ENV"} & made.keys()


def test_a_variable_for_this_run_wins_over_the_projects():
    assert model(more=(("MODE", "slow"),)).variables({"MODE": "here"})["MODE"] == "slow"


def test_what_may_be_asked_inside_is_the_operators_to_say():
    assert model().variables({"COG_ALLOW_PRIVATE_URLS": "10.0.0.0/8"})["COG_ALLOW_PRIVATE_URLS"] == "10.0.0.0/8"


def test_what_the_environment_says_wins_over_the_limits_in_cog_yaml_but_not_over_what_to_serve():
    given = {
        "COG_DRAIN": "9",
        "COG_MAX_CONCURRENCY": "1",
        "COG_PROTOCOLS": "openai",
        "COG_PREDICT_TYPE_STUB": "other.py:X",
    }

    made = model().variables(given)

    assert (made["COG_DRAIN"], made["COG_MAX_CONCURRENCY"], made["COG_PROTOCOLS"]) == ("9", "1", "openai")
    assert made["COG_DEADLINE"] == "2500000"  # cog.yaml's, where the environment says nothing
    assert made["COG_PREDICT_TYPE_STUB"] == "predict.py:Predictor"


@pytest.fixture
def served(monkeypatch, tmp_path):
    """Serve on a host, and return the variables that the server would get."""

    def serve(host, **given):
        for name in ("COG_ALLOWED_HOSTS", "COG_ALLOW_PRIVATE_URLS"):
            monkeypatch.delenv(name, raising=False)
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        found = {}
        monkeypatch.setattr("os.execve", lambda _program, _words, variables: found.update(variables))
        model(folder=tmp_path).serve(host=host, port=5000)
        return found

    return serve


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_on_loopback_only_the_names_of_this_machine_reach_the_server(served, host):
    assert served(host)["COG_ALLOWED_HOSTS"] == "localhost"
    assert served(host)["COG_ALLOW_PRIVATE_URLS"] == "127.0.0.0/8,::1"
    assert served(host, COG_ALLOWED_HOSTS="model.test")["COG_ALLOWED_HOSTS"] == "model.test"


def test_where_others_reach_the_server_their_urls_do_not_reach_this_machine(served):
    assert served("0.0.0.0")["COG_ALLOW_PRIVATE_URLS"] == ""
    assert "COG_ALLOWED_HOSTS" not in served("0.0.0.0")
    assert served("0.0.0.0", COG_ALLOW_PRIVATE_URLS="10.0.0.0/8")["COG_ALLOW_PRIVATE_URLS"] == "10.0.0.0/8"


def test_libraries_of_the_lock_come_after_the_machines_own():
    packages = SystemPackages(libraries=(Path("/packages/lib"),), programs=(Path("/packages/bin"),))

    made = model(system_packages=packages).variables({"LD_LIBRARY_PATH": "/own", "PATH": "/bin"})

    assert made["LD_LIBRARY_PATH"] == "/own:/packages/lib"
    assert made["PATH"] == "/env/venv/bin:/bin:/packages/bin"


def test_the_command_is_the_images():
    assert model().command(host="::1", port=80, upload_url="https://host/up") == [
        *("/env/venv/bin/python", "-m", "cog.server.http", "--host", "::1", "--port", "80"),
        *("--upload-url", "https://host/up"),
    ]


def test_a_schema_is_kept_under_its_digest(tmp_path):
    settings = Settings(cache=tmp_path)
    first, same, other = (write_schema({"a": each}, settings) for each in (1, 1, 2))

    assert first == same != other
    assert json.loads(first.read_text()) == {"a": 1}
