"""Java's own consumer: `ConsumerPerformance`, the class behind kafka-consumer-perf-test.sh.

It runs with that script's options of the JVM and tells every 10 ms how far it has come; the clock
runs from the first of these reports to the last. It gives no offsets: only its count is checked.
"""

from __future__ import annotations

import json
import subprocess
import uuid
from datetime import datetime
from pathlib import Path

from bench.ingest.lap import Task
from millstream.stack.jars import read_lock
from millstream.stack.java import find_java
from millstream.stack.maven import cached_libraries

__all__ = ["main", "tools"]

LOCK = Path(__file__).parent.parent / "kafka-tools.lock"
CLASS = "org.apache.kafka.tools.ConsumerPerformance"
FLAGS = ("-Xmx512M", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20")
FLAGS = (*FLAGS, "-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent")


def tools() -> Path:
    """The folder with the jars of Kafka's command line tools; downloaded if need be."""
    jars = read_lock(LOCK)
    version = next(jar.version for jar in jars if jar.artifact == "kafka-tools")
    return cached_libraries(jars, f"kafka-tools-{version}")


def main() -> None:
    """Run the tool once; print the lap."""
    task = Task.from_command_line()
    command = [str(find_java()), *FLAGS, "-cp", f"{tools()}/*", CLASS]
    command += ["--bootstrap-server", task.servers, "--topic", task.topic]
    command += ["--num-records", str(task.records), "--group", f"bench-{uuid.uuid4().hex}"]
    command += ["--timeout", "60000"]
    if not task.check:
        command += ["--show-detailed-stats", "--reporting-interval", "10"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line.split(", ") for line in done.stdout.splitlines() if ", " in line]
    if done.returncode or len(lines) < 2 or "Exiting before" in done.stdout:
        raise SystemExit(f"{done.stdout}\n{done.stderr}")
    header, first, last = lines[0], lines[1], lines[-1]
    counts = [int(line[header.index("data.consumed.in.nMsg")]) for line in (first, last)]
    times = [datetime.strptime(line[0], "%Y-%m-%d %H:%M:%S:%f") for line in (first, last)]
    lap = {"timed": counts[1] - counts[0], "seconds": (times[1] - times[0]).total_seconds()}
    records = counts[1] if task.check else task.records
    print(json.dumps({"records": records, "offsets": {}, **lap}))


if __name__ == "__main__":
    main()
