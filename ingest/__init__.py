"""Facts into the warehouse: copy, check, never interpret."""
