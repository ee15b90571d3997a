"""What a record says of an image: which builds it is of, and how another one stands to it."""

from dataclasses import replace

import pytest

from cogfreeze.engine import context, record
from cogfreeze.errors import NotRecorded
from cogfreeze.lock.model import ImageRecord
from cogfreeze.recipe.compose import compose
from cogfreeze.report import Silent
from tests.unit.recipe.sample import LOCK, PLATFORM, PROJECT, SCHEMA

RECIPE = compose(PROJECT, LOCK, PLATFORM, schema=SCHEMA)
IDS = tuple(f"sha256:{number:064}" for number in range(13))
RECORD = ImageRecord(
    made_from=f"sha256:{'a' * 64}",
    digest=f"sha256:{'b' * 64}",
    layers=IDS,
    engine="docker 28.5.2, buildx 0.29.1",
    frontend="docker/dockerfile:1.28.0@sha256:" + "c" * 64,
)
OTHER = f"sha256:{'d' * 64}"


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    (folder / "empty").mkdir(parents=True)
    (folder / "predict.py").write_text("print()\n")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "link").symlink_to("run.sh")
    return folder


@pytest.fixture
def made_from(project, tmp_path):
    """Lay the project out as a build does, and say what it is made from."""

    def digest(recipe=RECIPE):
        context.write(recipe, tmp_path / "context", project=project, report=Silent(), fetched=True)
        return record.made_from(recipe, tmp_path / "context")

    return digest


def test_times_owners_modes_and_the_frontend_do_not_count(made_from, project):
    before = made_from()
    (project / "predict.py").chmod(0o600)
    (project / "predict.py").touch()

    assert made_from() == before
    assert made_from(replace(RECIPE, frontend=None)) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "predict.py").write_text("print(1)\n"),
        lambda folder: (folder / "run.sh").chmod(0o755),
        lambda folder: (folder / "predict.py").rename(folder / "other.py"),
        lambda folder: (folder / "empty").rmdir(),
        lambda folder: ((folder / "link").unlink(), (folder / "link").symlink_to("predict.py")),
        lambda folder: ((folder / "link").unlink(), (folder / "link").write_text("run.sh")),
        lambda folder: (folder / ".dockerignore").write_text("run.sh\n"),
    ],
    ids=["content", "mode", "name", "folder", "aim", "kind", "ignored"],
)
def test_what_the_image_would_show_counts(made_from, project, change):
    before = made_from()
    change(project)

    assert made_from() != before


def test_what_the_lock_and_the_project_say_counts(made_from):
    other = replace(PROJECT, environment=(("GREETING", "b"),))

    assert made_from(compose(other, LOCK, PLATFORM, schema=SCHEMA)) != made_from()


def compare(found=RECORD, **changes):
    values = {name: getattr(found, name) for name in ("digest", "engine", "frontend")}
    return record.compare(RECORD, RECIPE, **{**values, "diff_ids": found.layers, **changes})


def test_the_same_digest_is_the_same_image_whoever_built():
    assert compare() == compare(engine="another", diff_ids=()) == record.EQUAL


@pytest.mark.parametrize(
    "changes", [{"engine": "docker 29.0.0, buildx 0.29.1"}, {"frontend": None}, {"digest": None}], ids=str
)
def test_where_another_engine_or_frontend_built_or_no_digest_is_kept_the_layers_decide(changes):
    changes = {"digest": OTHER, **changes}
    assert compare(**changes) == record.EQUAL_LAYERS
    assert compare(**changes, diff_ids=()) == record.UNDECIDED
    with pytest.raises(NotRecorded, match=r"different: layer `code`$"):
        compare(**changes, diff_ids=(*IDS[:-1], OTHER))


def test_the_same_engine_has_to_give_the_digest():
    with pytest.raises(NotRecorded, match="different: no layer, so the configuration or compression"):
        compare(digest=OTHER)
    with pytest.raises(NotRecorded, match="different: unknown for an export"):
        compare(digest=OTHER, diff_ids=())
    with pytest.raises(NotRecorded, match="different: it has 12 layers, not 13"):
        compare(digest=OTHER, diff_ids=IDS[:-1])
