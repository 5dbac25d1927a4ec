"""Images, scans and signals: from a file to a tensor of a public shape.

Nothing of a file's header is used but what the pixels or samples need, and no message tells a name,
a path or a value.
"""
