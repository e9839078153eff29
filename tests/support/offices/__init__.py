"""Random offices whose truth is known by construction: what people did, what it is called, and what each system logs.

    office = people.office("acme", "Europe/Berlin")
    calls = draw.calls(office, seed=1, grain_s=0.001)        # what people did: tests/support/offices/calls.py
    stories = truth.conversations(office, calls)             # what that is, by the definitions, in plain Python
    figures = metrics.values(office, calls, stories, since, until)
    ours.write(settings, clock, office, calls)               # as our exchange writes it down
    asterisk.write(folder, office, calls)                    # as Asterisk would; freepbx, freeswitch, mikopbx alike

`calls` knows nothing of any log, the truth nothing of any table: whatever differs afterwards was lost on the way.
"""
