"""How the data are: what came in, what did not, how far behind it is, how long the disk lasts; with what to do."""
