"""Answers those who know the key."""

import hashlib
import hmac
import os
from pathlib import Path

from cog import BasePredictor, Input, Secret

# The build made it from the key; on this machine, without an image, another file may be named.
HASHED = Path(os.environ.get("ACCESS_KEY_HASH", "/opt/access_key.scrypt"))


class Predictor(BasePredictor):
    def setup(self) -> None:
        self.hashed = bytes.fromhex(HASHED.read_text())

    def predict(
        self,
        text: str = Input(description="What is turned around"),
        access_key: Secret = Input(description="The key that the image was built with"),
    ) -> str:
        """Return the text, last letter first."""
        given = access_key.get_secret_value().strip().encode()
        if not hmac.compare_digest(hashlib.scrypt(given, salt=b"access-key", n=16384, r=8, p=1), self.hashed):
            raise PermissionError("that is not the key of this model")
        return text[::-1]
