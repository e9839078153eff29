"""Calls and sound: the worker, its engine, and the recordings."""
