"""Opinions formed from facts; each row names the version that formed it."""
