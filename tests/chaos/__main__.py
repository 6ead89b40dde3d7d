"""Kill the service, its workers and its broker at random instants, then look whether all is there.

    python -m tests.chaos --kills 100 --workers 2 --seed 1

A producer sends records all the time. After the last kill the service reads the rest; then the
ranges of the rounds must tile the topic, each round must have one version, each bad record one dead
letter, and some rounds, drawn at random, must replay bit for bit. If that does not hold, the folder
with all of it stays, to be looked at.

    python -m tests.chaos --troubles
    python -m tests.chaos --troubles disk-full clock-jumps --shorter 0.2

Other troubles than kills, each with what the service said and whether it went on: MLflow down for
two minutes, the broker for half a minute, a full disk, jumps of the clock, a worker killed.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path

from millstream.rounds.store import RoundStore
from millstream.stack.kafka import EmbeddedKafka
from tests.chaos.kept import kept_if_it_fails
from tests.chaos.producer import Producer
from tests.chaos.stream import Stream
from tests.chaos.troubled import run_troubles
from tests.chaos.troubles import TROUBLES
from tests.chaos.victims import VICTIMS
from tests.millstream.project import create_topic, make_project
from tests.millstream.test_kill import check_one_version_a_round, check_ranges_tile

TOPIC = "chaos"
REPLAYS = 5


def main() -> None:
    """Run as the command line says, and print what was done and found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=float, default=12.0, help="seconds between two kills")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="of killing, at most")
    parser.add_argument("--troubles", nargs="*", choices=sorted(TROUBLES), metavar="NAME")
    parser.add_argument(
        "--shorter", type=float, default=1.0, help="of troubles: times their length"
    )
    options = parser.parse_args()
    if options.troubles is not None:
        names = options.troubles or list(TROUBLES)
        print(json.dumps(run_troubles(names, options.workers, options.shorter)))
        return
    kill(options)


def kill(options: argparse.Namespace) -> None:
    """Kill at random instants, then check."""
    chance = random.Random(options.seed)
    begun = time.monotonic()
    with kept_if_it_fails("chaos") as folder, EmbeddedKafka(folder / "kafka") as broker:
        stream = Stream(bitwise_project(folder / "project", broker), broker, options.workers)
        create_topic(broker.bootstrap_servers, TOPIC)
        killed: dict[str, int] = {}
        with Producer(broker.bootstrap_servers, TOPIC) as producer:
            stream.start()
            until = begun + options.minutes * 60
            while sum(killed.values()) < options.kills and time.monotonic() < until:
                time.sleep(chance.uniform(0.2, options.longest))
                victim = chance.choice(sorted(VICTIMS))
                if VICTIMS[victim](stream):
                    killed[victim] = killed.get(victim, 0) + 1
                    print(f"{time.monotonic() - begun:7.1f} s  killed {victim}", flush=True)
        stream.finish()
        found = check(stream, producer, chance)
    print(json.dumps({"chaos": {"kills": killed, **found, "s": round(time.monotonic() - begun)}}))


def bitwise_project(folder: Path, broker: EmbeddedKafka):
    """A project whose rounds are the same for any number of workers, so one can replay them."""
    project = make_project(folder, broker.bootstrap_servers, TOPIC, records=2_000, keep_rounds=500)
    path = project.directory / "millstream.toml"
    text = path.read_text().replace("[trigger]", 'determinism = "bitwise"\n[trigger]')
    path.write_text(f"{text}\n[history]\nrows = 400\nholdout_rows = 100\n")
    return project


def check(stream: Stream, producer: Producer, chance: random.Random) -> dict[str, object]:
    """Everything that must hold at the end; raises AssertionError if it does not."""
    project = stream.project
    store = RoundStore(project.state_dir / "rounds")
    numbers = check_ranges_tile(store, TOPIC, producer.sent)
    check_one_version_a_round(project, store, numbers)
    stream.check_dead_letters(store, numbers, producer.bad)
    drawn = sorted(chance.sample(numbers, min(REPLAYS, len(numbers))))
    for number in drawn:
        replayed = project.command("replay", str(number), timeout=900)
        assert replayed.code == 0, replayed.output
        assert "bit for bit the same" in replayed.output, replayed.output
    return {
        "records": producer.sent,
        "dead_lettered": producer.bad,
        "rounds": len(numbers),
        "replayed_bit_for_bit": drawn,
        "starts": stream.starts,
    }


if __name__ == "__main__":
    main()
