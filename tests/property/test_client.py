"""What goes to a model and comes back is the same, whatever it is."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cogfreeze.client.inputs import data_uri, inputs_from, inputs_from_json
from cogfreeze.client.outputs import decode_data_uri, shown, write_outputs
from cogfreeze.errors import UsageError

TEXT = {"components": {"schemas": {"Input": {"properties": {"text": {"type": "string"}}, "required": ["text"]}}}}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(data=st.binary(max_size=300), suffix=st.sampled_from([".png", ".json", "", ".weights", ".tar.gz"]))
def test_a_file_comes_back_as_it_was(data, suffix):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"given{suffix}")
        path.write_bytes(data)
        uri = data_uri(path)

        _, [written] = write_outputs({"any": [uri]}, Path(folder))

        assert written.read_bytes() == data == decode_data_uri(uri)[0]


@given(text=st.text().filter(lambda text: not text.startswith("@")))
def test_text_is_handed_on_as_it_is(text):
    assert inputs_from([f"text={text}"], TEXT) == {"text": text}


@given(text=st.text(max_size=40))
def test_json_that_is_no_input_is_told(text):
    """Whatever the text is: an input object or a usage error."""
    try:
        assert set(inputs_from_json(text, TEXT)) == {"text"}
    except UsageError as error:
        assert error.message.startswith(("the input is not", "the model has no input", "input `text` is missing"))


@given(keys=st.lists(st.text(), min_size=1, max_size=4, unique=True), data=st.binary(max_size=5))
def test_no_key_of_the_models_names_a_file_outside_or_twice(keys, data):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "in")
        folder.mkdir()
        (folder.parent / "given").write_bytes(data)
        uri = data_uri(folder.parent / "given")

        _, written = write_outputs(dict.fromkeys(keys, uri), folder)

        assert {path.parent for path in written} == {folder}
        assert len({*written}) == len(keys) == len([*folder.iterdir()])


@given(output=JSON)
def test_an_output_without_files_is_shown_and_nothing_is_written(output):
    with tempfile.TemporaryDirectory() as folder:
        made, written = write_outputs(output, Path(folder))

        assert (made, written, [*Path(folder).iterdir()]) == (output, [], [])
        assert isinstance(shown(made), str)
