"""The shell scripts of the build's steps.

All script text is ours. A user's value appears only as a plain word that its grammar has checked, or in a file
of the build context.

Whatever differs from build to build is removed, or gets a fixed time, in the command that made it
(`docs/reproducible.md` lists the causes). We use `find … -newer` instead of the exporter's `rewrite-timestamp`,
which re-compresses every layer on every build.
"""

from __future__ import annotations

import textwrap

from cogfreeze.recipe import layout

Script = tuple[str, ...]

# The engine mounts /dev/shm for every command; it is in no layer.
_MARKER = "/dev/shm/started"  # noqa: S108
# The engine mounts these over the image while a command runs.
_MOUNTED = ("/proc", "/sys", "/dev", "/etc/hosts", "/etc/resolv.conf")


def start(epoch: int) -> Script:
    """Record when the step starts, and tell the programs that ask for it which time to use.

    File times are coarse, so the mark is two seconds in the past.
    """
    return (
        f"started={_MARKER}",
        "touch --date='2 seconds ago' $started",
        'changed() { [ "$1" -nt $started ]; }',
        f"export SOURCE_DATE_EPOCH={epoch} FORCE_SOURCE_DATE=1",
    )


def fix_times_since_start(epoch: int, mounted: tuple[str, ...]) -> Script:
    """Set a fixed time on every file that the command created or changed.

    Files of the base image stay untouched, even those dated in the future: changing a time would copy the file
    into the layer.

    Args:
        mounted: extra mount points of this command, which are in no layer.
    """
    mounts = " -o ".join(f"-path {path}" for path in (*_MOUNTED, *mounted))
    return (
        f"find / -xdev \\( {mounts} \\) -prune \\",
        f"    -o -newer $started -cnewer $started -exec touch --no-dereference --date=@{epoch} {{}} +",
    )


def apply_rules(*texts: str) -> Script:
    """Return the scripts of rules about packages (`catalog.system_rules`), one after the other."""
    return tuple(line for text in texts for line in text.strip().splitlines())


def _continued(command: str, *words: str) -> Script:
    """Return a command with many arguments, wrapped."""
    lines = textwrap.wrap(" ".join(words), 100, break_long_words=False, break_on_hyphens=False)
    return (f"{command} \\", *(f"    {line} \\" for line in lines[:-1]), f"    {lines[-1]}")


def create_user(name: str) -> Script:
    """Create the user that the image runs as, unless the base image already has a user with this id."""
    number = layout.USER_ID
    return (
        f"getent group {number} >/dev/null || groupadd --gid {number} {name}",
        f"getent passwd {number} >/dev/null || useradd --uid {number} --gid {number} --no-log-init \\",
        f"    --create-home --shell /bin/sh {name}",
    )


def check_base_packages(command: str, digest: str) -> Script:
    """Fail if the base image has other packages than cog.lock was resolved for."""
    return (
        f"found=$({command})",
        f'[ "$found" = {digest.removeprefix("sha256:")} ] || {{',
        "    echo 'cogfreeze: the base image has other packages installed than cog.lock was made for' >&2",
        "    exit 1",
        "}",
    )


def check_hashes(folder: str, hashes: str) -> Script:
    """Fail if a listed file is missing or has another hash. Runs before anything reads the files."""
    return (f"(cd {folder} && sha256sum --check --strict --quiet {hashes})",)


def install_debs(debs: str, hashes: str, foreign: tuple[str, ...] = ()) -> Script:
    """Install exactly the listed files in one transaction; download, remove and start nothing.

    Args:
        foreign: architectures of listed files other than the image's.
    """
    return (
        *(f"dpkg --add-architecture {each}" for each in foreign),
        "policy=/usr/sbin/policy-rc.d",
        "if [ -e $policy ]; then policy=; else printf '#!/bin/sh\\nexit 101\\n' >$policy; chmod 755 $policy; fi",
        "DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends --no-remove --quiet \\",
        "    -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 \\",
        f"    $(sed 's|^.* |{debs}/|' {hashes})",
        "[ -z $policy ] || rm $policy",
    )


