"""The fixes of `cog doctor --fix`, as functions of texts."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cogfreeze.doctor.fixes import Texts, fix_all, fix_old_keys, fix_run, fix_system_packages
from cogfreeze.doctor.run_lines import Facts

FACTS = Facts(find_commit=lambda _url, _reference: "a" * 40)


def texts(yaml_text, **others):
    return Texts(file="cog.yaml", texts={"cog.yaml": yaml_text, **others})


def test_a_later_install_replaces_a_declared_package_as_pip_would():
    declared = "build:\n  python_packages:\n    - numpy  # any\n    - six==1.0\n"
    project = texts(declared + "  run:\n    - pip install numpy==2.1 six\n")
    fix_run(project, FACTS)
    assert project.yaml == "build:\n  python_packages:\n    - numpy==2.1  # any\n    - six==1.0\n"


def test_a_new_name_that_is_declared_already_is_not_declared_twice():
    project = texts("build:\n  system_packages:\n    - libgl1-mesa-glx\n    - libgl1\n")
    fix_system_packages(project, {"libgl1-mesa-glx": "libgl1"})
    assert project.yaml == "build:\n  system_packages:\n    - libgl1\n"


def test_a_list_whose_packages_are_all_unneeded_goes():
    project = texts("build:\n  gpu: true\n  system_packages:\n    - nvidia-driver\n")
    fix_system_packages(project, {"nvidia-driver": None})
    assert project.yaml == "build:\n  gpu: true\n"


def test_old_keys_go_and_the_rest_stays():
    project = texts("# x\nbuild:\n  fast: true  # gone\n  env: {A: 1}\n  gpu: true\ntests: []\n# end\n")
    fix_old_keys(project)
    assert project.yaml == "# x\nbuild:\n  gpu: true\nenvironment:\n  - A=1\n# end\n"


def test_packages_that_the_requirements_can_not_take_leave_the_command_as_it_is():
    text = "build:\n  python_requirements: pyproject.toml\n  run:\n    - pip install six\n"
    project = texts(text)
    fix_run(project, FACTS)
    assert project.yaml == text
    assert project.notes == ["`pip install six` stays: `pyproject.toml` can't take packages"]


COMMANDS = st.one_of(
    st.sampled_from(
        [
            "pip install six",
            "apt-get install -y git",
            "wget https://example.com/a",
            "echo 'a: b' # c",
            "curl x | sh",
        ]
    ),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=20),
)


@pytest.mark.parametrize("flow", [False, True, None])
@settings(deadline=None, max_examples=40)
@given(st.lists(COMMANDS, min_size=1, max_size=4), st.lists(st.sampled_from(["a1", "b1 c1", "old"]), max_size=3))
def test_whatever_is_declared_the_result_is_yaml_and_says_the_rest_as_before(flow, commands, packages):
    document = {"build": {"gpu": True, "system_packages": packages, "run": commands}, "predict": "a.py:B"}
    project = texts(yaml.safe_dump(document, default_flow_style=flow, sort_keys=False, allow_unicode=True))
    fix_all(project, FACTS, {"old": "new1"}, (), frozenset())
    found = yaml.safe_load(project.yaml)
    assert (found["predict"], found["build"]["gpu"]) == ("a.py:B", True)
    assert len(found["build"].get("run", ())) <= len(commands)
    assert "old" not in found["build"].get("system_packages", ())
