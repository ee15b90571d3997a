"""The page as a person sees it, in a real browser."""

import importlib.util
import os
import time
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

PATIENCE = 60.0
ENDS = ("Succeeded", "Failed", "Canceled")
AXE = Path(importlib.util.find_spec("axe_playwright_python").submodule_search_locations[0]) / "axe.min.js"
ASK_AXE = """
    const done = arguments[0];
    axe.run(document, {resultTypes: ["violations"]}).then(
        (found) => done(found.violations.map(({id, nodes}) => `${id}: ${nodes.map(({html}) => html).join(" ")}`)),
        (error) => done([String(error)]),
    );
"""


def start_browser(binary, driver):
    """Start Debian's Chromium without a window; its camera is a made-up one."""
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    options.page_load_strategy = "normal"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in (
        "--headless=new",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--force-prefers-reduced-motion",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        # A container's root cannot make the sandbox; what is opened is our own page alone.
        *(("--no-sandbox",) if os.getuid() == 0 else ()),
    ):
        options.add_argument(argument)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    browser.set_script_timeout(PATIENCE)
    browser.set_page_load_timeout(PATIENCE)
    return browser


class Page:
    """The page of one server, freshly opened, with an empty history."""

    def __init__(self, browser, address, fragment=""):
        self.browser = browser
        self.address = address
        self.size(1280)
        browser.get("about:blank")
        browser.get_log("browser")
        browser.get(f"{address}/openapi.json")  # the same origin, to empty its storage
        browser.execute_script("sessionStorage.clear()")
        browser.get_log("browser")
        self.open(fragment)

    def open(self, fragment=""):
        self.browser.get("about:blank")
        self.browser.get(f"{self.address}/{fragment}")
        self.until(lambda: "Loading" not in self.id("fields").text, "the form")

    # Looking

    def size(self, width, height=900):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def colours(self, scheme):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def axe(self):
        """The rules of accessibility that the page breaks."""
        self.script(AXE.read_text(encoding="utf-8"))
        return self.browser.execute_async_script(ASK_AXE)

    def complaints(self):
        """What the browser's console has: errors of scripts, and what the policy forbade."""
        return [entry["message"] for entry in self.browser.get_log("browser")]

    def overflow(self):
        """How many pixels the page is wider than the window."""
        return self.script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def id(self, name):
        return self.browser.find_element(By.ID, name)

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def script(self, text, *arguments):
        return self.browser.execute_script(text, *arguments)

    def until(self, condition, what="it"):
        """Return the first true result of `condition`."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if result := condition():
                return result
            time.sleep(0.02)
        raise AssertionError(
            f"{what} did not come about; the page: {self.browser.find_element(By.TAG_NAME, 'body').text}"
        )

    # The form

    def field(self, name):
        """The part of the form for one input."""
        [found] = [each for each in self.all(".field") if each.get_attribute("data-name") == name]
        return found

    def control(self, name, selector="textarea, select, input"):
        return self.field(name).find_element(By.CSS_SELECTOR, selector)

    def fill(self, name, value):
        control = self.control(name)
        if control.tag_name == "select":
            [option] = [each for each in control.find_elements(By.TAG_NAME, "option") if each.text == value]
            option.click()
            return
        if control.get_attribute("type") != "file":
            control.send_keys(Keys.CONTROL, "a")
            control.send_keys(Keys.DELETE)
        if value:
            control.send_keys(value)

    def mistake(self, name):
        return self.field(name).find_element(By.CSS_SELECTOR, ".error").text

    def button(self, text, within=None):
        buttons = (within or self.browser).find_elements(By.TAG_NAME, "button")
        [found] = [each for each in buttons if each.text == text and each.is_displayed()]
        return found

    # A prediction

    def run(self):
        """Run and wait for the end; return how it ended."""
        self.button("Run").click()
        return self.wait()

    def wait(self):
        return self.until(self.ended, "the end")

    def ended(self):
        word = self.id("status").text.split(" ")[0]
        return word if word in ENDS and self.id("run").text == "Run" else None

    @property
    def output(self):
        return self.id("output").text

    @property
    def logs(self):
        return self.id("logs").text

    def code(self, language):
        self.button(language).click()
        return self.id("code-panel").get_property("textContent")
