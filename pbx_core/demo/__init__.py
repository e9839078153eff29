"""An office that calls itself: simulated phones, spoken dialogues, the report of `callbench demo`."""
