"""Files that come in and go out, and the guarded HTTP client. Nothing else opens connections to others.

For others: `fetch` (input files), `store` (output files), `folders` (where they are kept), `client` (HTTP
requests), `guard` (which addresses are allowed).
Inside: `media` (media types and suffixes).
"""
