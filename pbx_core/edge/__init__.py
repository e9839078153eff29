"""The public SIP listener: transports, registrar, forking proxy, guards."""
