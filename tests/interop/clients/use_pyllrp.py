"""Inventory with pyllrp's own TagInventory, which resets the reader to its factory settings first."""

import time

from common import DEADLINE, arguments, result
from pyllrp import LLRPConnector as connector
from pyllrp.TagInventory import TagInventory

host, port, wanted = arguments()
# TagInventory has no argument for the port.
connect = connector.LLRPConnector.connect
connector.LLRPConnector.connect = lambda self, host: connect(self, host, port)

inventory = TagInventory(host, transmitPower=5, receiverSensitivity=1)
inventory.Connect()
found = set()
end = time.monotonic() + DEADLINE
while len(found) < wanted and time.monotonic() < end:
    tags, _messages = inventory.GetTagInventory()
    found |= {tag.lower().rjust(24, "0") for tag in tags}
inventory.Disconnect()
result(found)
