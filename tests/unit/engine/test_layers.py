"""Differences between two OCI layouts, made by hand so that exactly one thing differs."""

import gzip
import hashlib
import io
import json
import tarfile

import pytest

from cogfreeze.engine import layers
from cogfreeze.recipe.compose import compose
from tests.unit.recipe.sample import LOCK, PLATFORM, PROJECT, SCHEMA

RECIPE = compose(PROJECT, LOCK, PLATFORM, schema=SCHEMA)


def archive(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, changes in files.items():
            entry = tarfile.TarInfo(name)
            content = changes.get("content", b"same")
            entry.size = 0 if changes.get("type") else len(content)
            for key in ("mtime", "mode", "uid", "type", "linkname", "pax_headers"):
                if key in changes:
                    setattr(entry, key, changes[key])
            tar.addfile(entry, None if changes.get("type") else io.BytesIO(content))
    return buffer.getvalue()


def layout(folder, *contents, level=9, settings=None):
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)

    def put(data):
        name = hashlib.sha256(data).hexdigest()
        (blobs / name).write_bytes(data)
        return {"digest": f"sha256:{name}", "size": len(data)}

    ids = [f"sha256:{hashlib.sha256(content).hexdigest()}" for content in contents]
    config = put(json.dumps({"rootfs": {"diff_ids": ids}, **(settings or {})}).encode())
    manifest = put(
        json.dumps(
            {"config": config, "layers": [put(gzip.compress(content, level, mtime=0)) for content in contents]}
        ).encode()
    )
    (folder / "index.json").write_text(json.dumps({"manifests": [manifest]}))
    return folder


# What makes each layer of the sample, the base image's one first.
NAMES = [
    "the base image",
    "layer `system`",
    "the working directory",
    "layer `package-torch`",
    "layer `packages`",
    "layer `packages-pytorch-cu128`",
    "layer `standard-library`",
    "command `echo hello >/usr/share/hello`",
    "command `pip install x`",
    "layer `server`",
    "layer `runtime`",
    "layer `record`",
    "layer `code`",
]


def compared(folder, one, other, *, at=12):
    """Compare two images whose layer number `at` holds these files, and whose others are equal."""
    same = [archive({f"layer-{number}": {}}) for number in range(len(NAMES))]
    first = layout(folder / "first", *same[:at], archive(one), *same[at + 1 :])
    second = layout(folder / "second", *same[:at], archive(other), *same[at + 1 :])
    return layers.differences(RECIPE, first, second)


def test_equal_images_have_no_differences(tmp_path):
    assert compared(tmp_path, {"stamp": {}}, {"stamp": {}}) == ()


def test_of_two_files_the_one_that_differs_is_named(tmp_path):
    (found,) = compared(tmp_path, {"opt/a": {}, "opt/b": {}}, {"opt/a": {"content": b"else"}, "opt/b": {}})

    assert (found.path, found.what, found.layer) == ("/opt/a", "content", "layer `code`")


def test_a_layer_is_named_for_what_made_it(tmp_path):
    found = [
        compared(tmp_path / str(at), {"a": {}}, {"a": {"content": b"else"}}, at=at)[0].layer
        for at in range(len(NAMES))
    ]

    assert found == NAMES


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"mtime": 5}, "time"),
        ({"mode": 0o600}, "mode"),
        ({"uid": 5}, "owner"),
        ({"type": tarfile.SYMTYPE, "linkname": "b"}, "kind"),
        ({"content": b"else", "mtime": 5}, "content and time"),
    ],
)
def test_what_differs_is_told(tmp_path, changes, what):
    (found,) = compared(tmp_path, {"a": {}}, {"a": changes})

    assert found.what == what


def test_a_link_that_leads_elsewhere_differs(tmp_path):
    one, other = ({"a": {"type": tarfile.SYMTYPE, "linkname": name}} for name in "bc")

    assert compared(tmp_path, one, other)[0].what == "content"


def test_a_file_that_only_one_build_has_is_told(tmp_path):
    only_first, only_second = compared(tmp_path, {"a": {}}, {"b": {}})

    assert (only_first.path, only_first.what) == ("/a", "only in the first build")
    assert (only_second.path, only_second.what) == ("/b", "only in the second build")


@pytest.mark.parametrize(
    ("path", "cause"),
    [
        ("usr/lib/python3/a.cpython-311.pyc", "compiled Python that holds a time"),
        ("usr/local/lib/python3.11/site-packages/a-1.dist-info/RECORD", "an installer's own record"),
        ("var/log/dpkg.log", "a log"),
        ("var/cache/ldconfig/aux-cache", "a cache that holds times"),
        ("etc/machine-id", "an identity drawn at random"),
        ("etc/shadow", "users made in another order, or on another day"),
        ("etc/ssh/ssh_host_rsa_key", "a key or key store made by the build"),
        ("root/.cache/pip/http/a", "a tool's cache"),
        ("tmp/build.1234", "a temporary file"),
        ("opt/data.zip", "an archive that holds times"),
        ("opt/lib/libx.so.1", "compiled code that holds a time, a path or a random seed"),
        ("stamp", "a value that the command takes from the clock, the host or chance"),
    ],
)
def test_the_known_cause_of_such_files_is_told(tmp_path, path, cause):
    (found,) = compared(tmp_path, {path: {}}, {path: {"content": b"else"}})

    assert found.cause == cause
    assert str(found) == f"/{path} (layer `code`): content; {cause}; {found.cure}"


def test_the_digests_of_the_uncompressed_layers_are_read(tmp_path):
    content = archive({"a": {}})
    assert layers.diff_ids(layout(tmp_path, content)) == (f"sha256:{hashlib.sha256(content).hexdigest()}",)


def test_compression_makes_no_file_differ(tmp_path):
    """Another release of the engine has another gzip: the diff IDs decide, and they are of the bytes within."""
    contents = [archive({f"layer-{number}": {"content": b"same" * 999}}) for number in range(len(NAMES))]
    first, second = (layout(tmp_path / str(level), *contents, level=level) for level in (1, 9))

    assert layers.manifest_digest(first) != layers.manifest_digest(second)
    assert layers.diff_ids(first) == layers.diff_ids(second)
    assert layers.differences(RECIPE, first, second) == ()
    assert layers.settings(first, second) == ()


def test_what_differs_in_the_configuration_is_told_by_its_place(tmp_path):
    content = archive({"a": {}})
    first, second = (
        layout(
            tmp_path / value,
            content,
            settings={"config": {"Env": ["A=1", value]}, "created": value, "history": [{"created_by": "same"}]},
        )
        for value in ("B=1", "B=2")
    )

    assert layers.settings(first, second) == ("config.Env[1]", "created")


def test_an_order_that_differs_is_told_though_no_file_does(tmp_path):
    (found,) = compared(tmp_path, {"a": {}, "b": {}}, {"b": {}, "a": {}})

    assert (found.path, found.what) == ("/", "the order of its files")


def test_extended_attributes_that_differ_are_told(tmp_path):
    label = {"pax_headers": {"SCHILY.xattr.security.capability": "x"}}
    (found,) = compared(tmp_path, {"a": {}}, {"a": label})

    assert found.what == "extended attributes"
