"""What each grammar takes and refuses, and that its refusal helps without telling secrets."""

import pytest

from cogfreeze import grammar
from cogfreeze.grammar import Refused

HEX = "0123456789abcdef" * 4

ACCEPTED = {
    "ADVISORY": ["CVE-2026-1234", "GHSA-aaaa-bbbb-cccc", "DSA-1234-1"],
    "REASON": ["not reachable here: we never parse untrusted files", "naïve"],
    "DATE": ["2027-01-31", "2026-12-01"],
    "PACKAGE": ["numpy", "libstdc++6", "zope.interface"],
    "LICENCE": ["MIT", "Apache-2.0", "GPL-3.0-only"],
    "HOST": ["example.org", "example.org:8443", "*.example.org", "localhost"],
    "IMAGE_NAME": [
        "model",
        "cog-my-model",
        "team/model:v1.2",
        "r8.im/your-username/your-model",
        "localhost:5000/model",
        "registry.example.com:443/a/b__c/d--e:Latest_1",
    ],
    "IMAGE_REFERENCE": ["python:3.11-slim-bookworm", f"python@sha256:{HEX}", f"localhost/x:1@sha256:{HEX}"],
    "DIGEST": [f"sha256:{HEX}"],
    "SHA256": [HEX],
    "PLATFORM": ["linux/amd64", "linux/arm64", "linux/arm/v7"],
    "USER": ["cog", "root", "_apt", "a-b1"],
    "PYTHON_VERSION": ["3.8", "3.11", "3.11.9", "3.14.12"],
    "CUDA_VERSION": ["11.8", "12.4", "12.4.1"],
    "CUDNN_VERSION": ["8", "9.1", "8.9.7.29"],
    "REQUIREMENT": [
        "torch==2.5.1",
        "a[b,c]>=1,<2 ; python_version < '3.12'",
        "x @ https://h/x-1-py3-none-any.whl",
    ],
    "REQUIREMENT_LINE": ["--index-url https://h/simple", "numpy==1 --hash=sha256:00", "./wheels/été.whl"],
    "PACKAGE_NAME": ["torch", "zope.interface", "ruamel.yaml", "A_b-c1"],
    "WHEEL_FILE": [
        "torch-2.5.1+cu124-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "a_b-1!2.0-1build-py2.py3-none-any.whl",
    ],
    "PYTHON_BUILD": ["20260101/cpython-3.11.16%2B20260101-x86_64-unknown-linux-gnu-install_only.tar.gz"],
    "SOURCE_FILE": ["docopt-0.6.2.tar.gz", "a_b-1!2+c.zip", "x-1.tar"],
    "APT_COMPONENT": ["main", "contrib", "non-free-firmware"],
    "APT_PACKAGE": [
        "libgl1",
        "g++",
        "libstdc++6",
        "libc6:i386",
        "ffmpeg=7:5.1*",
        "a1=*",
        "ffmpeg=7:5.1.6-0+deb12u1",
        "gcc:any=4:12.2.0-3",
    ],
    "DEB_NAME": ["0ad", "g++", "libc6"],
    "DEB_VERSION": ["1", "7:5.1.6-0+deb12u1", "1.0~rc1-1"],
    "DEB_FILE": ["libgl1_1.6.0-1_amd64.deb", "ffmpeg_7%3a5.1.6-0+deb12u1_amd64.deb", "g++_1_all.deb"],
    "ARCHIVE_PATH": ["pool/main/libg/libglvnd/libgl1_1.6.0-1_amd64.deb", "dists/bookworm/InRelease"],
    "SNAPSHOT": ["20260901T000000Z"],
    "ENVIRONMENT_NAME": ["A", "_x1", "HF_HOME"],
    "ENVIRONMENT_VALUE": ["", "a b", 'it\'s "quoted" $HOME `id` \\ #', "\ttab", "naïve 値"],
    "CONTAINER_PATH": ["/etc/pip.conf", "/root/.netrc", "/run/secrets/a@b+c", "/a/..b"],
    "PROJECT_PATH": ["a", "scripts/setup.sh", ".hidden/x+y_1.2-3", "a/..b"],
    "SECRET_ID": ["pip", "hf_token", "A.b-c"],
    "URL": ["https://example.com", "http://127.0.0.1:8000/a%20b?c=d&e=f", "https://example.com/pkg@1.0/x.tar.gz"],
    "PREDICTOR": ["predict.py:Predictor", "src/my-model/run.v2.py:predict"],
    "RUN_COMMAND": [
        "pip install x",
        "curl -L https://example.com/a.tar.gz | tar -xzf -",
        "cd a && make install > /dev/null 2>&1; echo 'é' \"$HOME\" `id`",
        "[ -f /etc/x ] && true",
        '[ "$A" ] && true',
        "cat <<< here",
        "echo a\\ b",
        "cat <<EOF >/x\nhello\nEOF",
        "echo $((1 << 3))",
        "#!/bin/bash\nset -o pipefail\n\tls \\\n  -l | wc",
    ],
}

