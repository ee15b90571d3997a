"""Writes weights.bin: one vector of 256 bytes for each of 65,536 buckets of words, the same bytes everywhere.

A trained table would be downloaded in its place; it is too large for a repository.
"""

import hashlib
from pathlib import Path

BUCKETS, SIZE = 65536, 256


def main() -> None:
    weights = hashlib.shake_256(b"embeddings").digest(BUCKETS * SIZE)
    Path(__file__).with_name("weights.bin").write_bytes(weights)


if __name__ == "__main__":
    main()
