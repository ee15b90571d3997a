"""HTTP/1.1: bytes from and to clients, as an ASGI server. Knows nothing of predictions.

For others: `edge` (serve an application), `web` (read a request's body, write an answer).
Inside: `http1` and `reader` speak HTTP/1.1 on a C parser; `connections` watches all open connections.

Importing this package costs nothing; `edge` alone loads hypercorn.
"""
