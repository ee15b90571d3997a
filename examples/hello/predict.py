"""Greets."""

from cog import BasePredictor, Input


class Predictor(BasePredictor):
    def setup(self) -> None:
        self.greeting = "Hello"

    def predict(
        self,
        name: str = Input(description="Who is greeted", max_length=100),
        loud: bool = Input(default=False, description="In capitals"),
    ) -> str:
        """Return a greeting."""
        text = f"{self.greeting}, {name}!"
        return text.upper() if loud else text
