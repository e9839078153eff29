"""Reports: the figures of a day, a week or a month with their charts, as a mail and as a PDF.

Every figure comes through `analytics.queries.metrics` and carries the id and version of its definition; the mail, the
PDF and the preview are made from one and the same `content.Report`.
"""
