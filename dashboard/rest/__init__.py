"""What happened, for programs: calls, conversations, recordings, transcripts and metrics by REST, within the API of
`callbench api`. Reads through `analytics.queries` only, and hides what the pages hide."""
