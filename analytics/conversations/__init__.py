"""Calls that are one story become one conversation, with the rule that classed it and its evidence.

`rules` is the one table of classes, rules and parameters (pure); `derived` keeps the rows.
"""
