"""SQL for analysts, read-only: views of one tenant's rows, in a process of its own with limits of time and memory.

Three walls, one behind the other: the question is parsed, and only a SELECT over the views passes (`guard`); the
connection can neither write, nor reach another file, nor change its settings (`views`); the process has no more memory
than it is given and is killed when its time is up (`session`, `child`).
"""
