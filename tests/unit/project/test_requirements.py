"""Requirements files are read as pip reads them, and nothing that they say is lost."""

import os

import pytest

from cogfreeze.project.python import RequirementsFile, requirements


@pytest.fixture
def read(tmp_path):
    """Write files and read `requirements.txt`; return files, mistakes as `(place: message, hint)`, warnings."""

    def read(text, **files):
        for name, content in {"requirements.txt": text, **files}.items():
            path = tmp_path / name.replace("__", "/").replace("_txt", ".txt")
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        found, mistakes, warnings = requirements.read(
            tmp_path, "requirements.txt", named_at="cog.yaml:1", python="3.11"
        )
        return found, [(str(each), each.hint) for each in mistakes], warnings

    return read


def lines_of(result):
    [file], mistakes, _ = result
    assert mistakes == []
    return list(file.lines)


# What Cog mangles (facts of its source): each line must survive as it is.
KEPT = [
    "numpy==1.26.4 --hash=sha256:aaaa --hash=sha256:bbbb",
    'numpy==1.26.4 ; python_version < "3.12"',
    'numpy==1.26.4; python_version=="3.11"',
    "zope.interface==6.0",
    "ruamel.yaml==0.17.1",
    "x @ git+https://example.com/x.git@v1#subdirectory=y",
    "git+https://example.com/x.git#subdirectory=y&egg=x",
    "git+ssh://git@example.com/x.git",
    "requests[security,socks]>=2,<3",
    "./wheels/x-1.0-py3-none-any.whl",
    "x-1.0-py3-none-any.whl",
    "wheels/x y.tar.gz",
    "x @ https://example.com/x-1.0-py3-none-any.whl ; python_version > '3'",
    "-e .",
    "--index-url https://${USER}:${TOKEN}@example.com/simple",
    "--extra-index-url=https://example.com/simple",
    "-f wheels",
    "--find-links 'a b'",
    "--no-binary :all:",
    "--pre",
    "--require-hashes",
    "--trusted-host example.com",
    'x==1 --config-settings "a=b c"',
]


@pytest.mark.parametrize("line", KEPT)
def test_a_line_is_kept_as_it_is(read, line):
    assert lines_of(read(f"{line}\n")) == [line]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a==1 # why\n", ["a==1"]),
        ("# all\n\n   \n  # comment\n", []),
        ("a==1 \\\n  --hash=sha256:aa \\\n  --hash=sha256:bb\n", ["a==1   --hash=sha256:aa   --hash=sha256:bb"]),
        ("a==1 \\\n# in between\nb==2\n", ["a==1", "b==2"]),
        ("# not continued \\\na==1\n", ["a==1"]),
        ("a==1 \\", ["a==1"]),
        ("a==1\r\nb==2\r\n", ["a==1", "b==2"]),
        ("\ufeffa==1\n", ["a==1"]),
        ("a==1\n".encode("utf-16"), ["a==1"]),
        ("\ta==1\t# tab\n", ["a==1"]),
        ("", []),
    ],
)
def test_comments_and_continuations(read, text, lines):
    assert lines_of(read(text)) == lines


def test_named_files_follow_the_file_that_names_them(read):
    found, mistakes, warnings = read(
        "-r sub/a.txt\n--requirement=b.txt\n-csub/c.txt\nx==1\n",
        sub__a_txt="-r ../b.txt\n--constraint c.txt\na==1\n",
        b_txt="b==1\n",
        sub__c_txt="c==1\n",
    )
    assert (mistakes, warnings) == ([], [])
    assert found == (
        RequirementsFile(
            path="requirements.txt", lines=("-r sub/a.txt", "--requirement=b.txt", "-csub/c.txt", "x==1")
        ),
        RequirementsFile(path="sub/a.txt", lines=("-r ../b.txt", "--constraint c.txt", "a==1")),
        RequirementsFile(path="b.txt", lines=("b==1",)),
        RequirementsFile(path="sub/c.txt", lines=("c==1",)),
    )


def test_what_the_image_provides_is_dropped_with_a_warning(read):
    found, mistakes, warnings = read(
        "torch\ncog==0.9.4 \\\n --hash=sha256:aa\ncog[x]>1 ; python_version>'3'\ncogs\nCog @ https://a/c.whl\n"
    )

    assert mistakes == []
    assert found[0].lines == ("torch", "cogs")
    dropped = "is dropped, because the image provides it; remove it, or set `build.allow: [cog]`"
    assert warnings == [
        f"requirements.txt:2: `cog==0.9.4` {dropped}",
        f"requirements.txt:4: `cog[x]>1 ; python_version>'3'` {dropped}",
        f"requirements.txt:6: `Cog @ https://a/c.whl` {dropped}",
    ]


