"""Talking to a prediction server: its inputs from words, one prediction, its outputs to files."""
