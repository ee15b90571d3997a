"""Every model's page is accessible and fits, from a phone to a wide screen, light and dark."""

import os
from pathlib import Path

import pytest

from tests.browser import models

PHONE, DESK, WALL = 390, 1280, 1920
SIZES = [(PHONE, "light"), (DESK, "dark")]
ALL_SIZES = [*SIZES, (PHONE, "dark"), (DESK, "light"), (WALL, "light")]


@pytest.mark.parametrize("name", models.EVERY)
def test_the_page_breaks_no_rule_of_accessibility_and_fits_the_window(page, name):
    opened = page(name)
    for field in opened.all(".field"):
        if field.get_attribute("data-name") in ("text", "prompt", "level", "kind", "options"):
            opened.fill(
                field.get_attribute("data-name"), VALUES.get((name, field.get_attribute("data-name")), "hello")
            )
    if name == "slow":
        opened.button("Run").click()
        opened.until(lambda: "Running" in opened.id("status").text, "the start")
    else:
        assert opened.run() == {"failing": "Failed", "broken-setup": "Failed"}.get(name, "Succeeded")
    for width, scheme in ALL_SIZES if name in ("optional", "structure") or screenshots() else SIZES:
        opened.size(width)
        opened.colours(scheme)
        assert opened.axe() == [], (width, scheme)
        assert opened.overflow() == 0, (width, scheme)
        keep(opened, width, f"{name}-{width}-{scheme}")
    if name == "slow":
        opened.button("Cancel").click()
        assert opened.wait() == "Canceled"
    if name == "broken-setup":
        opened.complaints()  # the refusal, which is shown on the page


VALUES = {
    ("optional", "level"): "2",
    ("hostile", "kind"): "</select>",
    ("json", "options"): '{"a": [1, {"b": null}]}',
}


def screenshots():
    """The folder for screenshots for people to look at, where COG_TEST_SCREENSHOTS names one."""
    return os.environ.get("COG_TEST_SCREENSHOTS")


def keep(page, width, name):
    """Keep a screenshot of the whole page."""
    if folder := screenshots():
        page.size(width, page.script("return document.documentElement.scrollHeight"))
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.browser.save_screenshot(str(Path(folder) / f"{name}.png"))


def test_there_are_ten_models_and_more():
    assert len(models.EVERY) >= 10
