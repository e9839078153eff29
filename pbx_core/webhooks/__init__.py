"""Webhooks: what happens in an office is told to its own programs, signed, again and again until it is accepted."""
