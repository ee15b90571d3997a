import pytest

from cogfreeze.engine import secret
from cogfreeze.errors import UsageError
from cogfreeze.recipe.compose import compose
from tests.unit.recipe.sample import LOCK, PLATFORM, PROJECT, SCHEMA

RECIPE = compose(PROJECT, LOCK, PLATFORM, schema=SCHEMA)


def refusal(*given):
    with pytest.raises(UsageError) as raised:
        secret.check(RECIPE, given)
    return str(raised.value)


def test_a_file_or_a_variable_will_do(tmp_path, monkeypatch):
    (tmp_path / "pip.conf").write_text("[global]")
    monkeypatch.setenv("PIP_CONFIG", "[global]")

    secret.check(RECIPE, [f"id=pip,src={tmp_path / 'pip.conf'}"])
    secret.check(RECIPE, ["id=pip,env=PIP_CONFIG"])
    secret.check(RECIPE, ["type=env,id=pip,env=PIP_CONFIG"])


def test_a_command_without_its_secret_is_refused_by_name():
    assert refusal() == "the command `build.run[1]: pip install x` needs the secret `pip`"


def test_what_cannot_be_had_is_refused(tmp_path, monkeypatch):
    monkeypatch.delenv("NO_SUCH_ONE", raising=False)

    assert (
        refusal(f"id=pip,src={tmp_path}/none") == f"the file of the secret `pip` does not exist: `{tmp_path}/none`"
    )
    assert (
        refusal("id=pip,env=NO_SUCH_VARIABLE") == "the variable of the secret `pip` is not set: `NO_SUCH_VARIABLE`"
    )
    assert refusal("id=pip") == "the secret `pip` needs either `src` or `env`"
    assert refusal("id=pip,src=/etc/hosts,env=HOME") == "the secret `pip` needs either `src` or `env`"


@pytest.mark.parametrize("given", ["", "hunter2", "pip=hunter2", "id=a b,env=HOME", "id=pip,value=hunter2"])
def test_another_form_is_refused_without_showing_what_may_be_a_secret(given):
    said = refusal(given)

    assert said == "a `--secret` has the wrong form"


@pytest.mark.parametrize("part", ["code", "weights"])
def test_a_secret_that_would_be_part_of_the_image_is_refused(tmp_path, monkeypatch, part):
    project, context = tmp_path / "project", tmp_path / "context"
    for folder in (project / "keys", context / part / "keys", context / "code"):
        folder.mkdir(parents=True, exist_ok=True)
    (project / "keys/pip").write_text("hunter2")
    (context / part / "keys/pip").write_text("hunter2")
    (tmp_path / "link").symlink_to(project / "keys/pip")
    monkeypatch.chdir(project)

    for source in ("keys/pip", "./keys/../keys/pip", str(tmp_path / "link")):
        with pytest.raises(UsageError) as raised:
            secret.refuse_in_image([f"id=pip,src={source}"], project, context)
        assert raised.value.message == (
            "the file of the secret `pip` is in the project's folder, and would be part of the image: `keys/pip`"
        )

    # Left out by `.dockerignore`, it is in no context.
    (context / part / "keys/pip").unlink()
    secret.refuse_in_image(["id=pip,src=keys/pip", "id=other,env=OTHER"], project, context)
