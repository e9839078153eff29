"""The SIP and media engine: the only package that imports pjsua2.

Rules, each from an experiment: no engine threads of its own for SIP; ONE Python thread touches pjsua2 and pumps it;
callbacks only enqueue and never raise (the one of a file's end comes in a thread of the engine); every Call is kept
until its DISCONNECTED callback and dropped inside it (a later use of the slot dies of an object kept longer); the null
sound device never closes (else conference ports leak); everything is bound to addresses (else the SDP names the
machine's).
"""

from __future__ import annotations

from pbx_core.media.pjsip.engine import Engine

__all__ = ["Engine"]
