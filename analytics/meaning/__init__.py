"""What a conversation means to the tenant: trackers, scripts, rules, ways of talking, tone, extracts, topics. Pure.

    record = meaning(conversation)       # → MeaningRecord, what analytics.after writes into the journal

Nothing is guessed: what a language or a recording does not allow to know is None, and `reasons` says why.
"""
