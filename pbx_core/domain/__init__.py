"""The pure part of the PBX: standard library only, no I/O, clock, randomness or logging."""
