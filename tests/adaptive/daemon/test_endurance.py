"""What takes long: a day of simulated life, ten minutes of fuzzing."""

import json
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import yaml
from fake_clock import open_descriptors
from rehearsal import PI_KHZ, Rehearsal, configure

from adaptive.daemon.configuration import load_configuration
from adaptive.daemon.view import resident_bytes
from adaptive.errors import ConfigError
from adaptive.faults import Fault
from adaptive.link.messages import decode_request, encode
from experiments.stand_in import FakeBoard, write

PERIOD_S = 0.5
HOUR = round(3600.0 / PERIOD_S)
FUZZ_S = 300.0
"""Of each of two readers: ten minutes in all."""


def soak(folder: Path, hours: float) -> tuple[list[int], list[int], int, Rehearsal]:
    """Live among recurring faults; return memory [B] and descriptors at 40 moments, and lines."""
    board = FakeBoard(folder / "board", frequencies_khz=PI_KHZ, meter_w=3.0, flags="0x0")
    r = Rehearsal(
        folder, fake=board, heats=True, period_s=PERIOD_S, meter="ina231.power1",
        record={"file": str(folder / "record.jsonl"), "most_mib": 1.0},
    )  # fmt: skip
    periods = round(hours * HOUR)
    memory: list[int] = []
    descriptors: list[int] = []
    lines = 0
    generator = random.Random(0)
    zone = board.zone()

    def look() -> None:
        memory.append(resident_bytes())
        descriptors.append(open_descriptors())
        # What the rehearsal keeps of it would be taken for the daemon's own memory.
        nonlocal lines
        lines += len(r.changes)
        r.changes.clear()
        r.samples.clear()

    faults: list[Callable[[], object]] = [
        lambda: write(zone, ""),
        lambda: write(zone, "0"),
        lambda: board.rewrite(scaling_governor="performance"),
        lambda: board.rewrite(scaling_max_freq=1_000_000),
        lambda: board.rewrite(scaling_max_freq=1_800_000),
        lambda: write(board.meter, ""),
        lambda: board.set_power(3.0),
        lambda: write(board.flags_path, "0x8"),
        lambda: write(board.flags_path, "0x0"),
        lambda: setattr(r.clock, "asleep_s", r.clock.asleep_s + 60.0),
        lambda: setattr(r.clock, "time_s", r.clock.time_s + 1.0),
    ]
    at: dict[int, Callable[[], object]] = {
        n: generator.choice(faults) for n in range(100, periods - 1, 97)
    }
    at |= {round((n + 1) * periods / 41): look for n in range(40)}
    r.run(periods, at)
    return memory, descriptors, lines + len(r.changes), r


def check_soak(hours: float) -> None:
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=base, prefix="adaptived-soak-") as name:
        memory, descriptors, lines, r = soak(Path(name), hours)
        second, last = sorted(memory[10:20]), sorted(memory[30:])
        assert last[len(last) // 2] <= second[len(second) // 2] + 256 * 1024
        # While a file fails, or a rival has the clock, one is closed; never is there one more.
        assert max(descriptors[30:]) == max(descriptors[10:20]) == max(descriptors)
        assert min(descriptors) >= max(descriptors) - 1
        # A line when a fault begins and one when it ends: never one a period.
        provoked = round(hours * HOUR) // 97
        assert lines < 30 + 12 * provoked
        assert r.faults.count(Fault.GOVERNOR_FAILED) == 0
        assert (Path(name) / "record.jsonl").stat().st_size <= 1.1 * 2**20
        assert r.board.read("scaling_governor") != "userspace"


def test_memory_descriptors_and_lines_stay_bounded_over_a_quarter_of_an_hour() -> None:
    check_soak(0.25)


@pytest.mark.heavy
def test_memory_descriptors_and_lines_stay_bounded_over_a_day() -> None:
    check_soak(24.0)


def mutated(generator: random.Random, content: bytes) -> bytes:
    """Change, cut, repeat or swap some bytes."""
    damaged = bytearray(content)
    for _ in range(generator.randrange(1, 8)):
        start = generator.randrange(len(damaged) or 1)
        match generator.randrange(4):
            case 0 if damaged:
                damaged[start] = generator.randrange(256)
            case 1:
                del damaged[start : start + generator.randrange(1, 20)]
            case 2:
                damaged[start:start] = generator.randbytes(generator.randrange(1, 10))
            case _:
                damaged[start:start] = damaged[start : start + generator.randrange(1, 40)]
    return bytes(damaged)


REQUESTS = [
    {"ask": "lease", "name": "camera"},
    {
        "ask": "report",
        "demand_hz": 1.5,
        "served_hz": 1,
        "latency_s": 0,
        "backlog": 0,
        "sequence": 1,
    },
    {"ask": "headroom", "forecast_s": 1.0},
    {"ask": "status"},
]


def fuzz_requests(seconds: float, seed: int) -> int:
    generator, count = random.Random(seed), 0
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        content = mutated(generator, json.dumps(generator.choice(REQUESTS)).encode())
        count += 1
        try:
            request = decode_request(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        assert decode_request(encode(request)) == request
    return count


def refused(path: Path) -> str:
    """What a configuration is refused with; empty if it is taken."""
    try:
        load_configuration(path)
    except ConfigError as error:
        return str(error)
    return ""


def fuzz_configurations(folder: Path, seconds: float, seed: int) -> int:
    generator, count = random.Random(seed), 0
    path = configure(folder)
    good = path.read_bytes() + yaml.safe_dump({"zones": {"cpu-thermal": "x"}}).encode()
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        path.write_bytes(mutated(generator, good))
        count += 1
        refusal = refused(path)
        assert "\n" not in refusal
        assert not refusal or refusal.startswith(str(path))
    return count


def test_the_readers_stand_a_moment_of_fuzzing(tmp_path: Path) -> None:
    assert fuzz_requests(0.5, 0)
    assert fuzz_configurations(tmp_path, 1.0, 0)


@pytest.mark.heavy
def test_the_readers_stand_ten_minutes_of_fuzzing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    requests = fuzz_requests(FUZZ_S, 1)
    configurations = fuzz_configurations(tmp_path, FUZZ_S, 1)
    with capsys.disabled():
        print(f"\n{requests:,} requests and {configurations:,} configurations, no crash")
