"""Serve MODULE's ``application`` on 127.0.0.1:PORT through FastPySGI's API.

Its command would do, but cannot set ``tcp_nodelay``, which makes it faster.
"""

import importlib
import os
import sys

import fastpysgi

if __name__ == "__main__":
    module, port = sys.argv[1:]
    sys.path.insert(0, os.getcwd())
    fastpysgi.server.tcp_nodelay = 1
    fastpysgi.run(importlib.import_module(module).application, "127.0.0.1", int(port), loglevel=fastpysgi.LL_ERROR)
