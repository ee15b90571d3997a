"""The description of the server names everything that there is."""

from pathlib import Path

from cogserve.protocol import EVENTS
from cogserve.settings import VARIABLES, parser

DOCUMENT = (Path(__file__).parents[2] / "docs" / "http.md").read_text()


def test_every_setting_is_described():
    assert [name for name, _, _ in VARIABLES if f"`{name}`" not in DOCUMENT] == []


def test_every_option_is_described():
    options = [option for action in parser()._actions for option in action.option_strings]

    assert [option for option in options if option.startswith("--") and option not in DOCUMENT] == [
        "--help",
        "--verbose",
    ]


def test_every_event_is_described():
    assert [event for event in EVENTS if f"`{event}`" not in DOCUMENT] == []
