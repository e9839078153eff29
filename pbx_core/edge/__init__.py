"""The public SIP listener: transports, registrar and forking proxy around the pure core in pbx_core.sip."""