REFUSED = {
    "ADVISORY": ["", "CVE 1", "CVE-1\n", "-x", "a/b"],
    "REASON": ["", " ", "a\nb", "a\x1b[0m", "x" * 501],
    "DATE": ["2027-13-01", "2027-1-1", "yesterday", "2027-01-31\n"],
    "PACKAGE": ["", "-numpy", "a b", "a\n"],
    "LICENCE": ["", "MIT OR Apache-2.0", "-MIT", "MIT\n"],
    "HOST": ["", "http://example.org", "a/b", "*.", "*", "a b", "-a.org"],
    "IMAGE_NAME": [
        "",
        "Model",
        "a//b",
        "-a",
        "a/",
        "a:",
        f"a@sha256:{HEX}",
        "https://a/b",
        "a b",
        "a$(id)",
        "a\n",
    ],
    "IMAGE_REFERENCE": ["", "python@sha256:00", "python:", "${BASE}", "python AS x", "python\nRUN x", "x" * 500],
    "DIGEST": [HEX, "sha256:" + HEX.upper(), f"sha512:{HEX}", f"sha256:{HEX}\n"],
    "SHA256": ["", HEX[1:], HEX + "0", HEX.upper()],
    "PLATFORM": ["", "amd64", "linux/AMD64", "linux/amd64,linux/arm64", "--platform=x"],
    "USER": ["", "Cog", "1000", "a b", "root\n", "-u", "a:b"],
    "PYTHON_VERSION": ["", "3", "2.7", "3.11-slim", "3.11\n", "٣.11"],
    "CUDA_VERSION": ["12", "12.x", "cu124", ""],
    "CUDNN_VERSION": ["8.x", "", "8."],
    "REQUIREMENT": ["", "-r x", "--index-url x", " a", "a\nb", "a\rb", "a\0b", "a\u2028b", "a\x0bb"],
    "REQUIREMENT_LINE": ["", " a", "a\nb", "a\x0cb", "a\u202eb"],
    "PACKAGE_NAME": ["", "-a", "a b", "a==1", "../a", "a\n"],
    "PYTHON_BUILD": [
        "",
        "cpython-3.tar.gz",
        "../cpython-3.tar.gz",
        "a/b/cpython-3.tar.gz",
        "a/cpython-3.tar.gz\n",
    ],
    "SOURCE_FILE": ["", "a.whl", "../a-1.tar.gz", "-a-1.zip", "a-1.tar.gz\n", "a b-1.zip", "a-1.exe"],
    "WHEEL_FILE": [
        "",
        "a.whl",
        "../a-1-py3-none-any.whl",
        "a-1-py3-none-any.whl\n",
        "a-1.tar.gz",
        "-a-1-py3-none-any.whl",
    ],
    "APT_PACKAGE": [
        "",
        "-y",
        "foo-",
        "a",
        "Foo",
        "foo/stable",
        "foo*",
        "foo bar",
        "foo=",
        "foo=1 2",
        "foo;id",
        "foo\n",
    ],
    "APT_COMPONENT": ["", "Main", "main/contrib", "a b", "-main", "main\n"],
    "DEB_NAME": ["", "foo-", "../x"],
    "DEB_VERSION": ["", ":1", "1/2", "1 2"],
    "DEB_FILE": ["a/b_1_amd64.deb", "b_1_amd64.deb\n", "b_1.deb", "foo_1_amd64.rpm"],
    "ARCHIVE_PATH": ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "a b", "a?b"],
    "SNAPSHOT": ["", "2026-09-01", "20260901T000000", "20260901T000000Z/.."],
    "ENVIRONMENT_NAME": ["", "1A", "A-B", "A B", "É", "A\n"],
    "ENVIRONMENT_VALUE": ["a\nb", "a\rb", "\0", "\x1b[31m", "\u202e", "\ud800", "x" * 32_769],
    "CONTAINER_PATH": [
        "",
        "/",
        "a",
        "/a/",
        "//a",
        "/a/../b",
        "/a/..",
        "/./a",
        "/a b",
        "/a,b",
        "/a$b",
        "/a\n",
        "/é",
    ],
    "PROJECT_PATH": ["", "/etc/passwd", "..", "../x", "a/../b", "a//b", "a b", "a,b", "-x", "a/", "a\n"],
    "SECRET_ID": ["", "-a", "a b", "a,b", "a=b", "a/b", "a\n"],
    "URL": [
        "",
        "ftp://example.com/x",
        "file:///etc/passwd",
        "https://user@example.com/x",
        "https://user:word@example.com/x",
        "http://a\\@127.0.0.1/",
        "https://example.com/a b",
        "https://example.com/$(id)",
        "https://example.com/'",
        "https://example.com/#x",
        "https://example.com/x\n",
        "https://",
        "https://-x/",
    ],
    "PREDICTOR": [
        "",
        "predict.py",
        "predict:Predictor",
        "../predict.py:P",
        "a/../predict.py:P",
        "/predict.py:P",
        "-predict.py:P",
        "a b.py:P",
        "predict.py:P:Q",
        "predict.py:P()",
        "predict.py:P\n",
    ],
    "RUN_COMMAND": [
        "",
        " ls",
        "ls ",
        "ls\n",
        "a\rb",
        "a\0b",
        "a\u2028b",
        "--mount=type=ssh x",
        "-x",
        '["rm", "-r", "/"]',
        '[ "a" ]',
        "[]",
    ],
}


