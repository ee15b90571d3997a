"""File names and media types, the same at both ends."""

from pathlib import Path

import pytest

from cogfreeze.client import media

ROOT = Path(__file__).parents[3]
NAMES = [
    "voice.npz",
    "a.jsonl",
    "model.safetensors",
    "x.glb",
    "data.tar.gz",
    "t.csv.gz",
    "noext",
    "a.mid",
    "x.tgz",
]


def test_server_and_client_have_the_same_table():
    assert (ROOT / "runtime/cogserve/files/media.py").read_bytes() == (
        ROOT / "cogfreeze/client/media.py"
    ).read_bytes()


@pytest.mark.parametrize("name", [*NAMES, "hér on.png", "100%.txt", "a;b,c.bin", "archive.tar.zst", "A.PNG"])
def test_a_name_survives_a_data_uri(name):
    head = media.data_uri_head(name, always_named=True)
    kind, _, parameters = head.removeprefix("data:").rstrip(",").partition(";")

    assert media.name_in(parameters) == name.replace(" ", "-")
    assert len(head) < 1024
    assert head.isascii()
    assert media.suffix_of(media.name_in(parameters)) == media.suffix_of(name)
    assert kind == media.media_type(name)


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("a.png", "data:image/png;base64,"),
        ("a.jpeg", "data:image/jpeg;base64,"),
        ("noext", "data:application/octet-stream;base64,"),
        ("x.glb", "data:model/gltf-binary;base64,"),
        ("m.safetensors", "data:application/octet-stream;name=m.safetensors;base64,"),
        ("t.csv.gz", "data:application/gzip;name=t.csv.gz;base64,"),
    ],
)
def test_an_output_has_its_name_only_where_the_type_does_not_tell_the_suffix(name, head):
    assert media.data_uri_head(name) == head


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("data.tar.gz", ".tar.gz"), ("v1.5.gz", ".gz"), ("a.b.png", ".png"), (".env", ""), ("a.", ""), ("é.éé", "")],
)
def test_suffixes(name, suffix):
    assert media.suffix_of(name) == suffix


@pytest.mark.parametrize("kind", ["audio/x-wav", "audio/wave", "AUDIO/WAV; codecs=1", "audio/vnd.wave"])
def test_a_type_has_one_suffix_under_all_its_names(kind):
    assert media.suffix(kind) == ".wav"


def test_every_suffix_has_one_type_and_every_type_its_own_suffix():
    suffixes = [suffix for each in media._TYPES.values() for suffix in each.split()]

    assert len(suffixes) == len(set(suffixes))
    assert all(media.suffix(media.media_type("a" + suffix)) for suffix in suffixes)
    assert set(media._ALIASES.values()) <= set(media._TYPES)
    assert not set(media._ALIASES) & set(media._TYPES)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\a.png", "a.png"),
        ("-rf.txt", "rf.txt"),
        ("..", ""),
        ("a\0\n\x1bb.png", "ab.png"),
        ("a\ud800.png", "a.png"),
        ("e\u0301.png", "\u00e9.png"),
        ("é" * 300 + ".tar.gz", "é" * 56 + ".tar.gz"),
        ("x" * 300, "x" * 120),
    ],
)
def test_a_name_is_safe_in_a_folder(name, safe):
    assert media.safe_name(name) == safe
    assert media.safe_name(safe) == safe
