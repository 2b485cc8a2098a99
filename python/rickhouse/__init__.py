"""rickhouse: a WSGI server that runs many Python interpreters in one process, at the same time.

Nothing is imported here: the command starts a server and should not take memory and time for what it does not need.
"""

__version__ = "0.1.0"
