"""Files in an output are written beside, and what is shown names them."""

import base64

import pytest

from cogfreeze.client.outputs import save_output, shown, write_outputs
from cogfreeze.errors import UsageError


def uri(data, kind="image/png"):
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def test_files_are_named_for_where_they_stand(tmp_path):
    output = {"lines": ["a"], "picture": uri(b"1"), "parts": [uri(b"2", "audio/wav"), {"raw": uri(b"3", "x/y")}]}

    made, written = write_outputs(output, tmp_path)

    picture, wav, raw = (
        tmp_path / "output.picture.png",
        tmp_path / "output.parts.0.wav",
        tmp_path / "output.parts.1.raw",
    )
    assert {"lines": ["a"], "picture": str(picture), "parts": [str(wav), {"raw": str(raw)}]} == made
    assert [picture, wav, raw] == written
    assert [each.read_bytes() for each in written] == [b"1", b"2", b"3"]


def test_a_file_that_is_there_is_never_touched(tmp_path):
    (tmp_path / "output.png").write_bytes(b"mine")

    first, _ = write_outputs(uri(b"1"), tmp_path)
    second, _ = write_outputs(uri(b"2"), tmp_path)

    assert [str(tmp_path / "output-2.png"), str(tmp_path / "output-3.png")] == [first, second]
    assert (tmp_path / "output.png").read_bytes() == b"mine"


def test_a_key_of_the_models_cannot_lead_out_of_the_folder(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()

    _, written = write_outputs({"../../up": uri(b"1"), "/abs": uri(b"2"), "": uri(b"3")}, folder)

    assert {folder} == {each.parent for each in written}
    assert [each.name for each in written] == ["output._up.png", "output._abs.png", "output._.png"]


@pytest.mark.parametrize(
    "text", ["data:", "data:text/plain,hi", "data:;base64,%%%", "database", "see data:a;base64,aGk="]
)
def test_text_that_only_looks_like_a_file_stays_text(tmp_path, text):
    assert (text, []) == write_outputs(text, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(UsageError) as caught:
        write_outputs(uri(b"1"), tmp_path / "none")

    assert f"cannot write the output to `{tmp_path}/none/output.png`: No such file or directory" == str(
        caught.value
    )


def test_output_goes_to_the_named_file(tmp_path):
    """`-o` names the file itself where the output is one, and replaces what was there, as asked."""
    target = tmp_path / "result.bin"
    target.write_bytes(b"old")

    made, written = save_output(uri(b"new"), target)

    assert (str(target), [target]) == (made, written)
    assert target.read_bytes() == b"new"


def test_an_output_that_is_no_file_is_written_as_it_would_be_shown(tmp_path):
    made, written = save_output({"n": 1, "picture": uri(b"1")}, tmp_path / "result.json")

    picture = tmp_path / "result.picture.png"
    assert {"n": 1, "picture": str(picture)} == made
    assert [picture, tmp_path / "result.json"] == written
    assert shown(made) + "\n" == (tmp_path / "result.json").read_text()


@pytest.mark.parametrize(
    ("output", "concatenate", "expected"),
    [
        ("plain text", False, "plain text"),
        ({"n": 1, "s": "ü"}, False, '{\n  "n": 1,\n  "s": "ü"\n}'),
        (["a", "b"], False, '[\n  "a",\n  "b"\n]'),
        (["a", "b"], True, "ab"),
        (1.5, False, "1.5"),
        (None, False, "null"),
    ],
)
def test_text_is_shown_as_text_and_everything_else_as_json(output, concatenate, expected):
    assert expected == shown(output, concatenate=concatenate)


def test_what_a_named_run_writes_replaces_the_last_ones_files(tmp_path):
    target = tmp_path / "result.json"
    for content in (b"old", b"new"):
        made, written = save_output({"picture": uri(content)}, target)
    assert made == {"picture": str(tmp_path / "result.picture.png")}
    assert {*tmp_path.iterdir()} == {*written} == {tmp_path / "result.picture.png", target}
    assert (tmp_path / "result.picture.png").read_bytes() == b"new"
