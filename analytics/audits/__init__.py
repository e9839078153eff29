"""Audits: one question per file, which must have no rows as an answer; its first line says what holds then."""
