"""System packages as people write them: one per item, several in one, with options of apt-get."""

import pytest

from cogfreeze.project import cog_yaml
from cogfreeze.project.system_packages import words_of


@pytest.mark.parametrize(
    ("item", "packages", "warning"),
    [
        ("ffmpeg=7:5.1*", ("ffmpeg=7:5.1*",), ""),
        ("ffmpeg libsm6", ("ffmpeg", "libsm6"), "holds 2 packages: write each as an item of its own"),
        ("ffmpeg, libsm6,libxext6", ("ffmpeg", "libsm6", "libxext6"), "holds 3 packages"),
        ("--no-install-recommends ffmpeg", ("ffmpeg",), "holds options of apt-get, which are ignored"),
    ],
)
def test_an_item_is_read_as_apt_get_would_read_it(tmp_path, item, packages, warning):
    (tmp_path / "cog.yaml").write_text(f"build:\n  system_packages:\n    - '{item}'\n")
    found = cog_yaml.read(tmp_path / "cog.yaml")
    assert found.build.system_packages == packages
    told = [each for each in found.warnings if "system_packages" in each]
    assert bool(told) == bool(warning)
    assert all(warning in each for each in told)


@pytest.mark.parametrize(
    "item", ["ffmpeg; rm -rf /", "ffmpeg && curl x", "$(id)", "a.deb b/c", "--reinstall ffmpeg"]
)
def test_what_is_not_a_list_of_packages_stays_whole(item):
    assert words_of(item) == (item,)
