"""Edits of YAML that leave every other character as it is."""

import pytest
import yaml

from cogfreeze.doctor import edit

TEXT = """\
# a model
build:
  gpu: true   # yes
  system_packages:
    - "ffmpeg"  # video
    - libgl1

    # fonts
    - fonts-dejavu
  python_packages: [torch==2.9.1, 'numpy']
  run:
  - echo a
  - command: echo b
    network: true
  - |
    echo c
    echo d

predict: predict.py:Predictor
"""


def changed(new):
    """The lines that are gone and the lines that are new."""
    before, after = TEXT.splitlines(), new.splitlines()
    return [each for each in before if each not in after], [each for each in after if each not in before]


@pytest.mark.parametrize(
    ("edited", "gone", "added"),
    [
        (
            edit.replace_value(TEXT, ("build", "system_packages", 0), "git"),
            '    - "ffmpeg"  # video',
            "    - git  # video",
        ),
        (edit.remove_item(TEXT, ("build", "system_packages"), 1), "    - libgl1", None),
        (edit.append_items(TEXT, ("build", "system_packages"), ["git"]), None, "    - git"),
        (edit.rename_key(TEXT, ("predict",), "run"), "predict: predict.py:Predictor", "run: predict.py:Predictor"),
        (edit.remove_key(TEXT, ("build", "gpu")), "  gpu: true   # yes", None),
    ],
)
def test_one_edit_changes_one_line(edited, gone, added):
    assert changed(edited) == ([gone] if gone else [], [added] if added else [])


def test_lists_on_one_line_stay_on_one_line():
    edited = edit.append_items(TEXT, ("build", "python_packages"), ["six", "a, b"])
    assert "  python_packages: [torch==2.9.1, 'numpy', six, 'a, b']\n" in edited
    edited = edit.remove_item(TEXT, ("build", "python_packages"), 0)
    assert "  python_packages: ['numpy']\n" in edited
    edited = edit.remove_item(TEXT, ("build", "python_packages"), 1)
    assert "  python_packages: [torch==2.9.1]\n" in edited


def test_a_mapping_in_a_list_is_written_over_several_lines():
    entry = {"command": "echo e", "inputs": [{"url": "https://example.com/a", "target": "/a"}]}
    edited = edit.replace_value(TEXT, ("build", "run", 2), entry)
    assert (
        "  - command: echo e\n    inputs:\n      - url: https://example.com/a\n        target: /a\n\npredict:"
        in edited
    )
    assert yaml.safe_load(edited)["build"]["run"][2] == entry


def test_a_list_that_is_not_there_is_made_before_run():
    edited = edit.append_items(TEXT, ("build", "apt_components"), ["contrib"])
    assert "  apt_components:\n    - contrib\n  run:\n" in edited
    assert yaml.safe_load(edit.append_items("build:\n  gpu: true", ("build", "run"), ["a"])) == {
        "build": {"gpu": True, "run": ["a"]}
    }
    assert yaml.safe_load(edit.append_items("predict: a\n", ("build", "run"), ["a"])) == {
        "predict": "a",
        "build": {"run": ["a"]},
    }
    assert yaml.safe_load(edit.append_items("build: {gpu: true}\n", ("build", "run"), ["a"])) == {
        "build": {"gpu": True, "run": ["a"]}
    }


def test_a_list_that_gets_empty_goes_with_its_key():
    text = "build:\n  run:\n    - a\n  gpu: true\n"
    assert edit.remove_item(text, ("build", "run"), 0) == "build:\n  gpu: true\n"


def test_keys_of_a_mapping_on_one_line_can_be_removed():
    assert edit.remove_key("a: {b: 1, c: [x]}\n", ("a", "b")) == "a: {c: [x]}\n"
    assert edit.remove_key("a: {b: 1, c: [x]}\n", ("a", "c")) == "a: {b: 1}\n"


def test_what_can_not_be_edited_is_refused():
    with pytest.raises(edit.CannotEdit):
        edit.remove_item("- - a\n- - b\n  - c\n", (1,), 0)
    with pytest.raises(edit.CannotEdit):
        edit.replace_value(TEXT, ("nothing",), 1)
