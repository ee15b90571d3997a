"""Asks the world and returns locked records: one room for each thing asked, and `lock` for a whole lock."""
