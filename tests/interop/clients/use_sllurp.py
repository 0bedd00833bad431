"""Inventory with sllurp: its own set-up, reports until all tags are there."""

import os
import sys

from common import Tags, arguments, result
from sllurp.llrp import LLRPReaderClient, LLRPReaderConfig

host, port, wanted = arguments()
tags = Tags(wanted)
config = LLRPReaderConfig(
    {
        "antennas": [1, 2, 3, 4],
        "report_every_n_tags": 5,
        "keepalive_interval": 1000,
        "impinj_extended_configuration": "--impinj" in sys.argv,
        "impinj_search_mode": 2 if "--impinj" in sys.argv else None,
        "impinj_tag_content_selector": (
            {"EnableRFPhaseAngle": True, "EnablePeakRSSI": True, "EnableRFDopplerFrequency": True}
            if "--impinj" in sys.argv
            else None
        ),
        "impinj_reports": "--impinj" in sys.argv,
    }
)
phases = set()


def reported(_reader, reports):
    for report in reports:
        epc = report.get("EPC-96") or report.get("EPC")
        if "ImpinjRFPhaseAngle" in report:
            phases.add(str(report["ImpinjRFPhaseAngle"]))
        tags.add(epc.decode() if isinstance(epc, bytes) else epc)


reader = LLRPReaderClient(host, port, config)
reader.add_tag_report_callback(reported)
reader.connect()
found = tags.wait()
result(found, phases=len(phases))
reader.disconnect(2)
# Its thread may wait for a reader that has already said goodbye.
os._exit(0)
