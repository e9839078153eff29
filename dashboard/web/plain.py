"""What is wrong with a recording, in words for somebody who has never seen the machine. The exact words of the record
(pbx_core.media.verdict, pbx_core.media.tape) name the fault for who runs the system, and are shown beside these."""

from __future__ import annotations

import re

_NOT_AFFECTED = "The call itself was not affected."
_MEANINGS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), meaning)
    for pattern, meaning in (
        (
            r"starved: (?P<share>[\d.]+) % of the (?P<party>caller|callee)'s frames",
            "The server was too busy for moments, so short pieces of the {party}'s voice ({share} %) are missing or "
            "damaged.",
        ),
        (
            r"disk_full: .*",
            f"The disk for recordings was almost full, so this call was not recorded. {_NOT_AFFECTED}",
        ),
        (r"disk_full", f"The disk for recordings became full, so the end of the call is missing. {_NOT_AFFECTED}"),
        (
            r"write_error: .*",
            f"The sound could not be written to the disk, so a part of the call is missing. {_NOT_AFFECTED}",
        ),
        (
            r"aborted(: .*)?",
            "A part of the telephone system was started again during the call. The sound up to then is kept.",
        ),
        (
            r"the (?P<party>caller|callee)'s side holds (?P<have>[\d.]+) s of (?P<all>[\d.]+) s talked",
            "Of {all} s of conversation, {have} s of the {party}'s side are recorded.",
        ),
        (
            r"the (?P<party>caller|callee)'s side holds (?P<have>[\d.]+) s, though only (?P<all>[\d.]+) s were talked",
            "The {party}'s side is longer ({have} s) than the conversation ({all} s), so the voices may drift apart.",
        ),
        (r"the (caller|callee)'s start is unknown .*", "The two voices may not match in time."),
        (
            r"(?P<party>caller|callee)\.wav .*silence instead",
            "The {party}'s side could not be read; there is silence in its place.",
        ),
        (
            r"no recorder was started|the recorders could not be started.*",
            f"The recording could not be started. {_NOT_AFFECTED}",
        ),
    )
)


def explain(reason: str) -> str:
    """One sentence or two for every fault that `reason` names; "" when it names none that has other words here.
    Whatever is not known is left out: show `reason` too, as plain text."""
    said = [_of(fault.strip()) for fault in reason.split(";")]
    return " ".join(dict.fromkeys(filter(None, said)))


def _of(fault: str) -> str:
    for pattern, meaning in _MEANINGS:
        found = pattern.fullmatch(fault)
        if found:
            return meaning.format(**found.groupdict())
    return ""
