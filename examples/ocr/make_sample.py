"""Draws sample.png, a picture whose text is known: LINES, from top to bottom.

    uv run --no-project --with pillow==13.0.0 make_sample.py

The picture is committed; draw it again only to change what it says.
"""

from pathlib import Path

LINES = (
    "Blue Heron Bindery",
    "Invoice 417",
    "Ruled notebooks",
    "84.00",
    "Linen tape",
    "19.50",
    "Total due",
    "103.50",
    "Thank you for your order",
)

WIDTH, HEIGHT, MARGIN = 720, 480, 50
PAPER, INK, RULE = "#fbf8f1", "#1d2433", "#b9b2a3"


def draw(path: Path) -> None:
    """Write the picture as PNG: a heading, a table of two columns, a closing line."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    pen = ImageDraw.Draw(picture)
    large, small = ImageFont.load_default(40), ImageFont.load_default(30)

    heading, number, *table, closing = LINES
    pen.text((MARGIN, 35), heading, INK, large)
    pen.text((MARGIN, 105), number, INK, small)
    for row, (item, amount) in enumerate(zip(table[::2], table[1::2], strict=True)):
        top = 180 + 65 * row
        pen.line((MARGIN, top - 12, WIDTH - MARGIN, top - 12), RULE, 2)
        pen.text((MARGIN, top), item, INK, small)
        pen.text((WIDTH - MARGIN, top), amount, INK, small, anchor="ra")
    pen.text((MARGIN, 405), closing, INK, small)
    picture.quantize(32).save(path, optimize=True)


if __name__ == "__main__":
    draw(Path(__file__).with_name("sample.png"))
