"""A git repository with a project whose lock has a history."""

import os
import subprocess
from types import SimpleNamespace

from cogfreeze.cli.main import main
from cogfreeze.lock import file as lock_file

DATE = "2026-01-01T00:00:00Z"
ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_AUTHOR_DATE": DATE,
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_COMMITTER_DATE": DATE,
}


class Repository:
    """A working tree; `commit` writes a lock and commits it, `cog` runs a verb in it."""

    def __init__(self, folder, monkeypatch, capsys):
        self.folder, self.capsys = folder, capsys
        self.lock_path = folder / "cog.lock"
        for name, value in ENVIRONMENT.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(folder)
        self.git("init", "-q", "-b", "main")

    def git(self, *words, status=0):
        answer = subprocess.run(
            ["git", *words], cwd=self.folder, capture_output=True, text=True, check=False, timeout=60
        )
        assert answer.returncode == status, answer.stderr
        return answer.stdout

    def write(self, lock):
        self.lock_path.write_text(lock if isinstance(lock, str) else lock_file.dumps(lock), encoding="utf-8")

    def commit(self, lock=None, message="change"):
        if lock is not None:
            self.write(lock)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)

    def cog(self, *words, status=0):
        self.capsys.readouterr()
        answer = main(list(words))
        said = self.capsys.readouterr()
        assert answer == status, said.err
        assert "Traceback" not in said.err
        return SimpleNamespace(out=said.out, talk=said.err)
