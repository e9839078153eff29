"""Starts every process, brings back what dies, and tells what runs."""
