"""Inventory with llrpkit; then a memory read, an output, an input and the keepalives."""

import asyncio
import sys

from common import DEADLINE, arguments, result
from llrpkit import Reader

host, port, wanted = arguments()
IMPINJ = "--impinj" in sys.argv


async def main():
    found = set()
    more = {}
    async with Reader(host, port=port) as reader:
        await reader.set_keepalive(500)
        extras = {"search_mode": 1} if IMPINJ else {}
        inventory = reader.inventory(
            antennas=(1, 2, 3, 4), session=1, duration=DEADLINE, **extras
        )
        async for tag in inventory:
            found.add(tag.epc_hex)
            if len(found) >= wanted:
                break
        await inventory.aclose()
        read = await reader.read_memory(bank="tid", word_pointer=0, word_count=6, target_epc=sorted(found)[0])
        more["tid"] = read.data.hex() if read.ok else read.status
        await reader.set_gpo(2, True)
        more["gpio"] = {
            "gpos": (await reader.get_gpio()).gpos,
            "gpis": (await reader.get_gpio()).gpis,
        }
        more["modes"] = len(reader.annotated_modes())
    result(found, **more)


asyncio.run(main())
