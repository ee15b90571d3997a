"""Commands that use the network are found before the build fails; others are not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogfreeze.project.needs_network import network_program


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
        ("python -m nltk.downloader punkt", "nltk"),
        ("python3 -m spacy download en_core_web_sm", "spacy"),
        ("add-apt-repository -y ppa:x/y", "add-apt-repository"),
        ("hf download org/model", "hf"),
        ('python -c "from transformers import AutoModel as A; A.from_pretrained(1)"', "python"),
        ("curl 'never closed", "curl"),
        ("set -e\ncd /opt\ncurl x", "curl"),
        ("cd /opt && \\\n  curl x", "curl"),
    ],
)
def test_what_fetches_is_named(command, program):
    assert network_program(command) == program


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
    assert network_program(command) is None


@settings(deadline=None)
@given(st.text(st.sampled_from("curl pip install \"'\\$`|&;(){}<>#-c sh =/:https")))
def test_any_text_is_read_without_a_complaint(command):
    network_program(command)
