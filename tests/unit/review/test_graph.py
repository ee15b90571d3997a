"""`why` and `tree`: because of what a package is there, and which requires which."""

import json

import pytest

from cogfreeze.cli.main import main
from cogfreeze.errors import UsageError
from cogfreeze.lock import file as lock_file
from cogfreeze.review import tree, why
from cogfreeze.review.lines import Lines
from tests.review.pairs import LOCK, known, wheel, wheels


@pytest.fixture
def cog(tmp_path, monkeypatch, capsys):
    """Run a verb in a folder that holds a lock alone."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cog.lock").write_text(lock_file.dumps(LOCK))

    def run(*words, status=0):
        assert main(list(words)) == status
        return capsys.readouterr()

    return run


def test_why_names_the_way_from_a_declared_package_and_the_line_that_declares_it(cog):
    assert cog("why", "certifi").out == (
        "certifi 2024.8.30 (Python package, linux/amd64), 167 kB, from pypi\n"
        "  requests → certifi\n"
        "    requests is declared in build.python_packages: requests==2.31.0\n"
        "  cog.lock:53\n"
    )
    assert "    libgl1 is declared in build.system_packages: libgl1\n" in cog("why", "libglvnd0").out
    assert "    cogfreeze's server needs it\n" in cog("why", "outcome").out


def test_why_points_at_the_line_of_the_lock(cog, tmp_path):
    (found,) = json.loads(cog("why", "Requests", "--json").out)
    line = (tmp_path / "cog.lock").read_text().splitlines()[found["line"] - 1]
    assert line.startswith('    {name = "requests", version = "2.31.0"')


def test_why_takes_the_shortest_way_from_each_declared_package():
    lock = wheels(LOCK, wheel("shared", "1", 1, 900, "numpy", "requests"))
    (reason,) = why.why(lock, "shared")
    assert reason.paths == (("requests", "shared"), ("torch", "numpy", "shared"))


def test_packages_that_require_each_other_are_walked_once():
    lock = wheels(LOCK, wheel("a", "1", 1, 901, "b", "requests"), wheel("b", "1", 2, 902, "a"))
    (reason,) = why.why(lock, "b")
    assert reason.paths == (("requests", "a", "b"),)
    labels = [text.strip("│├└─ ") for _, text in tree.text_lines(tree.trees(lock, name="a"), sizes=True)]
    assert labels[-3:] == ["a 1, 1 bytes, 3 bytes with what it requires", "b 1, 2 bytes, 3 bytes with what it requires", "a 1, 1 bytes, 3 bytes with what it requires (shown above)"]  # fmt: skip  # noqa: E501


def test_an_unknown_package_is_refused_with_those_that_are_close(cog):
    assert "did you mean `certifi`?" in cog("why", "certify", status=2).err
    assert "there is no package `nothing`" in cog("tree", "nothing", status=2).err


def test_tree_shows_each_kind_from_what_is_declared(cog):
    shown = cog("tree").out.splitlines()
    assert shown[:6] == [
        "linux/amd64",
        "  Python packages",
        "    requests 2.31.0",
        "    ├── certifi 2024.8.30",
        "    ├── idna 3.10",
        "    └── urllib3 2.2.3",
    ]
    assert "  System packages" in shown
    assert "  Server packages" in shown


def test_tree_inverted_goes_up_from_a_package(cog):
    assert cog("tree", "--invert", "certifi").out.splitlines()[-2:] == [
        "    certifi 2024.8.30",
        "    └── requests 2.31.0",
    ]


def test_depth_cuts_and_says_so(cog):
    assert "    requests 2.31.0 …" in cog("tree", "--depth", "0").out.splitlines()
    assert "`-1` is not a number of levels" in cog("tree", "--depth", "-1", status=2).err


def test_json_has_the_total_of_a_package_and_all_below_it(cog):
    (found,) = json.loads(cog("tree", "requests", "--json").out)
    (node,) = found["packages"]
    assert node["total"] == sum(known(each).size for each in ("requests", "certifi", "idna", "urllib3"))
    assert [each["name"] for each in node["packages"]] == ["certifi", "idna", "urllib3"]


def test_a_chain_without_end_is_cut():
    chain = [wheel("p0", "1", 1, 1000), *(wheel(f"p{n}", "1", 1, 1000 + n, f"p{n - 1}") for n in range(1, 3000))]
    lock = wheels(LOCK, *chain)
    assert len(list(tree.text_lines(tree.trees(lock, name="p0")))) < 200
    assert len(why.why(lock, "p2999")[0].paths[0]) == 3000


def test_every_place_of_a_lock_has_its_line():
    text = lock_file.dumps(LOCK)
    lines, shown = Lines(text), text.splitlines()
    at = ("platforms", "linux/amd64")
    assert shown[lines.of((*at, "apt", "packages", "[1]")) - 1].startswith('    {name = "libgl1"')
    assert shown[lines.of((*at, "apt", "suites", "[1]", "signers")) - 1].startswith(
        '    {archive = "debian-security"'
    )
    assert shown[lines.of((*at, "base", "digest")) - 1].startswith("digest = ")
    assert shown[lines.of(("tools", "frontend")) - 1].startswith("frontend = ")
    assert shown[lines.of(("files", "[0]")) - 1].startswith('    {url = "https://example.org')
    assert lines.of(("nowhere",)) == 1


def test_no_lock_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError):
        why.why(LOCK, "x")
    assert main(["tree"]) == 2
    assert "there is no `cog.lock` here" in capsys.readouterr().err
