"""llrpkit's emulated reader, for our client: prints where it listens and its tags, and ends with its input."""

import asyncio
import sys

from llrpkit.emulator.core import LLRPEmulator, default_population


async def main():
    tags = default_population(int(sys.argv[1]))
    emulator = LLRPEmulator(host="127.0.0.1", port=0, tags=tags)
    await emulator.start()
    print(f"listening on 127.0.0.1:{emulator.port}", flush=True)
    for tag in tags:
        print(f"tag {tag.epc.hex()}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await emulator.stop()


asyncio.run(main())
