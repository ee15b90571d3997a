"""Reads the text in a picture."""

import tempfile

import cv2
import numpy as np
from cog import BaseModel, BasePredictor, Input, Path
from rapidocr_onnxruntime import RapidOCR

GREEN = (80, 160, 0)  # OpenCV's order: blue, green, red


class Line(BaseModel):
    text: str
    score: float
    box: list[int]  # left, top, right, bottom, in pixels


class Output(BaseModel):
    lines: list[Line]
    picture: Path


class Predictor(BasePredictor):
    def setup(self) -> None:
        # Every line is wanted here, however unsure: min_score chooses among them.
        self.engine = RapidOCR(text_score=0.0)

    def predict(
        self,
        image: Path = Input(description="Picture to read"),
        min_score: float = Input(
            default=0.5, ge=0, le=1, description="Leave out lines that the model is less sure of than this"
        ),
    ) -> Output:
        """Return the lines from top to bottom, and the picture with a box around each."""
        pixels = cv2.imread(str(image))
        if pixels is None:
            raise ValueError("the image is not a picture that OpenCV can read")

        found, _ = self.engine(pixels)
        lines = []
        for outline, text, score in found or []:
            if score < min_score:
                continue
            corners = np.rint(outline).astype(np.int32)
            left, top = corners.min(axis=0).tolist()
            right, bottom = corners.max(axis=0).tolist()
            lines.append(Line(text=text, score=round(float(score), 4), box=[left, top, right, bottom]))
            cv2.polylines(pixels, [corners], isClosed=True, color=GREEN, thickness=2)

        picture = Path(tempfile.mkdtemp()) / "annotated.png"
        cv2.imwrite(str(picture), pixels)
        return Output(lines=lines, picture=picture)
