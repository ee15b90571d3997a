"""The form: every kind of input, its bounds and mistakes, links, and the keyboard."""

import base64

import pytest
from selenium.webdriver.common.keys import Keys

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
# A file as a drop or a paste brings it.
BRING = """
    const [target, kind, bytes] = arguments;
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], "pixel.png", {type: "image/png"}));
    const rest = {bubbles: true, cancelable: true};
    if (kind === "paste") target.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, ...rest}));
    else target.dispatchEvent(new DragEvent("drop", {dataTransfer: data, ...rest}));
"""


@pytest.fixture
def pixel(tmp_path):
    path = tmp_path / "pixel.png"
    path.write_bytes(PIXEL)
    return str(path)


def test_inputs_are_in_their_order_with_their_descriptions(page):
    opened = page("text")
    assert [field.get_attribute("data-name") for field in opened.all(".field")] == ["text", "times", "loud"]
    assert "What to say" in opened.field("text").text
    assert "required" in opened.field("text").text
    assert "1 to 5" in opened.field("times").text


def test_text_number_and_switch_reach_the_model(page):
    opened = page("text")
    opened.fill("text", "say it")
    opened.fill("times", "3")
    opened.control("loud").click()
    assert opened.run() == "Succeeded"
    assert opened.output == "SAY IT SAY IT SAY IT"
    assert "saying it" in opened.logs
    assert "predict_time" in opened.id("metrics").text


def test_the_slider_and_the_number_move_together(page):
    opened = page("text")
    slider = opened.control("times", "input[type=range]")
    assert (slider.get_attribute("min"), slider.get_attribute("max")) == ("1", "5")
    slider.send_keys(Keys.ARROW_RIGHT)
    assert opened.control("times").get_property("value") == "3"
    opened.fill("times", "5")
    assert slider.get_property("value") == "5"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("times", "9", "The greatest value is 5."),
        ("times", "1.5", "Enter a whole number."),
        ("text", "", "This input is required."),
    ],
)
def test_a_mistake_is_shown_at_its_input_before_anything_is_sent(page, name, value, message):
    opened = page("text")
    opened.fill("text", "hello")
    opened.fill(name, value)
    opened.button("Run").click()
    assert opened.mistake(name) == message
    assert opened.control(name).get_attribute("aria-invalid") == "true"
    assert opened.browser.switch_to.active_element == opened.control(name)
    assert opened.id("form-error").text == "One input needs a change."
    assert opened.id("status").text == "Nothing has run yet."


def test_a_mistake_that_only_the_server_finds_is_shown_at_its_input(page):
    opened = page("picture")
    opened.control("image", "input[type=url]").send_keys("http://127.0.0.1:1/private.png")
    assert opened.run() == "Failed"
    assert opened.mistake("image") != ""
    assert "see the fields" in opened.id("error").text
    [refusal] = opened.complaints()
    assert "422" in refusal


def test_lengths_and_patterns_are_checked(page):
    opened = page("optional")
    opened.fill("level", "2")
    for code, message in (("a", "At least 2 characters."), ("AB", "Must match the pattern ^[a-z]+$")):
        opened.fill("code", code)
        opened.button("Run").click()
        assert opened.mistake("code") == message
    opened.fill("code", "abcd")
    assert opened.run() == "Succeeded"
    assert opened.mistake("code") == ""


def test_optional_inputs_are_left_out_or_sent_as_what_they_are(page):
    opened = page("optional")
    opened.fill("level", "3")
    assert opened.run() == "Succeeded"
    assert opened.output == "None None None None 3 ab"
    opened.fill("seed", "7")
    opened.fill("note", "hi")
    opened.fill("sure", "false")
    opened.fill("token", "s3cret")
    assert opened.run() == "Succeeded"
    assert opened.output == "7 hi False s3cret 3 ab"


def test_a_secret_is_hidden_and_in_no_code_link_or_history(page):
    opened = page("optional")
    opened.fill("level", "1")
    opened.fill("token", "s3cret")
    assert opened.control("token").get_attribute("type") == "password"
    for language in ("curl", "Python", "JavaScript", "cog run"):
        code = opened.code(language)
        assert "s3cret" not in code
        assert "TOKEN" in code
    assert opened.run() == "Succeeded"
    assert "s3cret" not in opened.id("history").text
    assert "s3cret" not in opened.script("return JSON.stringify(sessionStorage)").replace(opened.output, "")


