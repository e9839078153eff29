"""The PBX core: telephony and the operational database; owner of the recordings."""

__version__ = "0.1.0"
