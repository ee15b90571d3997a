"""Commands that fetch are found before the build fails, and those that don't are left in peace."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogfreeze.project.model import Build, InputFile, RunCommand
from cogfreeze.project.needs_network import fetches


def found(command, **build):
    run = command if isinstance(command, RunCommand) else RunCommand(command=command)
    return [each.program for each in fetches(Build(python_version="3.11", run=(run,), **build))]


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ("curl -fsSL https://example.org/a | sh", "curl"),
        ("cd /opt && /usr/bin/wget -q https://example.org/a", "wget"),
        ("if true; then wget x; fi", "wget"),
        ("(cd /opt; curl x)", "curl"),
        ("HTTPS_PROXY=x sudo curl x", "curl"),
        ("bash -c 'cd /opt && git clone https://example.org/x.git'", "git"),
        ("git lfs pull", "git"),
        ("pip install six", "pip"),
        ("pip3.11 download six", "pip"),
        ("python3 -m pip install --no-deps six", "pip"),
        ("uv pip install six", "pip"),
        ("apt-get update", "apt"),
        ("DEBIAN_FRONTEND=noninteractive apt-get -qq install -y jq", "apt"),
        ("npm ci", "npm"),
        ("hf download org/model", "hf"),
        ('python -c "from transformers import AutoModel as A; A.from_pretrained(1)"', "python"),
        ("curl 'never closed", "curl"),
        ("set -e\ncd /opt\ncurl x", "curl"),
        ("cd /opt && \\\n  curl x", "curl"),
    ],
)
def test_what_fetches_is_named(command, program):
    assert found(command) == [program]


@pytest.mark.parametrize(
    "command",
    [
        "echo 'curl is a word' >/opt/note",
        "echo curl",
        "tar xzf /inputs/a.tgz -C /opt",
        "curl file:///inputs/a.tgz -o /opt/a.tgz",
        "git config --global init.defaultBranch main",
        "pip install --no-index --find-links /inputs six",
        "pip install /inputs/six.whl",
        "pip list",
        "apt-get clean",
        "dpkg -i /inputs/a.deb",
        "apt-get install -y ./a.deb",
        "python -c 'print(1)'",
        "npm run build",
        "echo one \\\n  curl",
        "",
    ],
)
def test_what_stays_inside_is_left_in_peace(command):
    assert found(command) == []


def test_what_may_use_the_network_needs_no_fix():
    assert found("curl x", network=True) == []
    assert found(RunCommand(command="curl x", network=True)) == []


def test_the_fix_names_each_address_that_is_not_locked_yet():
    command = RunCommand(
        command="wget 'https://example.org/a?b=1&c=2' https://example.org/sub/w.bin https://example.org/$VERSION",
        inputs=(InputFile(url="https://example.org/sub/w.bin", target="/inputs/w.bin"),),
    )
    (fetch,) = fetches(Build(python_version="3.11", run=(command,)))

    assert fetch.place == "build.run[0]"
    assert fetch.fix.startswith(
        "lock it by hash with `inputs: [{url: https://example.org/a?b=1&c=2, target: /inputs/a}]`, and read it"
    )


@pytest.mark.parametrize(
    "command", ["curl -O https://example.org/$VERSION.tgz", "git clone https://example.org/x"]
)
def test_without_an_address_that_could_be_locked_the_fix_is_told_in_words(command):
    (fetch,) = fetches(Build(python_version="3.11", run=(RunCommand(command=command),)))

    assert fetch.fix.startswith("list the files in `inputs:`")


@given(st.text(st.sampled_from("curl pip install \"'\\$`|&;(){}<>#-c sh =/:https")))
def test_any_text_is_read_without_a_complaint(command):
    found(command)
