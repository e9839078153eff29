"""Configuration files by which phones set themselves up."""
