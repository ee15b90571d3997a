"""Bills of materials from a lock: CycloneDX and SPDX, the same bytes for the same lock."""
