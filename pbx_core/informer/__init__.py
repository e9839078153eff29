"""Keeps queues tidy, calls back and informs: what of the exchange runs beside its calls."""
