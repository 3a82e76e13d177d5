"""Jobs: the queue they wait in, what moves them on, where they lie, what becomes of their results."""
