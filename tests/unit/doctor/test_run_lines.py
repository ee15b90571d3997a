"""Commands of `build.run` as people write them, and what cogfreeze writes in their place."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogfreeze.doctor.run_lines import Facts, advice, missing_packages, rewrite
from cogfreeze.project.model import Build, InputFile, RunCommand

COMMIT = "a" * 40
SPACY_MODEL = (
    "en_core_web_sm @ https://github.com/explosion/spacy-models/releases/download/en_core_web_sm-3.7.1/"
    "en_core_web_sm-3.7.1-py3-none-any.whl"
)
WRITTEN = (
    "write `{command: install -D -m 644 /inputs/a a, inputs: [{url: https://example.com/a, target: /inputs/a}]}`;"
    " `cog doctor --fix` writes this"
)
FACTS = Facts(requirements=("spacy==3.7.4",), find_commit=lambda _url, _reference: COMMIT)


def rewritten(text, facts=FACTS):
    return rewrite(RunCommand(command=text), facts)


@pytest.mark.parametrize(
    ("command", "left", "urls"),
    [
        (
            'curl -o /bin/pget -L "https://example.com/v1/pget_$(uname -s)_$(uname -m)" && chmod +x /bin/pget',
            "install -D -m 644 /inputs/pget_Linux_x86_64 /bin/pget && chmod +x /bin/pget",
            ["https://example.com/v1/pget_Linux_x86_64"],
        ),
        (
            "curl -fsSLo /opt/a https://example.com/a",
            "install -D -m 644 /inputs/a /opt/a",
            ["https://example.com/a"],
        ),
        ("curl -LO https://example.com/a", "install -D -m 644 /inputs/a a", ["https://example.com/a"]),
        ("curl https://example.com/a > /opt/b", "install -D -m 644 /inputs/a /opt/b", ["https://example.com/a"]),
        (
            "curl -sSL https://example.com/a.tar.gz | tar xz -C /opt",
            "cat /inputs/a.tar.gz | tar xz -C /opt",
            ["https://example.com/a.tar.gz"],
        ),
        (
            "mkdir -p ~/.u2net; wget -q https://example.com/u2.onnx -O ~/.u2net/u2.onnx",
            "mkdir -p ~/.u2net; install -D -m 644 /inputs/u2.onnx ~/.u2net/u2.onnx",
            ["https://example.com/u2.onnx"],
        ),
        (
            "wget https://example.com/m.pth -P /root/.cache/torch",
            "install -D -m 644 /inputs/m.pth /root/.cache/torch/m.pth",
            ["https://example.com/m.pth"],
        ),
        (
            "wget -qO- https://example.com/a.tgz | tar xz",
            "cat /inputs/a.tgz | tar xz",
            ["https://example.com/a.tgz"],
        ),
        (
            "pget -x https://example.com/w.tar /weights",
            "mkdir -p /weights && tar xf /inputs/w.tar -C /weights",
            ["https://example.com/w.tar"],
        ),
        (
            "aria2c -c -x 16 -s 16 https://example.com/m.ckpt -d /models -o m.ckpt",
            "install -D -m 644 /inputs/m.ckpt /models/m.ckpt",
            ["https://example.com/m.ckpt"],
        ),
        (
            "git clone --depth 1 -b v1 https://github.com/a/b.git /opt/b",
            f"mkdir -p /opt/b && tar xzf /inputs/{COMMIT}.tar.gz -C /opt/b --strip-components=1",
            [f"https://github.com/a/b/archive/{COMMIT}.tar.gz"],
        ),
        (
            f"git clone https://github.com/a/b && cd b && git checkout {'b' * 40} && make",
            f"mkdir -p b && tar xzf /inputs/{'b' * 40}.tar.gz -C b --strip-components=1 && cd b && true && make",
            [f"https://github.com/a/b/archive/{'b' * 40}.tar.gz"],
        ),
        (
            "python -m nltk.downloader stopwords",
            "python -m zipfile -e /inputs/stopwords.zip /usr/local/share/nltk_data/corpora",
            [f"https://raw.githubusercontent.com/nltk/nltk_data/{COMMIT}/packages/corpora/stopwords.zip"],
        ),
        (
            "python -c \"import nltk; nltk.download('punkt')\"",
            "python -m zipfile -e /inputs/punkt.zip /usr/local/share/nltk_data/tokenizers",
            [f"https://raw.githubusercontent.com/nltk/nltk_data/{COMMIT}/packages/tokenizers/punkt.zip"],
        ),
        (
            "cp a.py /root/.pyenv/versions/3.10.4/lib/python3.10/site-packages/basicsr/",
            'cp a.py "$(python -c \'import sysconfig; print(sysconfig.get_path("purelib"))\')"/basicsr/',
            [],
        ),
    ],
)
def test_what_a_command_downloads_becomes_an_input(command, left, urls):
    found = rewritten(command)
    assert found.command.command == left
    assert [each.url for each in found.command.inputs] == urls
    assert not found.network


@pytest.mark.parametrize(
    ("command", "python", "system"),
    [
        ("pip install six 'numpy>=1.26'", ("six", "numpy>=1.26"), ()),
        ("--mount=type=cache,target=/root/.cache/pip pip3 install -U six", ("six",), ()),
        ("pip install --upgrade pip && python3 -m pip install --no-cache-dir six", ("six",), ()),
        ("pip install git+https://github.com/a/b.git@v1", ("git+https://github.com/a/b.git@v1",), ()),
        ("/root/.pyenv/versions/3.10.4/bin/pip install six", ("six",), ()),
        (
            "pip install torch==2.0.1 torchvision==0.15.2 --extra-index-url https://example.com/whl/cu118",
            ("torch==2.0.1+cu118", "torchvision==0.15.2+cu118"),
            (),
        ),
        (
            "apt-get update && sudo apt-get install -y ffmpeg libsm6 && rm -rf /var/lib/apt/lists/*",
            (),
            ("ffmpeg", "libsm6"),
        ),
        (
            "python -m spacy download en_core_web_sm",
            (SPACY_MODEL,),
            (),
        ),
    ],
)
def test_what_a_command_installs_moves_to_the_packages(command, python, system):
    found = rewritten(command)
    assert (found.command, found.python_packages, found.system_packages) == (None, python, system)


@pytest.mark.parametrize(
    "command",
    [
        "curl -sSL https://example.com/install.sh | bash",
        "curl -H 'Authorization: x' https://example.com/a -o /a",
        "wget https://example.com/$VERSION.tgz",
        "wget https://example.com/a https://example.com/b",
        "if true; then wget https://example.com/a; fi",
        "for i in 1 2; do wget https://example.com/$i; done",
        "wget -r https://example.com/",
        "wget https://example.com/a || true; pip install six --no-deps",
        "git clone --recursive https://github.com/a/b",
        "git clone https://git.example.org/a/b",
        "pip install -e /opt/b && curl x",
        "pip install six --index-url https://example.org/simple",
        "huggingface-cli download a/b",
        "add-apt-repository ppa:a/b",
        "python -m spacy download xx_ent",
    ],
)
def test_what_can_not_be_locked_stays_and_needs_the_network(command):
    found = rewritten(command)
    assert found.network
    assert not found.system_packages


@pytest.mark.parametrize(
    "command", ["echo hi > /etc/x", "ldconfig", "chmod +x /usr/local/bin/pget", "echo $((1 + 2))"]
)
def test_a_command_without_a_download_stays_as_it_is(command):
    found = rewritten(command)
    assert (found.command.command, found.network) == (command, False)


def test_files_of_the_same_name_are_mounted_apart_and_known_ones_are_used_again():
    command = RunCommand(
        command="wget https://example.com/a/w https://x && wget https://example.com/a/w && wget https://example.com/b/w",
        inputs=(InputFile(url="https://example.com/a/w", target="/inputs/first"),),
    )
    found = rewrite(command, FACTS)
    assert [(each.url, each.target) for each in found.command.inputs] == [
        ("https://example.com/a/w", "/inputs/first"),
        ("https://example.com/b/w", "/inputs/w"),
    ]


def test_the_machine_is_filled_in_only_if_there_is_one():
    both = Facts(platforms=("linux/amd64", "linux/arm64"))
    assert rewritten("wget https://example.com/$(uname -m)", both).network
    arm = Facts(platforms=("linux/arm64",))
    assert rewritten("wget https://example.com/$(uname -m)", arm).command.inputs[0].url.endswith("/aarch64")


def test_without_a_known_commit_a_clone_stays_and_says_how_to_lock_it():
    found = rewritten("git clone https://github.com/a/b", Facts())
    assert found.network
    assert found.notes == ("`https://github.com/a/b` can be locked at a commit: name one with `git checkout`",)


def test_a_url_of_the_latest_release_is_told():
    assert "names the latest release" in rewritten("wget https://example.com/latest/a").notes[0]


@pytest.mark.parametrize(
    ("command", "fix"),
    [
        (
            "wget https://example.com/a",
            WRITTEN,
        ),
        (
            "pip install six",
            "declare `six` in `python_packages`; remove the command; `cog doctor --fix` writes this",
        ),
        (
            "apt-get install -y git",
            "declare `git` in `system_packages`; remove the command; `cog doctor --fix` writes this",
        ),
        (
            "wget https://example.com/$X",
            "allow the network with `network: true`; then the image is not reproducible",
        ),
    ],
)
def test_cog_lock_says_what_to_write(command, fix):
    (found,) = advice(Build(python_version="3.11", run=(RunCommand(command=command),)), Facts())
    assert (found.place, found.fix) == ("build.run[0]", fix)


def test_what_may_use_the_network_needs_no_advice():
    command = RunCommand(command="curl x", network=True)
    assert advice(Build(python_version="3.11", run=(command,)), Facts()) == ()
    assert advice(Build(python_version="3.11", network=True, run=(RunCommand(command="curl x"),)), Facts()) == ()


def test_programs_that_the_image_lacks_are_named_with_their_packages():
    run = tuple(
        RunCommand(command=text, network=True)
        for text in (
            "git clone x",
            "cd /opt && curl x | tar xz",
            "apt-get install -y unzip && unzip x",
            "echo wget",
        )
    )
    build = Build(python_version="3.11", run=run, system_packages=("git=1:2*",))
    assert missing_packages(build, {"tar"}) == ("ca-certificates", "curl")
    assert missing_packages(build, {"curl", "ca-certificates"}) == ()
    assert missing_packages(build, None) == ()


@settings(deadline=None)
@given(st.text(st.sampled_from("curl wget pip install git clone \"'\\$`|&;(){}<>#-co sh =/:https\n")))
def test_any_text_is_read_without_an_error(command):
    rewritten(command)
