"""A pyproject.toml, uv.lock or pylock.toml with anything in it is read or refused in words: never a traceback."""

# ruff: noqa: E501

import json
import tempfile
from pathlib import Path

import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from cogfreeze.project.python import requirements

WORDS = [
    *(
        "project",
        "name",
        "version",
        "dependencies",
        "dynamic",
        "requires-python",
        "tool",
        "uv",
        "sources",
        "index",
    ),
    *("package", "source", "registry", "git", "wheels", "sdist", "hash", "url", "path", "marker", "metadata"),
    *("requires-dist", "specifier", "extras", "resolution-markers", "manifest", "overrides", "virtual", "extra"),
    *("packages", "lock-version", "created-by", "hashes", "sha256", "vcs", "commit-id", "archive", "environments"),
]
TEXTS = [
    "a",
    "a==1",
    ">=1",
    "1",
    "1.0",
    ".",
    "a-1-py3-none-any.whl",
    "os_name == 'nt'",
    "'x' in extras",
    "https://u:p@h/x",
]
names = st.sampled_from(WORDS)
leaves = st.one_of(st.sampled_from(TEXTS), st.integers(0, 2), st.booleans(), st.text(max_size=3))
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
    max_leaves=25,
)
VALID = {
    "pyproject.toml": {"project": {"name": "a", "dependencies": ["a"]}, "tool": {"uv": {"sources": {"a": {"git": "x"}}}}},
    "uv.lock": {
        "version": 1,
        "package": [
            {"name": "a", "source": {"virtual": "."}, "metadata": {"requires-dist": [{"name": "a"}]}},
            {"name": "a", "version": "1", "source": {"registry": "x"}, "wheels": [{"url": "a", "hash": "sha256:0"}]},
        ],
    },
    "pylock.toml": {
        "lock-version": "1.0",
        "created-by": "a",
        "packages": [{"name": "a", "version": "1", "wheels": [{"url": "x/a-1-py3-none-any.whl", "hashes": {"sha256": "0"}}]}],
    },
}  # fmt: skip


def paths(value, here=()):
    """Every place in a document."""
    yield here
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from paths(each, (*here, key))


@st.composite
def documents(draw, name):
    """A right document with one of its values replaced, or one put in."""
    document = json.loads(json.dumps(VALID[name]))
    *above, last = draw(st.sampled_from([each for each in paths(document) if each]))
    at = document
    for key in above:
        at = at[key]
    at[last if draw(st.booleans()) or isinstance(at, list) else draw(names)] = draw(values)
    return document


@given(documents("pyproject.toml"), documents("uv.lock"), documents("pylock.toml"), st.booleans())
@settings(max_examples=200, deadline=None)
def test_anything_is_read_or_refused_in_words(project, lock, pylock, locked):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "pyproject.toml").write_text(tomlkit.dumps(project), encoding="utf-8")
        Path(folder, "pylock.toml").write_text(tomlkit.dumps(pylock), encoding="utf-8")
        if locked:
            Path(folder, "uv.lock").write_text(tomlkit.dumps(lock), encoding="utf-8")
        for name in ("pyproject.toml", "pylock.toml"):
            files, mistakes, _ = requirements.read(Path(folder), name, named_at="cog.yaml:1", python="3.11")
            assert files or mistakes
            assert all("u:p@" not in line for each in files for line in each.lines)
            assert all(each.message and each.where and "u:p@" not in str(each) for each in mistakes)
