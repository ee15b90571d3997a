"""Differences between OCI layouts, made by hand so that exactly one thing differs."""

import gzip
import hashlib
import io
import json
import struct
import tarfile

import pytest

from cogfreeze.engine import layers
from cogfreeze.engine.differences import by_cause, differences, settings
from cogfreeze.engine.differences.first_difference import first_difference
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


def layout(folder, *contents, level=9, configuration=None):
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)

    def put(data):
        name = hashlib.sha256(data).hexdigest()
        (blobs / name).write_bytes(data)
        return {"digest": f"sha256:{name}", "size": len(data)}

    ids = [f"sha256:{hashlib.sha256(content).hexdigest()}" for content in contents]
    config = put(json.dumps({"rootfs": {"diff_ids": ids}, **(configuration or {})}).encode())
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
    "command `build.run[0]: echo hello >/usr/share/hello`",
    "command `build.run[1]: pip install x`",
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
    return differences(RECIPE, (first, second))


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

    assert (only_first.path, only_first.what) == ("/a", "only in build 1")
    assert (only_second.path, only_second.what) == ("/b", "only in build 2")


COMMAND = 7


@pytest.mark.parametrize(
    ("path", "cause", "fix"),
    [
        ("usr/lib/python3/a.cpython-311.pyc", "compiled Python with a time", "PYTHONDONTWRITEBYTECODE=1"),
        (
            "usr/local/lib/python3.11/site-packages/a-1.dist-info/RECORD",
            "an installer's record",
            "python_packages",
        ),
        ("var/log/dpkg.log", "a log", "rm -rf /var/log/dpkg.log"),
        ("opt/x/install.log.gz", "a log", "rm -rf /opt/x/install.log.gz"),
        ("var/cache/ldconfig/aux-cache", "a cache with times", "rm -rf /var/cache/ldconfig/aux-cache"),
        ("etc/machine-id", "a random identity", "rm -rf /etc/machine-id"),
        ("etc/shadow", "a password hash has a random salt", "when the container starts"),
        ("etc/passwd", "user or group ids in another order", "useradd --uid 2000"),
        ("etc/ssl/private/server.key", "a generated key", "when the container starts"),
        ("root/.ssh/id_ed25519", "a generated key", "a key in an image is public"),
        ("opt/trust.jks", "a key store, which holds a time for each entry", "inputs:"),
        ("root/.cache/pip/http/a", "a program's cache", "rm -rf /root/.cache/pip/http/a"),
        ("tmp/build.1234", "a temporary file", "rm -rf /tmp/build.1234"),
        (
            "opt/data.tar.gz",
            "an archive with the times and order of its files",
            "tar --sort=name --mtime=@$SOURCE",
        ),
        (
            "opt/data.zip",
            "an archive with the times of its files",
            "touch -d @$SOURCE_DATE_EPOCH {} +`; then `zip",
        ),
        ("opt/data.txt.gz", "gzip stores a time", "gzip -n"),
        ("opt/lib/libx.so.1", "compiled code with a time, a path or a random name", "-frandom-seed=1"),
        ("stamp", "a time, host name or random value", "rm /stamp"),
    ],
)
def test_the_cause_of_a_commands_file_and_what_to_write_are_named(tmp_path, path, cause, fix):
    (found,) = compared(tmp_path, {path: {}}, {path: {"content": b"else"}}, at=COMMAND)

    assert found.cause == cause
    assert fix in found.fix


def test_files_with_one_cause_are_one_group(tmp_path):
    one = {f"opt/{name}": {} for name in ("a.pyc", "b.pyc", "c.zip", "d.pyc")}
    found = compared(tmp_path, one, {path: {"content": b"else"} for path in one}, at=COMMAND)

    assert [[each.path for each in group] for group in by_cause(found)] == [
        ["/opt/a.pyc", "/opt/b.pyc", "/opt/d.pyc"],
        ["/opt/c.zip"],
    ]


SYSTEM = 1
DPKG = {
    "var/lib/dpkg/info/mariadb-server.postinst": {"content": b"install --directory /var/lib/mysql; make_db\n"},
    "var/lib/dpkg/info/mariadb-server.list": {"content": b"/.\n/usr\n/usr/sbin\n/usr/sbin/mariadbd\n"},
    "var/lib/dpkg/info/other.postinst": {"content": b"touch /var/lib/other-file\n"},
    "var/lib/dpkg/info/libc-bin.triggers": {"content": b"interest /etc/things\n"},
    "var/lib/dpkg/info/vendor.list": {"content": b"/usr/lib/vendor\n/usr/lib/vendor/data\n"},
}