def _grammars():
    return {name: each for name, each in vars(grammar).items() if isinstance(each, grammar.Grammar)}


def test_every_grammar_has_its_examples():
    """A new grammar comes with what it takes and what it refuses."""
    assert set(ACCEPTED) == set(REFUSED) == set(_grammars())


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in ACCEPTED for value in ACCEPTED[name]])
def test_accepts_and_returns_the_value_as_it_is(name, value):
    assert _grammars()[name].check(value) == value


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in REFUSED for value in REFUSED[name]])
def test_refuses(name, value):
    with pytest.raises(Refused):
        _grammars()[name].check(value)


def test_a_refusal_says_what_is_wrong_and_what_is_allowed():
    with pytest.raises(Refused) as caught:
        grammar.SECRET_ID.check("a b")

    assert caught.value.message == "`a b` is not a secret's id"
    assert caught.value.allowed == "letters, digits, `.`, `_`, `-`"


def test_a_refusal_tells_no_password_of_a_url():
    with pytest.raises(Refused) as caught:
        grammar.URL.check("https://me:geheim@example.com/x")

    assert caught.value.message == "`https://…@example.com/x` is not a URL that can be used here"


def test_a_refusal_tells_no_value_of_the_environment():
    with pytest.raises(Refused) as caught:
        grammar.ENVIRONMENT_VALUE.check("geheim\n")

    assert caught.value.message == "the value is not one printable line"


def test_a_long_or_unprintable_value_is_shown_short_and_printable():
    assert grammar.shown("a\n\x1b\u202e\ud800b") == r"a\n\x1b\u202e\ud800b"
    assert grammar.shown("x" * 1000) == "x" * 80 + "…"
