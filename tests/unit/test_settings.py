"""What a machine's owner sets: by variable, or in a settings file."""

from pathlib import Path

import pytest

from cogfreeze import settings as module
from cogfreeze.errors import ProjectErrors, SettingsError
from cogfreeze.settings import Settings


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without settings, whose environment is a home."""
    monkeypatch.setattr(module, "MACHINE", tmp_path / "etc/settings.toml")
    return {"HOME": str(tmp_path)}


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def users(machine, text):
    return write(Path(machine["HOME"]) / ".config/cogfreeze/settings.toml", text)


def test_the_environment_comes_before_the_users_file_and_that_before_the_machines(machine, tmp_path):
    keys = ("debian_snapshot", "ubuntu_snapshot", "torch_index")
    write(module.MACHINE, "".join(f'{key} = "https://machine/{key}/"\n' for key in keys))
    users(machine, "".join(f'{key} = "https://user/{key}"\n' for key in keys[:2]))
    found = Settings.from_environment({**machine, "COG_DEBIAN_SNAPSHOT": "https://variable/"})
    assert (found.debian_snapshot, found.ubuntu_snapshot, found.torch_index) == (
        "https://variable",
        "https://user/ubuntu_snapshot",
        "https://machine/torch_index",
    )


def test_a_file_may_be_named_and_is_then_the_only_one(machine, tmp_path):
    users(machine, 'debian_snapshot = "https://user"\ntorch_index = "https://user"\n')
    named = write(tmp_path / "ci.toml", 'debian_snapshot = "http://127.0.0.1:80/archive"\n')
    found = Settings.from_environment({**machine, "COG_SETTINGS_FILE": str(named)})
    assert (found.debian_snapshot, found.torch_index) == ("http://127.0.0.1:80/archive", None)
    with pytest.raises(SettingsError, match="there is no such file"):
        Settings.from_environment({**machine, "COG_SETTINGS_FILE": str(tmp_path / "none.toml")})


def test_every_setting_can_be_written_and_paths_start_at_the_file(machine, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    mirrors = ("debian_snapshot", "python_mirror", "registry_mirror", "torch_index", "ubuntu_snapshot")
    lines = [*(f'{key} = "https://m/{key}"' for key in mirrors), 'ca_bundle = "own.pem"', 'cache_dir = "~/kept"']
    file = write(tmp_path / "config/cogfreeze/settings.toml", "\r\n".join(lines))
    found = Settings.from_environment({**machine, "XDG_CONFIG_HOME": str(tmp_path / "config")})
    assert {key: getattr(found, key) for key in mirrors} == {key: f"https://m/{key}" for key in mirrors}
    assert found.ca_bundle == file.parent / "own.pem"
    assert found.cache == tmp_path / "kept"


def test_without_a_file_there_is_nothing_to_complain_of(machine, tmp_path):
    found = Settings.from_environment(machine)
    assert found == Settings(cache=tmp_path / ".cache/cogfreeze")


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        (
            '\ndebian-snapshot = "https://a"',
            2,
            "there is no setting `debian-snapshot`",
            "did you mean `debian_snaps",
        ),
        (
            'COG_TORCH_INDEX = "https://a"',
            1,
            "there is no setting `COG_TORCH_INDEX`",
            "did you mean `torch_index`?",
        ),
        ('sdk_wheel = "a.whl"', 1, "`sdk_wheel` cannot be set in a file", "it changes what is locked"),
        ("[mirrors]\na = 1", 1, "there is no setting `mirrors`", ""),
        ("x = 1", 1, "there is no setting `x`", "the settings are `registry_mirror`, "),
        ("cache_dir = 1", 1, "`cache_dir` must be a path in quotes", None),
        ('cache_dir = ""', 1, "`cache_dir` must be a path in quotes", None),
        ('cache_dir = "a\\u0000b"', 1, "`cache_dir` must be a path in quotes", None),
        ('torch_index = ["https://a"]', 1, "`torch_index` must be an address in quotes", None),
        ('torch_index = "mirror/whl"', 1, "`torch_index` is not an address", "it begins with https:// or http://"),
        (
            'torch_index = "https:///whl"',
            1,
            "`torch_index` is not an address",
            "it begins with https:// or http://",
        ),
        ('torch_index = "https://[a"', 1, "`torch_index` is not an address", "it begins with https:// or http://"),
        (
            'torch_index = "http://a:b/"',
            1,
            "`torch_index` is not an address",
            "it begins with https:// or http://",
        ),
        (
            'torch_index = "https://me:secret@a"',
            1,
            "`torch_index` contains credentials",
            "put them into `~/",
        ),
        ('torch_index = "https://a/?b"', 1, "`torch_index` has a query or fragment", "remove everything from"),
        ("# fine\ntorch_index = ", 2, "invalid value", "it is TOML"),
        ('a = 1\na = "2"', 2, "cannot overwrite a value", "it is TOML"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_the_way_out(machine, text, line, message, hint):
    path = users(machine, text)
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(machine)
    assert caught.value.where == f"{path}:{line}"
    assert caught.value.message == message
    assert (caught.value.hint or "").startswith(hint or "")
    assert "secret" not in f"{caught.value} {caught.value.hint}"
    assert caught.value.exit_status == 2


def test_all_mistakes_of_a_file_are_told_at_once(machine):
    users(machine, 'a = 1\ncache_dir = 2\ndebian_snapshot = "https://a"\n')
    with pytest.raises(ProjectErrors) as caught:
        Settings.from_environment(machine)
    assert [str(each).rpartition("toml")[2] for each in caught.value.errors] == [
        ":1: there is no setting `a`",
        ":2: `cache_dir` must be a path in quotes",
    ]


@pytest.mark.parametrize("data", [b"\xff\xfe", b'a = "\xe9"'])
def test_what_is_no_text_is_told(machine, data):
    users(machine, "").write_bytes(data)
    with pytest.raises(SettingsError, match="is not UTF-8 text"):
        Settings.from_environment(machine)


def test_a_folder_in_the_files_place_is_told(machine):
    users(machine, "").unlink()
    (Path(machine["HOME"]) / ".config/cogfreeze/settings.toml").mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        Settings.from_environment(machine)


@pytest.mark.parametrize("text", ["[" * 5000, "a." * 3000 + "b = 1", "a = " + "[" * 5000])
def test_no_text_leads_to_a_traceback(machine, text):
    users(machine, text)
    with pytest.raises(SettingsError):
        Settings.from_environment(machine)
