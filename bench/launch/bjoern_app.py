"""bjoern has no command: serve MODULE's ``application`` on 127.0.0.1:PORT with its one documented call."""

import importlib
import os
import sys

import bjoern

if __name__ == "__main__":
    module, port = sys.argv[1:]
    sys.path.insert(0, os.getcwd())
    bjoern.run(importlib.import_module(module).application, "127.0.0.1", int(port))
