from tests.server.fixtures import receiver, serve

__all__ = ["receiver", "serve"]
