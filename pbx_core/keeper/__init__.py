"""Keeps recordings as long as the tenant says and no longer, and where the operator says."""
