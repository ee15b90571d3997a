"""Draws the edges of a picture."""

import tempfile

import tensorflow as tf
from cog import BaseModel, BasePredictor, Input, Path

# Sobel's two masks: how fast the brightness changes from left to right, and from top to bottom.
MASKS = [[[-1, -1], [0, -2], [1, -1]], [[-2, 0], [0, 0], [2, 0]], [[-1, 1], [0, 2], [1, 1]]]


class Output(BaseModel):
    picture: Path  # white where an edge is, black elsewhere
    share: float  # how much of it is white


class Predictor(BasePredictor):
    def setup(self) -> None:
        masks = tf.reshape(tf.constant(MASKS, tf.float32), (3, 3, 1, 2))

        @tf.function(input_signature=[tf.TensorSpec((None, None, 3), tf.uint8), tf.TensorSpec((), tf.float32)])
        def edges(picture, threshold):
            grey = tf.image.rgb_to_grayscale(tf.image.convert_image_dtype(picture, tf.float32))
            # The border is repeated outwards, or it would be an edge itself.
            framed = tf.pad(grey, [[1, 1], [1, 1], [0, 0]], "SYMMETRIC")
            steps = tf.nn.conv2d(framed[tf.newaxis], masks, strides=1, padding="VALID")[0]
            strength = tf.norm(steps, axis=-1, keepdims=True) / 4
            return strength >= threshold

        self.edges = edges
        self.edges(tf.zeros((8, 8, 3), tf.uint8), 0.5)  # traced once, here and not in the first prediction

    def predict(
        self,
        image: Path = Input(description="Picture: PNG, JPEG, GIF or BMP"),
        threshold: float = Input(default=0.25, ge=0, le=1, description="How sharp an edge has to be"),
    ) -> Output:
        """Return a picture of the edges."""
        try:
            picture = tf.io.decode_image(image.read_bytes(), channels=3, expand_animations=False)
        except tf.errors.InvalidArgumentError:
            raise ValueError("the image is not a picture that TensorFlow can read") from None
        edges = self.edges(picture, threshold)
        drawn = Path(tempfile.mkdtemp()) / "edges.png"
        drawn.write_bytes(tf.io.encode_png(tf.cast(edges, tf.uint8) * 255).numpy())
        return Output(picture=drawn, share=round(float(tf.reduce_mean(tf.cast(edges, tf.float32))), 4))
