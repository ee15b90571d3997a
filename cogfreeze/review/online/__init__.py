"""Asking where locked files come from: whether they are still what the lock says, and what is newer."""
