"""No accepted value can mean anything but itself in a Dockerfile, a shell, a URL or a path."""

import contextlib
import json
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogfreeze import grammar

LINES = {"REQUIREMENT", "REQUIREMENT_LINE", "ENVIRONMENT_VALUE", "REASON"}
TEXTS = {*LINES, "RUN_COMMAND"}
WORDS = sorted(
    name for name, each in vars(grammar).items() if isinstance(each, grammar.Grammar) and name not in TEXTS
)

# Every character that no shell, Dockerfile, CSV mount option or path reads as more than itself inside a word.
# `&`, `?` and `!` stand in URLs and versions, which are quoted wherever they go.
HARMLESS = set(string.ascii_letters + string.digits + "._+-@:=/%~,")
# A version's epoch, `1!2.0`, is part of its files' names. A host may be `*.example.org`,
# and a system package's version `7:5.1*`.
ALSO = {
    "URL": set("&?"),
    "WHEEL_FILE": set("!"),
    "SOURCE_FILE": set("!"),
    "HOST": set("*"),
    "APT_PACKAGE": set("*"),
}

CONTROLS = [
    "\n",
    "\r",
    "\r\n",
    "\0",
    "\t",
    "\x0b",
    "\x1b[0m",
    "\u0085",
    "\u00a0",
    "\u2028",
    "\u2029",
    "\u202e",
    "\u200b",
]
SYNTAX = [
    " ",
    "$(id)",
    "${X}",
    "$X",
    "`id`",
    "'",
    '"',
    "\\",
    ";",
    "|",
    "<",
    ">",
    "<<EOF",
    "(",
    ")",
    "{",
    "*",
    "#",
    "^",
]
HOSTILE = [*CONTROLS, *SYNTAX, " --flag", "\nRUN id\n", "\nEOF\n", "é", "Ⅷ", "٣", "\ud800"]


@st.composite
def accepted(draw, name):
    each = vars(grammar)[name]
    value = draw(st.from_regex(each.pattern, fullmatch=True).filter(each.accepts))
    return each, value


@pytest.mark.parametrize("name", WORDS)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_an_accepted_word_is_made_of_harmless_characters(name, data):
    _, value = data.draw(accepted(name))

    assert set(value) <= HARMLESS | ALSO.get(name, set())
    assert value
    assert not value.startswith(("-", "~", "="))
    assert ".." not in value.split("/") or name == "URL"


@pytest.mark.parametrize("name", WORDS)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_a_word_with_anything_hostile_in_it_is_refused(name, data):
    each, value = data.draw(accepted(name))
    hostile = data.draw(st.sampled_from([each for each in HOSTILE if each not in ALSO.get(name, set())]))
    place = data.draw(st.integers(0, len(value)))

    assert not each.accepts(value[:place] + hostile + value[place:])


@pytest.mark.parametrize("name", WORDS)
@given(value=st.text())
@settings(max_examples=15, deadline=None)
def test_of_arbitrary_text_only_words_are_accepted(name, value):
    if vars(grammar)[name].accepts(value):
        assert set(value) <= HARMLESS | ALSO.get(name, set())


@pytest.mark.parametrize("name", sorted(LINES))
@given(value=st.one_of(st.text(), st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=5))).map("".join)))
@settings(max_examples=100, deadline=None)
def test_an_accepted_text_is_one_printable_line(name, value):
    if vars(grammar)[name].accepts(value):
        assert len(value.splitlines()) <= 1
        assert value.replace("\t", "").isprintable()
        value.encode()


@given(
    value=st.lists(
        st.sampled_from(
            ["a", "=", " ", "\\", "<", "<<", "-", "EOF", '"', "[", "]", ",", "'", "#", "3", "$", "(", "\n"]
        )
    ).map("".join)
)
@settings(max_examples=800, deadline=None)
def test_an_accepted_command_is_neither_a_flag_nor_a_json_array(value):
    if not grammar.RUN_COMMAND.accepts(value):
        return
    assert not value.lstrip().startswith("--")
    with contextlib.suppress(json.JSONDecodeError):
        argv = json.loads(value)
        assert not (isinstance(argv, list) and all(isinstance(each, str) for each in argv))


@given(value=st.text(alphabet=st.sampled_from("ab:/@ \n"), max_size=40))
def test_nothing_before_an_at_sign_of_a_url_is_ever_shown(value):
    shown = grammar.shown(f"https://{value.replace('/', '').replace(' ', '')}geheim@h/{value}")

    assert "geheim" not in shown
