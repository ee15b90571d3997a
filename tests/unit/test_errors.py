"""Every error has a code of its own, and the documentation explains it."""

import re
from pathlib import Path

from cogfreeze import errors, settings_file

ROOT = Path(__file__).parents[2]


def test_every_code_is_explained_once():
    classes = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.CogError) and "code" in vars(value)
    ]
    assert [each.error for each in errors.ENTRIES] == classes
    codes = [each.code for each in classes]
    assert sorted(set(codes)) == codes


def test_every_variable_that_is_read_is_described():
    """The names of `COG_*` variables in the builder's code are settings, the server's, or Cog's."""
    described = {name for each in settings_file.SETTINGS for name in each.variables}
    server = (ROOT / "docs" / "http.md").read_text()
    for path in (ROOT / "cogfreeze").rglob("*.py"):
        for name in re.findall(r"[\"']((?:COG|BUILDKIT)_[A-Z_]+[A-Z])[\"']", path.read_text()):
            assert name in described or f"`{name}`" in server or name == "COG_SERVER_PATH", (path, name)
