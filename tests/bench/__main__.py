"""`python -m bench`: see --help."""

import argparse
import os
import platform
import sys

from bench.report import KINDS, Size, failed, lines
from bench.run import Bench
from testbed import KubectlError, Run, ServerError, binaries
from testbed.monitoring_programs import prometheus_program

_DESCRIPTION = """\
Measures the operator on a real Kubernetes control plane, a real PostgreSQL and a real Prometheus,
all on this machine, and removes everything at the end. There are as many checks workload, logs,
stuckRows, prometheus and http. The floor is the same I/O in one short file, with the same
libraries, on kept connections where the check keeps them.
"""
_EXIT_CODES = """\
exit codes: 0 measured; 1 FAILED: fewer checks ran than were due, or a broken service was not seen;
2: it could not be set up.
"""
_MEASURED, _FAILED, _NOT_SET_UP = range(3)


def _size() -> Size:
    parser = argparse.ArgumentParser("make bench", description=_DESCRIPTION, epilog=_EXIT_CODES)
    parser.add_argument("--sops", type=int, default=100, help="ServiceSOPs (default: 100)")
    parser.add_argument(
        "--checks",
        type=int,
        default=2 * len(KINDS),
        help=f"checks per SOP, a multiple of {len(KINDS)} (default: {2 * len(KINDS)})",
    )
    parser.add_argument(
        "--every", type=int, default=5, help="seconds between two runs of a check (default: 5)"
    )
    parser.add_argument(
        "--seconds",
        type=int,
        default=30,
        help="how long is measured, a multiple of --every (default: 30)",
    )
    size = Size(**vars(parser.parse_args()))
    if size.sops < 1 or size.every < 1:
        parser.error("--sops and --every must be at least 1")
    if size.checks % len(KINDS) or not len(KINDS) <= size.checks <= 64:
        parser.error(f"--checks must be a multiple of {len(KINDS)}, up to 64")
    if size.seconds % size.every or size.seconds < size.every:
        parser.error("--seconds must be a multiple of --every")
    return size


def main() -> int:
    """Measure, and return the exit code."""
    size = _size()
    binaries.ensure()
    prometheus_program()
    print(
        f"Machine    {os.cpu_count()} CPUs, {platform.system()} {platform.release()},"
        f" Python {platform.python_version()}",
        flush=True,
    )
    try:
        with Run() as run:
            bench = Bench(run, size, lambda what: print(f"...        {what}", flush=True))
            figures = bench.measure()
    except (KubectlError, ServerError) as error:
        print(f"the benchmark could not be set up: {error}", file=sys.stderr)
        return _NOT_SET_UP
    print(*lines(figures), sep="\n")
    return _FAILED if failed(figures) else _MEASURED


if __name__ == "__main__":
    sys.exit(main())
