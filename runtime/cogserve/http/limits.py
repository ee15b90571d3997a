"""Limits of a request's shape. They guard the parser; those that an operator sets are in `settings`."""

MAX_HEAD = 32 * 1024  # bytes of the request line and all headers
MAX_TARGET = 8 * 1024  # bytes of the request's target
MAX_HEADERS = 128
MAX_PIPELINED = 1000  # requests that are sent ahead of their answers
# A body in more pieces than this, of fewer bytes on average than that, is an attack on the parser.
MANY_PIECES = 1000
SMALL_PIECE = 16
