"""What other exchanges wrote down becomes calls of a tenant: read, checked, joined, staged, loaded."""
