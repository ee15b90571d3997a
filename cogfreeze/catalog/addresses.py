"""Every public address that cogfreeze contacts by itself; no other file contains one.

A lock knows these services by name; environment variables set mirrors (`cogfreeze.settings`).
"""

from __future__ import annotations

# Dated archives: `<base>/<archive>/<YYYYMMDDTHHMMSSZ>/…`.
DEBIAN_SNAPSHOT = "https://snapshot.debian.org/archive"
UBUNTU_SNAPSHOT = "https://snapshot.ubuntu.com"

# One PyTorch index per CUDA tag: `<base>/cu128`, `<base>/cpu`.
TORCH_INDEX = "https://download.pytorch.org/whl"

# uv's builds of CPython: `<base>/<YYYYMMDD>/cpython-….tar.gz`. uv itself uses this address.
PYTHON_BUILDS = "https://releases.astral.sh/github/python-build-standalone/releases/download"

# Known vulnerabilities: `<base>/v1/querybatch`.
OSV_API = "https://api.osv.dev"


def snapshot(archive: str) -> str:
    """Return the base URL of the public service that keeps dated copies of an archive.

    Args:
        archive: `debian`, `debian-security` or `ubuntu`.
    """
    return UBUNTU_SNAPSHOT if archive == "ubuntu" else DEBIAN_SNAPSHOT


# Hosts of git repositories → the address of a commit's files as one archive.
COMMIT_ARCHIVES = {
    "github.com": "https://github.com/{owner}/{name}/archive/{commit}.tar.gz",
    "gitlab.com": "https://gitlab.com/{owner}/{name}/-/archive/{commit}/{name}-{commit}.tar.gz",
}

# spaCy's models: `<base>/<name>-<version>/<name>-<version>-py3-none-any.whl`.
SPACY_MODELS = "https://github.com/explosion/spacy-models/releases/download"

# nltk's data: its repository and branch, and the address of one package at a commit.
NLTK_REPOSITORY = ("https://github.com/nltk/nltk_data", "gh-pages")
NLTK_DATA = "https://raw.githubusercontent.com/nltk/nltk_data/{commit}/packages/{folder}/{name}.zip"