@pytest.mark.parametrize("way", ["choose", "drop", "paste", "paste-anywhere", "camera"])
def test_a_file_reaches_the_model(page, pixel, way):
    opened = page("picture")
    if way == "choose":
        opened.control("image", "input[type=file]").send_keys(pixel)
    elif way == "camera":
        opened.button("Camera").click()
        video = opened.until(lambda: opened.all("video"), "the camera")[0]
        opened.until(lambda: opened.script("return arguments[0].videoWidth > 0", video), "its picture")
        opened.button("Take the picture").click()
    else:
        target = (
            opened.browser.find_element("tag name", "body")
            if way == "paste-anywhere"
            else opened.control("image", ".drop")
        )
        opened.script(BRING, target, way.split("-")[0], list(PIXEL))
    opened.until(lambda: opened.field("image").find_elements("css selector", ".preview img"), "the preview")
    assert opened.run() == "Succeeded"
    assert ".png" in opened.logs
    if way != "camera":
        assert f"bytes: {len(PIXEL)}" in opened.logs
    opened.button("Remove").click()
    assert opened.run() == "Succeeded"
    assert "bytes" not in opened.logs


def test_lists_grow_and_shrink(page, pixel):
    opened = page("lists")
    opened.button("Add an item", opened.field("words")).click()
    opened.browser.switch_to.active_element.send_keys("three")
    opened.button("Remove", opened.field("numbers")).click()
    opened.control("files", "input[type=file]").send_keys(pixel)
    opened.until(lambda: opened.field("files").find_elements("css selector", ".preview img"), "the file")
    assert opened.run() == "Succeeded"
    assert opened.output.startswith("['one', 'two', 'three'] [] [b'\\x89PNG")


def test_json_is_checked_and_sent(page):
    opened = page("json")
    opened.fill("options", "{'a': 1}")
    opened.button("Run").click()
    assert "This is not JSON" in opened.mistake("options")
    opened.fill("options", '{"a": [1, null]}')
    assert opened.run() == "Succeeded"
    assert '"a": [' in opened.output


def test_reset_brings_the_defaults_back(page):
    opened = page("text")
    opened.fill("text", "x")
    opened.fill("times", "5")
    opened.button("Reset").click()
    assert opened.control("text").get_property("value") == ""
    assert opened.control("times").get_property("value") == "2"


def test_a_link_fills_the_form_and_runs_nothing(page):
    opened = page("text", "#text=a+cat+%26+a+dog&times=4&loud=true&unknown=1")
    assert opened.control("text").get_property("value") == "a cat & a dog"
    assert opened.control("times").get_property("value") == "4"
    assert opened.control("loud").is_selected()
    assert opened.id("status").text == "Nothing has run yet."


def test_a_link_can_go_to_an_input(page):
    opened = page("text", "#input-times")
    assert opened.browser.switch_to.active_element == opened.control("times")


def test_the_copied_link_opens_the_same_form(page):
    opened = page("text")
    opened.fill("text", "é & #1\nnext")
    opened.script("document.execCommand = () => { window.copied = document.activeElement.value; return true; }")
    opened.script("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    opened.button("Copy link").click()
    link = opened.until(lambda: opened.script("return window.copied"), "the link")
    assert link.startswith(opened.address)
    opened.open(link.removeprefix(f"{opened.address}/"))
    assert opened.control("text").get_property("value") == "é & #1\nnext"


def test_the_keyboard_is_enough(page):
    opened = page("text")
    body = opened.browser.find_element("tag name", "body")
    body.send_keys(Keys.TAB)
    assert opened.browser.switch_to.active_element.text == "Skip to the inputs"
    opened.browser.switch_to.active_element.send_keys(Keys.ENTER)
    opened.browser.switch_to.active_element.send_keys(Keys.TAB)
    assert opened.browser.switch_to.active_element == opened.control("text")
    opened.browser.switch_to.active_element.send_keys("typed", Keys.CONTROL, Keys.ENTER)
    assert opened.wait() == "Succeeded"
    assert opened.output == "typed typed"


def test_every_control_has_a_name(page):
    for name in ("optional", "lists", "picture"):
        opened = page(name)
        for control in opened.all("#form input, #form textarea, #form select, #form button"):
            if control.is_displayed():
                assert control.accessible_name, control.get_attribute("outerHTML")
