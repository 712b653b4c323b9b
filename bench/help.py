"""`decroche --help` against the bare interpreter: `./run bench help`.

Both are started in turn, many times; medians are compared. Exit code 1 when the limit is missed.
Takes about 10 s.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from _lines import at_most, end, percentile, start

LIMIT = 6.0
RUNS = 40


def main() -> int:
    began = start("decroche --help")
    decroche = str(Path(sys.executable).with_name("decroche"))
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "python -c 'import click'": [sys.executable, "-c", "import click"],
        "decroche --help": [decroche, "--help"],
        "decroche pbx --help": [decroche, "pbx", "--help"],
    }
    for command in commands.values():
        run(command)  # byte code compiled, files in memory
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(RUNS):
        for name, command in commands.items():
            times[name].append(run(command))
    medians = {name: statistics.median(values) for name, values in times.items()}
    bare = medians["python -c pass"]
    print(f"  {RUNS} runs each {'':14} {'median ms':>10} {'p90 ms':>8}   of bare")
    for name, median in medians.items():
        p90 = percentile(times[name], 90)
        print(f"  {name:27} {median * 1000:10.1f} {p90 * 1000:8.1f}   {median / bare:.2f}x")
    ratio = medians["decroche --help"] / bare
    return end(began, at_most("decroche --help : bare interpreter", ratio, LIMIT))


def run(command: Sequence[str]) -> float:
    """Seconds from the start of a process to its end."""
    began = time.perf_counter()
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
