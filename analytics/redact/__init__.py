"""What must not stay readable: card numbers, phone numbers and names, found in the words of a transcript and hidden in
text and sound by the same word times. Pure.

    verdict = judge(transcript, redaction_record, wishes)      # where, or that it cannot be known
    shown = visible(transcript, verdict, may_see_originals)    # the text for one person
"""

from analytics.redact.visible import HIDDEN, Verdict, closed, judge, visible, visible_corrected, visible_text

__all__ = ["HIDDEN", "Verdict", "closed", "judge", "visible", "visible_corrected", "visible_text"]
