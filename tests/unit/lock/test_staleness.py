"""A stale lock says which key made it stale, what it was and what it is."""

from dataclasses import replace

from cogfreeze.lock import staleness
from cogfreeze.lock.inputs import inputs_of
from cogfreeze.project.model import Build, Project
from cogfreeze.project.python import RequirementsFile

from .sample import LOCK


def project(**build):
    return Project(file="cog.yaml", image="x", build=Build(python_version="3.11", **build))


def reasons(before, after):
    lock = replace(LOCK, inputs=inputs_of(before))
    return staleness.reasons(lock, inputs_of(after))


def test_order_and_repetition_of_packages_do_not_count():
    assert reasons(project(python_packages=("b", "a")), project(python_packages=("a", "b", "a"))) == ()


def test_what_the_lock_does_not_depend_on_does_not_count():
    before = project()
    after = replace(before, image="y", predict="p.py:P", environment=(("A", "1"),))
    assert reasons(before, after) == ()


def test_each_changed_key_has_its_sentence():
    before = project(system_packages=("git", "curl"))
    after = project(system_packages=("git", "ffmpeg"), gpu=True, cuda="12.4")
    assert reasons(before, after) == (
        "`build.cuda` is new: `12.4`",
        "`build.gpu` is new: `true`",
        "`build.system_packages`: `ffmpeg` is new, `curl` is gone",
    )


def test_a_version_says_what_it_was_and_is():
    before = project()
    after = replace(before, build=replace(before.build, python_version="3.12"))
    assert reasons(before, after) == ("`build.python_version` was `3.11`, is `3.12`",)


def test_a_requirements_file_is_compared_by_what_it_says():
    def requiring(*lines):
        return project(python_requirements=(RequirementsFile(path="requirements.txt", lines=lines),))

    assert reasons(requiring("a", "b"), requiring("b", "a")) == ()
    assert reasons(requiring("a"), requiring("a==2")) == ("`files.requirements.txt`: `a==2` is new, `a` is gone",)
    swapped = requiring("--extra-index-url y", "--extra-index-url x", "a")
    assert reasons(requiring("--extra-index-url x", "--extra-index-url y", "a"), swapped) == (
        "`files.requirements.txt`: the order changed",
    )


def test_another_runtime_or_recipe_is_named():
    assert staleness.runtime_reasons(LOCK, recipe=1, runtime=LOCK.tools.runtime) == ()
    assert staleness.runtime_reasons(LOCK, recipe=2, runtime=LOCK.tools.runtime) == (
        "it was made for recipe 1, this cogfreeze has recipe 2",
    )


def test_hashes_are_not_listed_and_long_lists_are_cut():
    was = [f"a{number}==1 --hash=sha256:{'0' * 64} --hash=sha256:{'1' * 64}" for number in range(12)]
    now = [f"a0==1 --hash=sha256:{'2' * 64}", "b==1"]
    lock = replace(LOCK, inputs=(("files.r.txt", tuple(was)),))
    (reason,) = staleness.reasons(lock, (("files.r.txt", tuple(now)),))
    gone = ", ".join(f"`a{number}==1` is gone" for number in range(1, 9))
    assert reason == f"`files.r.txt`: `a0==1` has other hashes, `b==1` is new, {gone}, and 3 more"
