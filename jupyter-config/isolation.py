"""Tries, as the embedded Jupyter's user, what that user must and must not be able to do.

`python3 -I isolation.py < REQUEST`, where REQUEST is JSON: `read` and `write` list paths that must be
closed to it, `own` lists folders that it must be able to write into. Prints the list of what is wrong as
JSON: `[["read", "/opt/spin/var/token"], …]`.
"""

import json
import os
import sys


def can_read(path):
    try:
        if os.path.isdir(path):
            os.listdir(path)
        else:
            with open(path, "rb") as file:
                file.read(1)
    except OSError:
        return False
    return True


def can_write(path):
    return os.access(path, os.W_OK)


def is_own(path):
    return os.access(path, os.R_OK | os.W_OK | os.X_OK)


request = json.load(sys.stdin)
wrong = [["read", path] for path in request["read"] if can_read(path)]
wrong += [["write", path] for path in request["write"] if can_write(path)]
wrong += [["own", path] for path in request["own"] if not is_own(path)]
print(json.dumps(wrong))
