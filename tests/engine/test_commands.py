"""What `build.run` can do, in one image: scripts of any shell, project files, the model's home directory."""

import pytest

pytestmark = pytest.mark.engine

RUN = """\
run:
  - echo $((1 << 3)) >/opt/shift
  - |
    cat >/opt/here <<END
    home is $HOME
    END
    mkdir -p ~/.cache/model
    echo weights >~/.cache/model/weights
    chmod 600 ~/.cache/model/weights
  - |
    #!/bin/bash -e
    read -r word rest <<< "first second"
    echo "$word" >/opt/bash
  - command: sh /inputs/setup.sh
    inputs: [{path: scripts/setup.sh, target: /inputs/setup.sh}]
"""


@pytest.fixture(scope="module")
def image(new_project, built):
    folder = new_project(RUN, files={"scripts/setup.sh": "stat -c '%a %Y' /inputs/setup.sh >/opt/input\n"}.items())
    built(folder, name="cogfreeze-test-commands")
    return "cogfreeze-test-commands"


def test_any_script_that_a_file_can_hold_runs(image, shell):
    assert shell(image, "cat /opt/shift /opt/here /opt/bash") == "8\nhome is /home/cog\nfirst\n"


def test_a_file_of_the_project_is_read_with_a_fixed_mode_and_time(image, shell):
    assert shell(image, "cat /opt/input") == "644 315532800\n"
    assert shell(image, "ls /inputs 2>/dev/null | wc -l") == "0\n"


def test_the_model_reads_what_a_command_left_in_its_home(image, shell):
    assert shell(image, 'cat "$HOME/.cache/model/weights"; stat -c %U ~/.cache ~/.cache/model') == (
        "weights\ncog\ncog\n"
    )


def test_a_script_stops_at_the_first_line_that_fails(new_project, cog):
    folder = new_project("run:\n  - |\n    echo before\n    false\n    echo after\n")
    answer = cog(folder, "build", "--syntax", "builtin", "-t", "cogfreeze-test-commands-failed")
    assert answer.returncode == 1
    lines = answer.stderr.splitlines()
    at = lines.index("error[CF400]: build.run[0]: the command failed with exit status 1:")
    assert lines[at + 1] == "  before"
    assert "  after" not in lines
