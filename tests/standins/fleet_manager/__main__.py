"""`python -m standins.fleet_manager FILE`: the process that is all replicas of the stand-in.

FILE is JSON: see `standins.fleet_manager.settings`. It runs until it is told to end.
"""

import asyncio
import signal
import sys
from pathlib import Path

from standins.fleet_manager.follower import Follower
from standins.fleet_manager.kubeconfig import read_credentials
from standins.fleet_manager.pods import Pods
from standins.fleet_manager.settings import Settings


async def _main(settings: Settings) -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    pods = Pods(
        read_credentials(Path(settings.kubeconfig)),
        settings.namespace,
        settings.selector,
        settings.container,
        Path(settings.logs),
    )
    async with pods:
        await Follower(pods, settings).run()


if __name__ == "__main__":
    try:
        asyncio.run(_main(Settings.read(Path(sys.argv[1]))))
    except asyncio.CancelledError:
        sys.exit(0)
