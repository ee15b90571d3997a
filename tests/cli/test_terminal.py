"""Progress: no long silence, counts are counts, nothing is said twice, and quiet is quiet."""

import os
import re
import subprocess
import sys
import time

import pytest

from cogfreeze.cli import terminal
from cogfreeze.cli.terminal import TerminalReport, alive


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(terminal, "FIRST_SILENCE", 0.05)
    monkeypatch.setattr(terminal, "LONGEST_SILENCE", 0.1)
    yield
    terminal.configure(quiet=False)


def wait_for(capsys, text):
    """Wait until stderr has `text`; a guard ends it."""
    seen, deadline = "", time.monotonic() + 60
    while text not in seen and time.monotonic() < deadline:
        time.sleep(0.01)
        seen += capsys.readouterr().err
    assert text in seen
    return seen


def test_a_silent_step_says_that_it_still_runs_and_how_far_it_is(capsys):
    with TerminalReport().step("reading the metadata of 13 wheels", 13, unit="wheels") as advance:
        advance(4)
        seen = wait_for(capsys, "  still reading the metadata of 13 wheels, 4 of 13 wheels (0.")
    assert seen.startswith("reading the metadata of 13 wheels\n")
    assert "bytes" not in seen
    assert capsys.readouterr().err.splitlines()[-1].startswith("  took 0.")


def test_bytes_are_shown_as_megabytes(capsys):
    with TerminalReport().step("fetching 2 wheels", 20_000_000) as advance:
        advance(4_500_000)
        wait_for(capsys, "  still fetching 2 wheels, 4.5 of 20.0 MB (")


def test_a_quick_step_is_one_line(capsys, monkeypatch):
    monkeypatch.setattr(terminal, "FIRST_SILENCE", 60)
    with TerminalReport().step("unpacking"):
        pass
    assert capsys.readouterr().err == "unpacking\n"


def test_what_is_waited_for_is_named_only_if_it_takes_long(capsys):
    with alive("starting the model"):
        wait_for(capsys, "  still starting the model (")
    with alive("waiting for the Docker engine"):
        pass
    assert "waiting" not in capsys.readouterr().err


def test_a_step_that_says_something_is_not_called_silent(capsys, monkeypatch):
    monkeypatch.setattr(terminal, "FIRST_SILENCE", 30)
    with TerminalReport().step("building"):
        TerminalReport().note("  apt: 3.1 s")
    assert capsys.readouterr().err == "building\n  apt: 3.1 s\n"


def test_quiet_keeps_warnings_alone(capsys):
    terminal.configure(quiet=True)
    report = TerminalReport()
    report.note("a note")
    with report.step("a step") as advance:
        advance(1)
    with alive("a wait"):
        time.sleep(0.1)
    report.warn("a warning", hint="a hint")
    assert capsys.readouterr().err == "warning: a warning\nhint: a hint\n"


def test_in_a_terminal_a_step_has_a_bar_with_its_count_and_leaves_one_line():
    code = (
        "import time\n"
        "from cogfreeze.cli.terminal import TerminalReport\n"
        "report = TerminalReport()\n"
        "with report.step('fetching [x]', 13, unit='wheels') as advance, report.step('inner'):\n"
        "    advance(4); report.note('a note'); time.sleep(0.5)\n"
    )
    ours, theirs = os.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen([sys.executable, "-c", code], stderr=theirs, env=environment)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # the other end is closed
        pass
    finally:
        os.close(ours)
    assert process.wait(60) == 0
    text = shown.decode()
    assert "4 of 13 wheels" in text
    assert "a note" in text
    # What is left after the last bar was erased.
    left = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]|\r", "", text.rpartition("\x1b[2K")[2])
    assert re.fullmatch(r"fetching \[x\](: [0-9.]+ s)?\n", left)


@pytest.mark.parametrize(("seconds", "text"), [(0.04, "0.0 s"), (4.25, "4.2 s"), (65, "1 min 5 s")])
def test_times_are_told_as_people_read_them(seconds, text):
    assert terminal.duration(seconds) == text
