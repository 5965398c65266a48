"""How the store of AI workers grows with its records.

    python benchmarks/records.py [--records 80000] [--doublings 3] [--markdown] [--directory DIR]

For each number of stored records, each twice the one before: the first start, which makes the index; a start after
that, and its memory; ratings of tasks of one retired instance, and the bytes that each writes; tidying up, and the
longest time for which that kept a call waiting, in another process and in another thread.  A million records need
``--records 1000000 --doublings 0``, 1.5 GB of disk and some minutes.  The directory should be on the disk that counts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import tables
from store import DEFINITION, fill, record

from ai_wm.data.types import AIWorkerInstance, AIWorkerInstanceStatus, SupervisorFeedback, Timestamp
from ai_wm.store import JsonStore, engine
from ai_wm.store.files import FileSystem

RATINGS = 400

START = """
import json, resource, sys, time
from pathlib import Path
from ai_wm.store import JsonStore
began = time.process_time()
store = JsonStore(Path(sys.argv[1]))
used = time.process_time() - began
total = store.summary(sys.argv[2]).total_tasks_attempted
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
store.close()
print(json.dumps([used, memory, total]))
"""

CALLS = """
import sys, threading, time
from pathlib import Path
from ai_wm.data.types import PerformanceRecord
from ai_wm.store import JsonStore
store = JsonStore(Path(sys.argv[1]))
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), over.set()), daemon=True).start()
print("ready", flush=True)
longest, number = 0.0, 0
while not over.is_set():
    began = time.perf_counter()
    store.add_record(PerformanceRecord(task_id=f"late-{number}", definition_id=sys.argv[2]))
    longest, number = max(longest, time.perf_counter() - began), number + 1
    time.sleep(0.002)
print(longest)
store.close()
"""


class Counted(FileSystem):
    """Calls that count the bytes written."""

    def __init__(self) -> None:
        self.written = 0

    def write_at(self, descriptor: int, data: bytes, offset: int) -> None:
        """Write, and count."""
        self.written += len(data)
        super().write_at(descriptor, data, offset)


def start(directory: Path) -> tuple[float, int]:
    """The processor seconds and the memory of a start in a process of its own."""
    command = [sys.executable, "-c", START, str(directory), DEFINITION]
    used, memory, _ = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return used, memory


def rate(directory: Path, stored: int) -> tuple[float, float]:
    """The bytes and seconds of a rating of one of many tasks of a retired instance."""
    files = Counted()
    store = JsonStore(directory, files=files)
    instance = AIWorkerInstance(definition_id=DEFINITION)
    store.start_instance(instance)
    for number in range(RATINGS):
        store.add_record(record(stored + number, instance.instance_id))
    store.retire_instance(
        instance.instance_id,
        final_status=AIWorkerInstanceStatus.RETIRED_COMPLETED,
        reason="done",
        retired_at=Timestamp.from_unix(1_750_000_000),
    )
    before, began = files.written, time.perf_counter()
    for number in range(RATINGS):
        store.add_feedback(f"00000000-0000-4000-8000-{stored + number:012}", SupervisorFeedback(rating=4))
    taken = time.perf_counter() - began
    store.close()
    return (files.written - before) / RATINGS, taken / RATINGS


def tidy(directory: Path) -> tuple[float, float, float]:
    """The seconds that tidying up takes, and the longest call meanwhile in another process and in another thread."""
    store = JsonStore(directory)
    store.add_feedback("00000000-0000-4000-8000-000000000001", SupervisorFeedback(rating=4))
    command = [sys.executable, "-c", CALLS, str(directory), DEFINITION]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdin is not None
    assert other.stdout is not None
    other.stdout.readline()
    longest, over = 0.0, threading.Event()

    def ask() -> None:
        nonlocal longest
        while not over.is_set():
            began = time.perf_counter()
            store.summary(DEFINITION)
            longest = max(longest, time.perf_counter() - began)
            time.sleep(0.002)

    asking = threading.Thread(target=ask)
    asking.start()
    share, engine.WASTE_SHARE = engine.WASTE_SHARE, 10**9  # type: ignore[misc]
    began = time.perf_counter()
    store.save()
    taken = time.perf_counter() - began
    engine.WASTE_SHARE = share  # type: ignore[misc]
    over.set()
    asking.join()
    elsewhere = float(other.communicate("\n")[0])
    store.close()
    return taken, elsewhere, longest


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--records", type=int, default=10_000, help="the smallest number of records")
    parser.add_argument("--doublings", type=int, default=3)
    parser.add_argument("--directory", type=Path, help="where to work; a temporary directory otherwise")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    rows = []
    for doubling in range(options.doublings + 1):
        stored = options.records << doubling
        with tempfile.TemporaryDirectory(dir=options.directory) as name:
            directory = Path(name)
            fill(directory, stored)
            first, building = start(directory)
            again, memory = start(directory)
            written, rating = rate(directory, stored)
            taken, process, thread = tidy(directory)
        values = [
            f"{stored:,}",
            tables.seconds(first),
            tables.size(building),
            tables.seconds(again),
            tables.size(memory),
            tables.size(written),
            tables.seconds(rating),
            tables.seconds(taken),
            tables.seconds(process),
            tables.seconds(thread),
        ]
        rows.append(values)
        print(" ".join(values), file=sys.stderr)
    head = ["records", "first start", "memory", "start", "memory", "a rating", "time", "tidying", "process", "thread"]
    print(tables.table(head, rows, markdown=options.markdown))


if __name__ == "__main__":
    main()
