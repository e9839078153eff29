"""Where facts come from. Each source fills a Batch from its stored offsets and never writes anything."""
