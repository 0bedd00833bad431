"""What the clients of the interoperability suite have in common.

A client is called with the reader's host and port and the number of tags to find. It prints one line of JSON with what
it found and exits; it gives up by itself after DEADLINE seconds, with what it has.
"""

import json
import sys
import threading

DEADLINE = 15


def arguments():
    """Host, port and number of tags."""
    host, port, tags = sys.argv[1:4]
    return host, int(port), int(tags)


def result(tags, **more):
    """Prints what was found."""
    print(json.dumps({"tags": sorted(tags), **more}), flush=True)


class Tags:
    """Tags found so far, from any thread."""

    def __init__(self, wanted):
        self.wanted = wanted
        self.found = set()
        self.complete = threading.Event()

    def add(self, epc):
        """EPC as hexadecimal text."""
        self.found.add(epc.lower())
        if len(self.found) >= self.wanted:
            self.complete.set()

    def wait(self):
        self.complete.wait(DEADLINE)
        return self.found