@pytest.mark.parametrize(
    ("path", "package"),
    [
        ("var/lib/mysql/mysql/db.frm", "mariadb-server (postinst)"),
        ("var/lib/other-file", "other (postinst)"),
        ("etc/things/made", "libc-bin (triggers)"),
        ("usr/lib/vendor/data", "vendor"),
        ("usr/lib/vendor/cache", "vendor"),
        ("opt/unknown", None),
    ],
)
def test_the_package_and_script_that_made_a_system_file_are_named(tmp_path, path, package):
    (found,) = compared(tmp_path, {**DPKG, path: {}}, {**DPKG, path: {"content": b"else"}}, at=SYSTEM)

    assert found.package == package


def test_a_system_file_is_not_to_be_fixed_by_a_command_which_makes_a_layer_above_it(tmp_path):
    path = "usr/lib/vendor/cache"
    (found,) = compared(tmp_path, {**DPKG, path: {}}, {**DPKG, path: {"content": b"else"}}, at=SYSTEM)

    assert found.fix == (
        "commands can't change this layer: take `vendor` out of `system_packages`, and please report it,"
        " with the package's name"
    )


def test_three_builds_are_compared_and_a_file_is_listed_once(tmp_path):
    layouts = [
        layout(tmp_path / name, *[archive({"a": {"content": name.encode()}})] * len(NAMES)) for name in "xyz"
    ]
    found = differences(RECIPE, layouts)

    assert [each.layer for each in found] == NAMES
    assert {each.path for each in found} == {"/a"}


TIMES = [struct.pack(">I", seconds) for seconds in (1_795_762_801, 1_795_762_999)]


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        (b"a\nb\nc\n", b"a\nx\nc\n", "line 2: `b` and `x`"),
        (b"a\n", b"a\nb\n", "the number of lines: 1 and 2"),
        (b"\0" * 8 + b"\1\2", b"\0" * 8 + b"\3\2", "byte 8: 01 02 and 03 02"),
        (b"\xff" * 4 + TIMES[0], b"\xff" * 4 + TIMES[1], "byte 6: 2a 71 and 2b 37 (a time)"),
        (b"\x1f\x8b\x08\0AAAArest\xff", b"\x1f\x8b\x08\0BBBBrest\xff", "the time in gzip's header"),
        (b"\xff\0", b"\xff\0\0", "2 bytes and 3 bytes"),
    ],
)
def test_the_first_difference_is_put_into_words(one, other, words):
    assert first_difference(one, other) == words


def test_a_long_line_is_shown_around_its_difference():
    one, other = (f"{'x' * 500}{middle}{'y' * 500}" for middle in "ab")

    assert f"{'x' * 20}ay" in first_difference(one.encode(), other.encode())
    assert len(first_difference(one.encode(), other.encode())) < 160


def test_the_digests_of_the_uncompressed_layers_are_read(tmp_path):
    content = archive({"a": {}})
    assert layers.diff_ids(layout(tmp_path, content)) == (f"sha256:{hashlib.sha256(content).hexdigest()}",)


def test_compression_makes_no_file_differ(tmp_path):
    """Another release of the engine has another gzip: the diff IDs decide, and they are of the bytes within."""
    contents = [archive({f"layer-{number}": {"content": b"same" * 999}}) for number in range(len(NAMES))]
    first, second = (layout(tmp_path / str(level), *contents, level=level) for level in (1, 9))

    assert layers.manifest_digest(first) != layers.manifest_digest(second)
    assert layers.diff_ids(first) == layers.diff_ids(second)
    assert differences(RECIPE, (first, second)) == ()
    assert settings(first, second) == ()


def test_what_differs_in_the_configuration_is_told_by_its_place(tmp_path):
    content = archive({"a": {}})
    first, second = (
        layout(
            tmp_path / value,
            content,
            configuration={
                "config": {"Env": ["A=1", value]},
                "created": value,
                "history": [{"created_by": "same"}],
            },
        )
        for value in ("B=1", "B=2")
    )

    assert settings(first, second) == ("config.Env[1]", "created")


def test_an_order_that_differs_is_told_though_no_file_does(tmp_path):
    (found,) = compared(tmp_path, {"a": {}, "b": {}}, {"b": {}, "a": {}})

    assert (found.path, found.what) == ("/", "the order of its files")


def test_extended_attributes_that_differ_are_told(tmp_path):
    label = {"pax_headers": {"SCHILY.xattr.security.capability": "x"}}
    (found,) = compared(tmp_path, {"a": {}}, {"a": label})

    assert found.what == "extended attributes"
