"""Scripts that stand in for what other people's images have at the same places."""

from __future__ import annotations

from pathlib import Path

from bench.ingest.contestants.java import tools
from millstream.stack.java import find_java
from millstream.stack.maven import kafka_libraries

__all__ = ["write_stand_ins"]

KAFKA = """#!/opt/venv/bin/python
# Kafka's image: KAFKA_A_B=c is a.b=c in server.properties; format the data folder; start.
import os, subprocess
lines = []
for key, value in os.environ.items():
    if key.startswith("KAFKA_") and key != "KAFKA_HEAP_OPTS":
        lines.append(key[len("KAFKA_"):].lower().replace("_", ".") + "=" + value)
open("/tmp/server.properties", "w").write("\\n".join(lines))
java = ["/opt/kafka/java", os.environ.get("KAFKA_HEAP_OPTS", "-Xmx1g"), "-XX:+UseSerialGC"]
cluster = os.environ.get("CLUSTER_ID", "5L6g3nShT-eMCtK--X86sw")
subprocess.run([*java, "kafka.tools.StorageTool", "format", "--ignore-formatted",
    "--cluster-id=" + cluster, "--config", "/tmp/server.properties"], check=True)
os.execv(java[0], [*java, "kafka.Kafka", "/tmp/server.properties"])
"""
JAVA = """#!/bin/sh
exec {java} -XX:TieredStopAtLevel=1 -cp '{jars}/*' "$@"
"""
TOOL = """#!/bin/sh
exec {java} -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp '{jars}/*' \\
    org.apache.kafka.tools.{name} "$@"
"""
POSTGRES = """#!/bin/sh
# PostgreSQL's image: make the cluster, the user and the database once; start.
set -e
data=/var/lib/postgresql/data
if [ ! -e $data/PG_VERSION ]; then
    echo "$POSTGRES_PASSWORD" > /tmp/password
    {bin}/initdb -D $data -U "$POSTGRES_USER" --pwfile=/tmp/password -A scram-sha-256 -E UTF8
    rm /tmp/password
    echo "host all all all scram-sha-256" >> $data/pg_hba.conf
    {bin}/pg_ctl -D $data -w -o "-c listen_addresses= -k /tmp" start
    PGPASSWORD="$POSTGRES_PASSWORD" {bin}/createdb -h /tmp -U "$POSTGRES_USER" "$POSTGRES_DB"
    {bin}/pg_ctl -D $data -w -m fast stop
fi
exec {bin}/postgres -D $data -c listen_addresses='*' -c unix_socket_directories=/var/run/postgresql
"""


def write_stand_ins(root: Path) -> None:
    """Put them into the file system that all services see."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    java = find_java()
    scripts = {
        "/opt/kafka/start": KAFKA,
        "/opt/kafka/java": JAVA.format(java=java, jars=kafka_libraries()),
        "/opt/postgres/start": POSTGRES.format(bin=programs),
    }
    for script, name in (
        ("kafka-topics", "TopicCommand"),
        ("kafka-broker-api-versions", "BrokerApiVersionsCommand"),
    ):
        text = TOOL.format(java=java, jars=tools(), name=name)
        scripts[f"/opt/kafka/bin/{script}.sh"] = text
    for place, text in scripts.items():
        path = root / place[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
