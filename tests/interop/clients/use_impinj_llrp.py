"""Inventory with impinj-llrp, which scrubs the reader first and asks for Impinj's extensions; then a memory read."""

import os

from common import Tags, arguments, result
from impinj_llrp import ImpinjLlrp

host, port, wanted = arguments()
tags = Tags(wanted)
memories = {}


def reported(report):
    # A tag counts once its memory has been read too.
    if report.user_mem is not None:
        memories[report.epc.lower()] = report.user_mem
        tags.add(report.epc)


reader = ImpinjLlrp()
assert reader.connect(host, port), "cannot connect"
info = reader.get_reader_info()
reader.set_antenna_config([1, 2, 3, 4])
reader.set_tag_memory_reads([{"memoryBank": "tid", "wordOffset": 0, "wordCount": 6}])
reader.set_notification_callback(reported)
assert reader.start(), "cannot start"
found = tags.wait()
result(found, antennas=info.antenna_count, tids=len(set(memories.values())))
os._exit(0)
