"""The page of `cog report` in a real browser: it fits, breaks no rule of accessibility, loads nothing."""

import os
import shutil
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from cogfreeze.cli.main import main
from cogfreeze.lock import file as lock_file
from tests.browser.driver import ASK_AXE, AXE
from tests.review.advisories import AUDITED, packed
from tests.review.pairs import PAIRS, declaring, wheel, wheels
from tests.review.repository import Repository

PHONE, DESK = 390, 1280
SIZES = [(PHONE, "light"), (PHONE, "dark"), (DESK, "light"), (DESK, "dark")]
HOSTILE = (
    "requests==2.31.0",
    "torch==2.9.0 # </code><script>document.title='owned'</script><img src=x onerror=alert(1)>",
)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The page of a lock with all that a page can show, written by the command."""
    if not shutil.which("git"):
        pytest.skip("git is not on this machine")
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COG_CACHE_DIR", str(folder / "cache"))
        repository = Repository(folder, patch, None)
        repository.commit(AUDITED)
        many = [
            wheel(f"package-{number}", "1.0", 40_000 * (number + 1), 7000 + number, "torch")
            for number in range(60)
        ]
        repository.write(wheels(declaring(AUDITED, python_packages=HOSTILE), *many))
        database = str(packed(folder / "db"))
        assert main(["report", "--since", "HEAD", "--database", database, "-o", "report.html"]) == 0
    return folder / "report.html"


@pytest.fixture
def opened(browser, report):
    """Open the page; what it asked the network for is `requests`."""

    def open_page(width, scheme="light"):
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        browser.get("about:blank")
        browser.get_log("browser")
        browser.get(report.as_uri())
        return browser

    yield open_page
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert [each["message"] for each in browser.get_log("browser")] == []


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_the_report_fits_and_breaks_no_rule_of_accessibility(opened, width, scheme, tmp_path):
    browser = opened(width, scheme)
    browser.execute_script(AXE.read_text(encoding="utf-8"))
    assert browser.execute_async_script(ASK_AXE) == []
    overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert browser.execute_script(overflow) == 0
    height = browser.execute_script("return document.documentElement.scrollHeight")
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    folder = Path(os.environ.get("COG_TEST_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"report-{width}-{scheme}.png"
    assert browser.save_screenshot(str(path))
    assert path.stat().st_size > 20_000


def test_the_report_loads_nothing_and_a_hostile_lock_runs_nothing(opened):
    browser = opened(DESK)
    entries = "return performance.getEntriesByType('resource').map((each) => each.name)"
    assert browser.execute_script(entries) == []
    assert browser.title.endswith("what is locked")
    assert browser.execute_script("return document.images.length") == 0
    assert "document.title='owned'" in browser.execute_script("return document.body.innerText")


def test_packages_are_searched_and_sorted(opened):
    browser = opened(DESK)
    rows = "[...document.querySelectorAll('#packages tbody tr')]"
    shown = f"return {rows}.filter((row) => !row.hidden).map((row) => row.cells[0].innerText)"
    search = browser.find_element("id", "search")
    search.send_keys("certifi")
    assert browser.execute_script(shown) == ["certifi"]
    search.clear()
    search.send_keys("x", Keys.BACKSPACE)
    everything = browser.execute_script(shown)
    assert len(everything) > 60
    by_size = browser.find_elements("css selector", "#packages th button")[4]
    by_size.click()
    assert browser.execute_script(shown)[0] == "dumb-init"
    by_size.click()
    assert browser.execute_script(shown)[0] == "torch"


def test_without_scripts_everything_can_be_read(opened, browser):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    opened(DESK)
    text = browser.find_element("tag name", "body").text
    for word in ("certifi", "CVE-2024-35195", "package-59", "Layers", "Who requires whom"):
        assert word in text
    assert not browser.find_element("id", "search").is_displayed()


def test_every_pair_gives_a_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, (_, lock) in PAIRS.items():
        if name != "deb-from-another-archive":
            (tmp_path / "cog.lock").write_text(lock_file.dumps(lock))
            assert main(["report"]) == 0
            assert (tmp_path / "report.html").read_text().endswith("</html>\n")
            assert capsys.readouterr().err == "wrote report.html\n"