PASSWORD = "a URL contains a user or password, which would be written into the lock"
NETRC = "keep it in `~/.netrc`, or write `${NAME}` and set it in the environment"
OUTSIDE = "copy it into the project's folder and give its path there"
WITHOUT_SPACE = "Expected comma (within version specifier), semicolon (after version specifier) or end"
RELATIVE = "its path is relative to the file that names it"


@pytest.mark.parametrize(
    ("text", "mistake", "hint"),
    [
        ("a\n-r nope.txt\n", "requirements.txt:2: the requirements file `nope.txt` does not exist", RELATIVE),
        ("-c sub\n", "requirements.txt:1: the requirements file `sub` is a folder", RELATIVE),
        ("-r ../x.txt\n", "requirements.txt:1: `../x.txt` is not a file of this project", OUTSIDE),
        ("-r /etc/x.txt\n", "requirements.txt:1: `/etc/x.txt` is not a file of this project", OUTSIDE),
        (
            "-r https://example.com/x.txt\n",
            "requirements.txt:1: `https://example.com/x.txt` is not a file of this project",
            OUTSIDE,
        ),
        ("-r a b\n", "requirements.txt:1: `-r` and `-c` take one file", None),
        ("-r\n", "requirements.txt:1: `-r` needs a value", None),
        ("--index-url https://me:geheim@example.com/\n", f"requirements.txt:1: {PASSWORD}", NETRC),
        ("--index-url https://geheim@example.com/\n", f"requirements.txt:1: {PASSWORD}", NETRC),
        ("--index-url https://${USER}:geheim@example.com/\n", f"requirements.txt:1: {PASSWORD}", NETRC),
        ("x @ https://me:geheim@example.com/x.whl\n", f"requirements.txt:1: {PASSWORD}", NETRC),
        ("-f https://geheim@example.com/\n", f"requirements.txt:1: {PASSWORD}", NETRC),
        (
            "\n--extra-index https://example.com\n",
            "requirements.txt:2: `--extra-index` is not an option here",
            "did you mean `--extra-index-url`?",
        ),
        ("a==1 --hsh=sha256:aa\n", "requirements.txt:1: `--hsh` is not an option here", "did you mean `--hash`?"),
        ("--index-url\n", "requirements.txt:1: `--index-url` needs a value", None),
        ("--find-links 'a\n", "requirements.txt:1: has an unclosed quote", None),
        ("a==1#b\n", "requirements.txt:1: `a==1#b` is not a requirement", WITHOUT_SPACE),
        ("torch=2.0\n", "requirements.txt:1: `torch=2.0` is not a requirement", "write `torch==2.0`"),
        (
            "sklearn>=1 # x\n",
            "requirements.txt:1: the package of `sklearn` is called `scikit-learn`",
            "write `scikit-learn>=1`",
        ),
        (
            "a\n\nnum py\n",
            "requirements.txt:3: `num py` is not a requirement",
            "Expected semicolon (after name with no version specifier) or end",
        ),
        ("a\n\x00\n", "requirements.txt:2: `\\x00` is not a line of a requirements file", "one printable line"),
        (b"a\n\xe9\n", "requirements.txt:2: is not UTF-8 text", "save the file as UTF-8"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_to_do(read, tmp_path, text, mistake, hint):
    (tmp_path / "sub").mkdir()

    assert read(text)[1] == [(mistake, hint)]


def test_all_mistakes_of_all_files_are_told(read):
    _, mistakes, _ = read("yaml\n-r a.txt\ncv2\n", a_txt="\nPIL\n")

    assert [each for each, _ in mistakes] == [
        "requirements.txt:1: the package of `yaml` is called `pyyaml`",
        "a.txt:2: the package of `pil` is called `pillow`",
        "requirements.txt:3: the package of `cv2` is called `opencv-python`",
    ]


def test_a_circle_of_files_is_refused(read):
    _, mistakes, _ = read("-r a.txt\n", a_txt="x\n-r requirements.txt\n")

    chain = "`requirements.txt` → `a.txt` → `requirements.txt`"
    message = f"a.txt:2: requirements files include each other in a circle: {chain}"
    assert mistakes == [(message, "remove this line")]


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "requirements.txt")

    _, [mistake], _ = requirements.read(tmp_path, "requirements.txt", named_at="cog.yaml:1", python="3.11")

    assert str(mistake) == "cog.yaml:1: the requirements file `requirements.txt` does not exist"


def test_merge_conflicts_are_one_mistake(read):
    text = "numpy>=2\n<<<<<<< HEAD\nclick==8.1.7\n=======\nclick==8.1.8\n>>>>>>> other\n"
    _, mistakes, _ = read(text)
    assert mistakes == [("requirements.txt:2: has merge conflicts", "resolve them: keep one side of each")]
