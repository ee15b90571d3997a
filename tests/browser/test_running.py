"""Running: live output and logs, cancelling, every kind of output, history, and the same request as code."""

import subprocess
import sys

import pytest

from tests.server.serving import PATIENCE


def test_text_and_logs_come_while_the_model_runs(page):
    opened = page("stream")
    opened.fill("prompt", "word")
    opened.fill("words", "200")
    opened.button("Run").click()
    opened.until(lambda: "word 0 word 1" in opened.output, "the first words")
    assert opened.ended() is None
    opened.until(lambda: "word 1" in opened.logs, "the logs")
    assert "words" in opened.until(lambda: opened.id("metrics").text, "the metrics")
    opened.button("Cancel").click()
    assert opened.wait() == "Canceled"
    assert "word 0 word 1" in opened.output


def test_a_stream_ends_with_the_whole_text(page):
    opened = page("stream")
    opened.fill("prompt", "w")
    assert opened.run() == "Succeeded"
    assert opened.output.strip() == "w 0 w 1 w 2 w 3 w 4"


@pytest.mark.parametrize("way", ["button", "escape"])
def test_a_running_prediction_is_cancelled(page, server_of, way):
    opened = page("slow")
    opened.button("Run").click()
    opened.until(lambda: "sleeping" in opened.logs, "the start")
    if way == "button":
        opened.button("Cancel").click()
    else:
        opened.browser.find_element("tag name", "body").send_keys("\ue00c")
    assert opened.wait() == "Canceled"
    server_of("slow").wait_for_status("READY")


def test_a_failure_is_shown_with_its_logs(page):
    opened = page("failing")
    assert opened.run() == "Failed"
    assert opened.id("error").text == "<b>there is no model</b>"
    assert "about to fail" in opened.logs


def test_a_failed_setup_is_shown_with_its_logs(page):
    opened = page("broken-setup")
    opened.until(lambda: "setup failed" in opened.id("health").text, "the state")
    assert "the weights are missing" in opened.id("setup").text


def test_a_picture_is_shown_and_can_be_downloaded(page):
    opened = page("picture")
    opened.fill("size", "64")
    assert opened.run() == "Succeeded"
    [image] = opened.all("#output img")
    assert opened.script("return [arguments[0].naturalWidth, arguments[0].naturalHeight]", image) == [64, 32]
    [link] = opened.all("#output a")
    assert link.get_attribute("download") == "output.png"


def test_pictures_come_one_by_one_and_stay(page):
    opened = page("pictures")
    opened.button("Run").click()
    first = opened.until(lambda: opened.all("#output img"), "the first picture")[0]
    assert opened.wait() == "Succeeded"
    assert len(opened.all("#output img")) == 2
    assert opened.all("#output img")[0] == first


@pytest.mark.parametrize(("name", "tag"), [("sound", "audio"), ("film", "video")])
def test_sound_and_film_have_players(page, name, tag):
    opened = page(name)
    assert opened.run() == "Succeeded"
    [player] = opened.all(f"#output {tag}")
    assert player.get_attribute("controls") == "true"
    assert player.get_attribute("src").startswith(f"data:{tag}/")
    if tag == "audio":
        opened.until(lambda: opened.script("return arguments[0].duration", player) == 0.5, "the sound")


def test_an_object_is_shown_by_its_parts(page):
    opened = page("structure")
    assert opened.run() == "Succeeded"
    assert [each.text for each in opened.all("#output dt")] == ["label", "scores", "report"]
    [link] = opened.all("#output a")
    assert link.get_attribute("download") == "report.txt"
    assert link.get_attribute("href").startswith("data:text/plain;base64,")


def test_history_brings_input_and_output_back_even_after_a_reload(page):
    opened = page("text")
    for text in ("first", "second"):
        opened.fill("text", text)
        assert opened.run() == "Succeeded"
    opened.open()
    earlier = opened.all("#history button")
    assert len(earlier) == 2
    earlier[1].click()
    assert opened.control("text").get_property("value") == "first"
    assert opened.output == "first first"
    opened.button("Clear the history").click()
    assert opened.all("#history button") == []


def test_what_runs_here_is_the_lock(page, server_of):
    opened = page("no-input")
    digest = server_of("no-input").get("/cog/lock").json["digest"]
    assert digest in opened.until(
        lambda: "sha256" in opened.id("about").text and opened.id("about").text, "the lock"
    )
    opened.all("#about summary")[0].click()
    assert "libgl1" in opened.id("about").text


def test_nothing_of_a_hostile_model_is_executed(page):
    opened = page("hostile")
    scripts = len(opened.all("script"))
    opened.fill("kind", "</select>")
    assert opened.run() == "Succeeded"
    assert "<img src=x onerror=" in opened.output
    assert opened.script("return window.hacked") is None
    assert len(opened.all("script")) == scripts
    assert opened.all("#fields img, #output img, #history img, #code img") == []


TRICKY = """it's "quoted" $HOME `id` \\ % é 😀"""


@pytest.fixture
def run_code(tmp_path):
    """Run the code that the page shows, in a folder with the file, and return what it prints."""

    def run(language, code):
        (tmp_path / "pi xel.png").write_bytes(b"\x89PNG")
        command = {
            "curl": ["bash", "-c", code.replace("curl ", "curl -s ", 1)],
            "Python": [sys.executable, "-c", code],
        }[language]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=PATIENCE,
            env={"PATH": "/usr/bin:/bin", "TOKEN": "s3cret"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("language", ["curl", "Python"])
def test_the_code_asks_the_same(page, run_code, language):
    opened = page("text")
    opened.script("arguments[0].value = arguments[1]", opened.control("text"), TRICKY)
    opened.fill("times", "1")
    assert opened.run() == "Succeeded"
    assert opened.output == TRICKY
    answer = run_code(language, opened.code(language))
    assert TRICKY in (answer if language == "Python" else answer.replace('\\"', '"').replace("\\\\", "\\"))


@pytest.mark.parametrize("language", ["curl", "Python"])
def test_the_code_reads_files_and_secrets_from_where_they_are(page, run_code, tmp_path, language):
    (tmp_path / "pi xel.png").write_bytes(b"\x89PNG")
    opened = page("lists")
    opened.control("files", "input[type=file]").send_keys(str(tmp_path / "pi xel.png"))
    opened.until(lambda: opened.field("files").find_elements("css selector", ".preview figure"), "the file")
    code = opened.code(language)
    assert "iVBOR" not in code
    assert "[b'\\x89PNG']" in run_code(language, code).replace("\\\\", "\\")
    opened = page("optional")
    opened.fill("level", "1")
    opened.fill("token", "anything")
    assert "None None None s3cret 1 ab" in run_code(language, opened.code(language))


def test_the_code_for_cog_and_javascript_names_every_input(page):
    opened = page("text")
    opened.fill("text", "it's")
    assert opened.code("cog run") == "cog run -i 'text=it'\\''s' \\\n  -i 'times=2' \\\n  -i 'loud=false'"
    assert '"text": "it\'s"' in opened.code("JavaScript")


def test_the_tabs_of_the_code_follow_the_arrow_keys(page):
    opened = page("text")
    tabs = opened.all("[role=tab]")
    tabs[0].click()
    tabs[0].send_keys("\ue014")
    assert opened.browser.switch_to.active_element == tabs[1]
    assert tabs[1].get_attribute("aria-selected") == "true"
    assert "import requests" in opened.id("code-panel").text
