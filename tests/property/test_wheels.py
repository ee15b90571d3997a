"""Which wheel, and who asked: whatever the order of what is given."""

import string
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from cogfreeze.resolve.index import pages
from cogfreeze.resolve.index.wheel_files import Target, best_wheel, glibc_of, wheel_rank
from cogfreeze.resolve.requirements import dependency_graph
from cogfreeze.resolve.requirements.line import Line


@dataclass(frozen=True)
class Named:
    file: str


ARCHITECTURES = ["x86_64", "aarch64", "i686", "ppc64le"]
platforms = st.one_of(
    st.just("any"),
    st.builds("manylinux_2_{}_{}".format, st.integers(5, 45), st.sampled_from(ARCHITECTURES)),
    st.builds(
        "{}_{}".format, st.sampled_from(["manylinux1", "manylinux2014", "linux"]), st.sampled_from(ARCHITECTURES)
    ),
    st.sampled_from(["win_amd64", "macosx_11_0_arm64", "musllinux_1_2_x86_64"]),
)
pythons = st.sampled_from(
    ["py3-none", "cp38-abi3", "cp311-cp311", "cp312-cp312", "cp311-abi3", "py2.py3-none", "pp311-pypy311_pp73"]
)
builds = st.sampled_from(["", "-1", "-2b", "-10"])
files = st.builds(
    lambda build, python, tags: f"app-1.0{build}-{python}-{'.'.join(tags)}.whl",
    builds, pythons, st.lists(platforms, min_size=1, max_size=3, unique=True),
)  # fmt: skip
targets = st.builds(
    lambda minor, platform, glibc: Target(python=f"3.{minor}", platform=platform, glibc=(2, glibc)),
    st.integers(8, 14), st.sampled_from(["linux/amd64", "linux/arm64"]), st.integers(17, 45),
)  # fmt: skip


@given(st.lists(files, unique=True), targets, st.randoms())
def test_the_choice_does_not_hang_on_the_order_of_the_index(names, target, random):
    shuffled = [*names]
    random.shuffle(shuffled)
    assert best_wheel(map(Named, names), target) == best_wheel(map(Named, shuffled), target)


@given(st.lists(files, unique=True), targets)
def test_the_choice_runs_on_the_target_and_none_is_better(names, target):
    chosen = best_wheel(map(Named, names), target)
    suited = {name: found for name in names if (found := wheel_rank(name, target)) is not None}
    if chosen is None:
        assert not suited
    else:
        assert suited[chosen.file] == min(suited.values())


@given(files, targets)
def test_a_newer_c_library_runs_all_that_an_older_one_runs(name, target):
    newer = Target(python=target.python, platform=target.platform, glibc=(2, target.glibc[1] + 1))
    if wheel_rank(name, target) is not None:
        assert wheel_rank(name, newer) is not None


@given(files, targets)
def test_a_wheel_that_promises_an_older_c_library_is_never_chosen_for_want_of_one(name, target):
    promised = glibc_of(name)
    if (
        wheel_rank(name, target) is not None
        and promised is not None
        and "any" not in name
        and "linux_" not in name
    ):
        assert promised <= target.glibc


names = st.sampled_from(string.ascii_lowercase[:8])
requirements = st.builds(
    lambda name, extra, marker: name + extra + marker,
    names,
    st.sampled_from(["", "[x]", "[x,y]"]),
    st.sampled_from(
        ["", '; extra == "x"', '; extra == "y"', '; python_version < "3"', '; sys_platform == "linux"']
    ),
)
graphs = st.dictionaries(names, st.lists(requirements, max_size=4), min_size=1)
MARKERS = Target(python="3.11", platform="linux/amd64").markers


@given(graphs, st.data())
def test_who_asked_is_the_same_whatever_the_order_and_leads_back_to_a_root(made, data):
    roots = data.draw(st.lists(st.sampled_from(sorted(made)), unique=True))
    lines = [Line(text=name, where="here", name=name) for name in roots]
    found = dependency_graph(lines, made, MARKERS).required_by
    mixed = {name: made[name][::-1] for name in reversed(made)}
    assert dependency_graph(lines[::-1], mixed, MARKERS).required_by == found
    assert all(found[name] == () for name in roots)
    for name in found:
        seen, queue = set(), [name]
        while queue:
            each = queue.pop()
            if each not in seen:
                seen.add(each)
                queue += found[each]
        assert seen & set(roots), f"{name} leads to no root"


@given(st.text(alphabet="abc:@/%.", max_size=20))
def test_an_address_to_compare_by_has_no_credentials(text):
    made = pages.without_credentials(f"https://{text.replace('/', '')}@host/simple/")
    assert made == "https://host/simple"
    assert pages.without_credentials(made) == made