def make_project_folder(owner: str) -> Script:
    """Create the project's folder."""
    user, _, group = owner.partition(":")
    return (f"install --directory --owner={user} --group={group} {layout.PROJECT}",)


def run_command(script: str, shell: str, user: str) -> Script:
    """Run one of the project's commands as root, with the home directory that the model will have.

    The command is in a file, so its text can't affect our script. What it leaves in the home directory belongs to
    the user that the image runs as.

    Args:
        shell: the program that reads the file, and its argument.
        user: the name of that user.
    """
    run = f"(cd / && PYTHONHASHSEED=0 {shell} {script})"
    if user == "root":
        return (f"export HOME={layout.ROOT_HOME}", run)
    number = layout.USER_ID
    return (
        f'export HOME="$(getent passwd {number} | cut -d : -f 6)"',
        run,
        # A base image's user may have no home directory.
        '[ "$HOME" = / ] || [ ! -d "$HOME" ] \\',
        f'    || find "$HOME" -xdev -cnewer $started -exec chown --no-dereference {number}:{number} {{}} +',
    )


def fetch_debs(address: str, listed: str, ca: str) -> Script:
    """Download every listed .deb; apt's downloader checks the hashes."""
    return (
        f"mkdir -p {layout.FETCHED}",
        f"cd {layout.FETCHED}",
        f'[ ! -e {ca} ] || ca="-o Acquire::https::CaInfo={ca}"',
        f'while read -r path file hash; do echo "${address}/$path $file $hash"; done <{listed} \\',
        "    | xargs -n 60 /usr/lib/apt/apt-helper ${ca:-} -o APT::Sandbox::User=root download-file",
    )


def prepare_pip(ca: str) -> Script:
    """Create a virtual environment with pip, leaving the base image's own untouched."""
    return (
        f"python3 -m venv {layout.mounted('venv')}",
        f"[ ! -e {ca} ] || export PIP_CERT={ca}",
        "export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1",
    )


def fetch_wheels(requirements: str, group: str, index: str | None) -> Script:
    """Download a group's wheels; pip checks the hashes.

    Args:
        index: the index's address; None for pip's configured one.
    """
    address = f" --index-url {index}" if index else ""
    return (
        f"{layout.mounted('venv')}/bin/pip download --quiet --require-hashes --no-deps{address} \\",
        f"    --only-binary :all: --requirement {requirements} --dest {layout.FETCHED}/{group}",
    )


def copy_wheels(files: tuple[str, ...], group: str) -> Script:
    """Copy wheels from the build context."""
    return (
        f"mkdir -p {layout.FETCHED}/{group}",
        *_continued("cp", *files, f"{layout.FETCHED}/{group}/"),
    )


def check_python(version: str) -> Script:
    """Fail if the base image's Python is not the one that the wheels were chosen for."""
    return (
        "found=$(python3 -c 'import sys; print(sys.prefix, sys.version.split()[0])')",
        'case "$found." in',
        f'    "{layout.PYTHON_PREFIX} {version}".*) ;;',
        f'    *) echo "cogfreeze: cog.lock expects {layout.PYTHON_PREFIX} {version}, but the base has $found" >&2',
        "        exit 1 ;;",
        "esac",
    )


def unpack_interpreter(archive: str) -> Script:
    """Unpack a CPython below `STAGED`, without the .pyc files that were compiled elsewhere."""
    prefix = f"{layout.STAGED}{layout.PYTHON_PREFIX}"
    return (
        f"mkdir -p {prefix}",
        f"tar -xzf {archive} -C {prefix} --strip-components=1 --no-same-owner",
        f"find {prefix} -name __pycache__ -prune -exec rm -r {{}} +",
        f"[ -e {prefix}/bin/python ] || ln -s python3 {prefix}/bin/python",
    )


