"""The model's OpenAPI document: where it comes from, what it says of an input, and the page that shows it.

For others: `documents` (read or generate it), `inputs` (check an input), `page` (`/docs`).
Inside: `checks` (one check per keyword).
"""
