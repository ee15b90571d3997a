from tests.server.fixtures import serve

__all__ = ["serve"]