def unpack_installer(wheels: str, target: str) -> Script:
    """Unpack uv from its own wheel."""
    return (
        f"python3 -m zipfile -e {wheels}/*.whl /unpacked",
        f"mkdir {target}",
        f"mv /unpacked/*.data/scripts/uv {target}/uv",
        f"chmod 755 {target}/uv",
    )


def install_wheels(installer: str, wheels: str, requirements: str, *, into: str) -> Script:
    """Install exactly the listed wheels below `STAGED`, with hash checks.

    The cache is in the same stage, so that files are linked instead of copied, and is removed at once.
    """
    return (
        f"UV_NO_INSTALLER_METADATA=1 {installer} pip install --quiet --no-config --no-progress \\",
        "    --offline --no-index --no-deps --only-binary :all: --require-hashes \\",
        "    --cache-dir /cache --link-mode hardlink \\",
        f"    --python {layout.PYTHON_PREFIX}/bin/python3 --break-system-packages {into} \\",
        f"    --find-links {wheels} --requirement {requirements}",
        f"rm -rf /cache; find {layout.STAGED} -name .lock -type f -size 0 -delete",
    )


def compile_python() -> Script:
    """Compile all modules below `STAGED` deterministically.

    We use unchecked hash-based .pyc files: timestamp-based ones would differ, or be stale once times are fixed.
    A process's earlier modules influence its later output, so batches don't depend on the number of cores.
    Modules for another Python version may fail to compile; pip and uv skip those too.
    """
    staged = layout.STAGED
    return (
        f"find {staged} -name '*.py' -printf '%h\\0' | sort --zero-terminated --unique \\",
        '    | PYTHONHASHSEED=0 xargs --null -n 16 -P "$(nproc)" python3 -S -W ignore -m compileall -qq -l \\',
        f"        -s {staged} -p / --invalidation-mode unchecked-hash || true",
    )


def compile_standard_library() -> Script:
    """Compile the standard library, which the base image has only as source. A non-root process can't save the
    result and would compile it at every start."""
    staged = layout.STAGED
    return (
        "library=$(python3 -c 'import sysconfig; print(sysconfig.get_path(\"stdlib\"))')",
        f'mkdir -p "{staged}$library"',
        'find "$library" -mindepth 1 -maxdepth 1 ! -name site-packages ! -name test ! -name idlelib \\',
        "    ! -name lib2to3 ! -name tkinter ! -name turtledemo ! -name ensurepip ! -name 'config-*' \\",
        f'    -exec cp -R --target-directory="{staged}$library" {{}} +',
        f"find {staged} -name __pycache__ -prune -exec rm -r {{}} +",
        *compile_python(),
        f"find {staged} -type f ! -name '*.pyc' -delete",
        f"find {staged} -type d -empty -delete",
    )


def copy_in(source: str, target: str) -> Script:
    """Copy a folder of the build context to `target` below `STAGED`."""
    return (f"mkdir -p {layout.STAGED}{target}", f"cp -R --no-dereference {source}/. {layout.STAGED}{target}/")


def normalise_modes() -> Script:
    """Set fixed modes below `STAGED`, whatever the checkout's umask was."""
    staged = layout.STAGED
    return (
        f"find {staged} -type d -exec chmod 00755 {{}} +",
        f"find {staged} -type f -perm /111 -exec chmod 00755 {{}} +",
        f"find {staged} -type f ! -perm /111 -exec chmod 00644 {{}} +",
    )


def set_owner(path: str, owner: str) -> Script:
    """Set the owner of everything at `path` below `STAGED`."""
    return (f"chown --recursive --no-dereference {owner} {layout.STAGED}{path}",)


def fix_times(epoch: int) -> Script:
    """Set one fixed time on everything below `STAGED`."""
    return (f"find {layout.STAGED} -exec touch --no-dereference --date=@{epoch} {{}} +",)
