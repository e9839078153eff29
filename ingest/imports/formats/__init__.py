"""One module per foreign format; each has `FORMAT`, an object of the protocol `ingest.imports.raw.Format`."""
