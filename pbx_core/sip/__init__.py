"""The pure SIP core: messages, digests, registrations, forking and bans; no sockets, clocks or randomness."""
