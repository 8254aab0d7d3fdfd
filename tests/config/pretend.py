"""A supervisor over pretend processes, for its tests: `python -m tests.config.pretend NAME=CODE …`."""

import os
import sys

from config.demo.supervisor import Process, Supervisor


def main(pairs: list[str]) -> None:
    with Supervisor(sys.stdout) as supervisor:
        for name, code in (pair.split("=", 1) for pair in pairs):
            supervisor.start(Process(name, [sys.executable, "-u", "-c", code], os.environ, lambda: True))
        supervisor.say("demo", "ready")
        supervisor.watch()


if __name__ == "__main__":
    main(sys.argv[1:])
