"""The life of a call: its events, what it asks of the shell, the state machine, and its record."""
