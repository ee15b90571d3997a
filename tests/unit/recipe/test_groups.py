import random
from dataclasses import replace

from cogfreeze.recipe.groups import ALONE, MOST_ALONE, group
from tests.unit.recipe.sample import wheel


def names(groups):
    return [(each.name, [one.name for one in each.wheels]) for each in groups]


def test_a_wheel_of_some_size_has_a_layer_of_its_own_and_the_small_ones_share_one():
    wheels = [wheel("pillow"), wheel("torch", size=ALONE), wheel("numpy", size=ALONE - 1)]

    assert names(group(wheels)) == [("package-torch", ["torch"]), ("packages", ["numpy", "pillow"])]


def test_small_wheels_of_another_index_are_a_group_of_their_own():
    wheels = [wheel("torchvision", index="pytorch-cu128"), wheel("numpy")]

    assert [(each.name, each.index) for each in group(wheels)] == [
        ("packages", "pypi"),
        ("packages-pytorch-cu128", "pytorch-cu128"),
    ]


def test_the_order_of_the_wheels_does_not_count():
    wheels = [wheel(f"package-{number}", size=number * ALONE // 10) for number in range(30)]
    shuffled = random.Random(1).sample(wheels, len(wheels))

    assert group(shuffled) == group(wheels)


def test_a_small_package_more_leaves_the_others_layers_as_they_are():
    wheels = [wheel("torch", size=ALONE), wheel("numpy")]
    before, after = group(wheels), group([*wheels, wheel("six")])

    assert before[0] == after[0]


def test_an_image_has_room_for_its_layers_however_many_wheels_there_are():
    """127 layers are all that an image may have; past the cap the smallest go together."""
    wheels = [wheel(f"package-{number:03}", size=ALONE + number) for number in range(MOST_ALONE + 5)]
    groups = group(wheels)

    assert len(groups) == MOST_ALONE + 1
    assert [one.name for one in groups[-1].wheels] == [f"package-{number:03}" for number in range(5)]


def test_wheels_that_install_the_same_file_have_layers_of_their_own_in_the_order_of_their_names():
    wheels = [
        replace(wheel("cv-headless"), same_files=("cv",)),
        replace(wheel("cv", size=ALONE), same_files=("cv-headless",)),
        wheel("numpy"),
    ]

    assert names(group(wheels)) == [
        ("package-cv", ["cv"]),
        ("package-cv-headless", ["cv-headless"]),
        ("packages", ["numpy"]),
    ]


def test_wheels_that_install_the_same_file_count_among_the_layers_that_an_image_has_room_for():
    large = [wheel(f"large-{number:03}", size=ALONE + number) for number in range(MOST_ALONE)]
    groups = group([*large, *(replace(wheel(name), same_files=("x",)) for name in ("a", "b"))])

    assert len(groups) == MOST_ALONE + 1
    assert [one.name for one in groups[-1].wheels] == ["large-000", "large-001"]


def test_no_wheels_no_groups():
    assert group([]) == ()
