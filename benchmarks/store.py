"""What the store of AI workers costs.  Run: ``python benchmarks/store.py [--records 100000] [--directory DIR]``.

It prints, and with ``--check`` holds against their limits:

* the cost of retiring an instance when 100 are stored and when 20,000 are (limit: 1.5 times),
* the cost of logging a stateless task, beside that of a bare write and sync of as many bytes,
* the time and memory of starting with 100,000 stored records (3 s, 300 MB), and of a filtered query over them (0.5 s).

Times are medians.  The directory should be on the disk that counts: a file system in memory makes syncing free.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ai_wm.data.types import AIWorkerInstance, AIWorkerInstanceStatus, PerformanceRecord, Timestamp
from ai_wm.store import JsonStore

DEFINITION = "7d0f4a5e-2f5a-4f0e-9d6a-0a4c8f1f0001"

START = """
import json, resource, sys, time
from pathlib import Path
before = time.perf_counter()
from ai_wm.store import JsonStore
from ai_wm.data.record_filter import RecordFilter
imported = time.perf_counter()
store = JsonStore(Path(sys.argv[1]))
opened = time.perf_counter()
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform == "darwin" else 1024)
where = RecordFilter.parse({"success": False, "duration_ms_gt": 500})
queries = []
for give in (store.records, store.record_maps):
    began = time.perf_counter()
    found = len(give(sys.argv[2], where))
    queries.append(time.perf_counter() - began)
began = time.perf_counter()
newest = len(store.record_maps(sys.argv[2], RecordFilter.parse({"limit": 100})))
queries.append(time.perf_counter() - began)
total = store.summary(sys.argv[2]).total_tasks_attempted
store.close()
print(json.dumps([imported - before, opened - imported, memory, total, found, *queries]))
"""


def record(number: int, instance_id: str) -> PerformanceRecord:
    """A record as a call of a model leaves one."""
    start = Timestamp.from_unix(1_750_000_000 + number)
    return PerformanceRecord(
        task_id=f"00000000-0000-4000-8000-{number:012}",
        instance_id=instance_id,
        definition_id=DEFINITION,
        timestamp_start=start,
        timestamp_end=start,
        duration_ms=number % 1000,
        success=number % 10 != 0,
        input_context={"prompt_char_length": 40},
        llm_metrics={"finish_reason": "stop", "input_tokens": 100, "output_tokens": 50, "total_tokens": 150},
        cost_incurred=0.0005,
        output_summary="line one\nline two, and the rest of what the model replied, up to 256 characters",
    )


def microseconds(work: Callable[[int], None], times: int) -> float:
    """The median of some calls."""
    taken = []
    for number in range(times):
        began = time.perf_counter()
        work(number)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e6


def fill(directory: Path, entries: int) -> None:
    """Write a file with that many stateless records, as the store writes it."""
    with (directory / "ai_worker_performance_data.json").open("w", encoding="utf-8") as file:
        for number in range(entries):
            one = record(number, f"stateless-00000000-0000-4000-8000-{number:012}")
            entry = {
                "instance_id": one.instance_id,
                "definition_id": DEFINITION,
                "performance_records": [one.to_file()],
            }
            file.write(("[\n" if number == 0 else ",\n") + json.dumps(entry, separators=(",", ":"), ensure_ascii=False))
        file.write("\n]\n")


def retiring(directory: Path, stored: int, times: int) -> tuple[JsonStore, Callable[[int], None]]:
    """A store with so many entries and with instances of two records each, and what retires one of them."""
    fill(directory, stored)
    store = JsonStore(directory)
    instances = []
    for number in range(times):
        instance = AIWorkerInstance(definition_id=DEFINITION)
        store.start_instance(instance)
        for part in range(2):
            store.add_record(record(stored + number * 2 + part, instance.instance_id))
        instances.append(instance.instance_id)

    def retire(number: int) -> None:
        store.retire_instance(
            instances[number],
            final_status=AIWorkerInstanceStatus.RETIRED_COMPLETED,
            reason="done",
            retired_at=Timestamp.from_unix(1_750_000_000),
        )

    return store, retire


def compare(few: Path, many: Path, times: int) -> tuple[float, float]:
    """The cost of retiring with 100 and with 20,000 entries stored, in turns: both meet the disk in the same mood."""
    stores = [retiring(few, 100, times), retiring(many, 20_000, times)]
    taken: list[list[float]] = [[], []]
    for number in range(times):
        for (_, retire), times_taken in zip(stores, taken, strict=True):
            began = time.perf_counter()
            retire(number)
            times_taken.append(time.perf_counter() - began)
    for store, _ in stores:
        store.close()
    first, second = (statistics.median(each) * 1e6 for each in taken)
    return first, second


def logging_tasks(directory: Path, times: int) -> tuple[float, float]:
    """The cost of logging a stateless task, and of writing and syncing as much into a file that has room for it."""
    store = JsonStore(directory)
    records = [record(number, f"stateless-{number}") for number in range(times)]
    logged = microseconds(lambda number: store.add_record(records[number]), times)
    store.close()
    descriptor = os.open(directory / "bare", os.O_RDWR | os.O_CREAT)
    os.write(descriptor, b" " * 700 * times)
    os.fsync(descriptor)

    def bare(number: int) -> None:
        os.pwrite(descriptor, b"x" * 700, number * 700)
        os.fdatasync(descriptor)

    result = logged, microseconds(bare, times)
    os.close(descriptor)
    return result


def main() -> int:
    """Run everything; 1 if a limit is exceeded and limits are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=100_000, help="how many records to start with")
    parser.add_argument("--times", type=int, default=500, help="how many operations to take the median of")
    parser.add_argument("--directory", type=Path, help="where to work; a temporary directory otherwise")
    parser.add_argument("--check", action="store_true", help="fail if a limit is exceeded")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as name:
        places = [Path(name, part) for part in ("few", "many", "log", "start")]
        for place in places:
            place.mkdir()
        few, many = compare(places[0], places[1], options.times)
        logged, bare = logging_tasks(places[2], options.times)
        fill(places[3], options.records)
        size = (places[3] / "ai_worker_performance_data.json").stat().st_size
        command = [sys.executable, "-c", START, str(places[3]), DEFINITION]
        started = subprocess.run(command, check=True, capture_output=True, text=True)
    importing, opening, memory, total, found, query, maps, newest = json.loads(started.stdout)
    assert total == options.records
    print(f"retire an instance, 100 stored        {few:10.0f} us")
    print(f"retire an instance, 20,000 stored     {many:10.0f} us   {many / few:.2f} times")
    print(f"log a stateless task                  {logged:10.0f} us   of it {bare:.0f} us for a bare write and sync")
    print(f"start with {total:,} records ({size / 1e6:.0f} MB)  {opening:8.2f} s    and {importing:.2f} s of imports")
    print(f"memory after it                       {memory:10.0f} MB")
    print(f"filtered query, {found:,} found          {query:10.3f} s    as maps {maps:.3f} s")
    print(f"newest 100                            {newest:10.3f} s")
    limits = [many <= 1.5 * few, importing + opening < 3, memory < 300, query < 0.5, maps < 0.5]
    return 0 if not options.check or all(limits) else 1


if __name__ == "__main__":
    sys.exit(main())
