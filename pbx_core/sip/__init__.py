"""SIP without sockets: messages, digest, registrar and routing decisions."""
