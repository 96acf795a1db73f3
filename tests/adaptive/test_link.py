"""The page of memory between daemon and application, in Python and in C."""

import math
import os
import random
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from control import LADDER
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

import adaptive.link
from adaptive.link.page import LARGEST_PLAN, PageReader, PageWriter
from adaptive.link.plan import Heat, Plan, headroom, plan_of
from adaptive.measured import OnwardEntry
from adaptive.precision import Bits

C = Path(adaptive.link.__file__).parent / "c"


def some_plan(sequence: int, **fields: object) -> Plan:
    values: dict[str, object] = {
        "point": "a72-1800MHz/all-8/100%", "level": "leaf", "head": "leaf", "bits": (8, 16, 8),
        "width": 1.0, "cpus": (0, 3), "frequency_hz": 1.8e9, "duty": 0.75, "latency_s": 0.01,
    }  # fmt: skip
    return Plan(sequence, **(values | fields))  # type: ignore[arg-type]


def with_onward(plan: Plan, onward: OnwardEntry | None) -> Plan:
    """Let what a plan goes on to have as many layers as the plan."""
    if onward is None:
        return plan
    return replace(plan, onward=structs.replace(onward, bits=tuple(map(Bits, plan.bits))[::-1]))


onwards = st.builds(
    OnwardEntry,
    bits=st.just(()),
    width=st.floats(0.01, 1.0),
    head=st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=31),
    threshold=st.floats(0.0, 1.0),
    share=st.floats(0.0, 1.0),
)
plain_plans = st.builds(
    Plan,
    sequence=st.integers(1, 2**32 - 1),
    point=st.text(st.characters(blacklist_characters="\0", codec="utf-8"), max_size=23),
    level=st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=31),
    head=st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=31),
    bits=st.lists(st.sampled_from([4, 8, 16]), max_size=LARGEST_PLAN).map(tuple),
    width=st.floats(0.01, 1.0),
    cpus=st.sets(st.integers(0, 63)).map(lambda cpus: tuple(sorted(cpus))),
    frequency_hz=st.floats(0, 1e11),
    duty=st.floats(0, 1),
    latency_s=st.floats(0, 1e3),
)
plans = st.builds(with_onward, plain_plans, st.none() | onwards)


@given(plans)
def test_what_is_written_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, plan: Plan
) -> None:
    path = tmp_path_factory.mktemp("page") / "plan"
    writer = PageWriter(path)
    reader = PageReader(path)
    assert reader.plan() is None
    writer.write_plan(plan, 1.0)
    assert reader.plan() == plan
    reader.close()
    writer.close()


def test_heat_is_read_as_written(tmp_path: Path) -> None:
    writer = PageWriter(tmp_path / "plan")
    reader = PageReader(tmp_path / "plan")
    first = reader.heat()
    assert first is not None
    assert first.safe
    assert math.isnan(first.hottest_degc)
    heat = Heat(12.5, 71.0, 80.0, 0.7, safe=False)
    writer.write_heat(heat)
    assert reader.heat() == heat
    reader.close()
    writer.close()


def test_a_reader_never_sees_half_a_plan(tmp_path: Path) -> None:
    """Each plan says its number everywhere; one that is torn would say two."""
    writer = PageWriter(tmp_path / "plan")
    done = threading.Event()

    def write() -> None:
        for number in range(1, 4000):
            bits = (number % 250 + 1,) * 40
            writer.write_plan(some_plan(number, point=str(number), bits=bits), 0.0)
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    reader = PageReader(tmp_path / "plan")
    while not done.is_set():
        plan = reader.plan()
        if plan is not None:
            assert plan.point == str(plan.sequence)
            assert plan.bits == (plan.sequence % 250 + 1,) * 40
    thread.join()
    assert reader.plan() == some_plan(3999, point="3999", bits=(3999 % 250 + 1,) * 40)
    reader.close()
    writer.close()


def test_damage_is_never_taken_for_a_plan(tmp_path: Path) -> None:
    writer = PageWriter(tmp_path / "plan")
    good = [some_plan(1), some_plan(2, point="other", bits=(16, 16, 16))]
    for plan in good:
        writer.write_plan(plan, 0.0)
    whole = (tmp_path / "plan").read_bytes()
    generator = random.Random(1)
    for _ in range(500):
        damaged = bytearray(whole)
        for _ in range(generator.randrange(1, 5)):
            damaged[generator.randrange(16, len(damaged))] ^= 1 << generator.randrange(8)
        (tmp_path / "damaged").write_bytes(damaged)
        reader = PageReader(tmp_path / "damaged")
        assert reader.plan() in (None, *good)
        reader.close()
    writer.close()


def test_what_is_no_page_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plan").write_bytes(b"x" * 8192)
    with pytest.raises(ValueError, match=r"is no page of version 2"):
        PageReader(tmp_path / "plan")


def test_a_plan_with_too_many_layers_is_refused(tmp_path: Path) -> None:
    writer = PageWriter(tmp_path / "plan")
    with pytest.raises(ValueError, match=r"plan has 1025 layers, expected at most 1024"):
        writer.write_plan(some_plan(1, bits=(8,) * 1025), 0.0)
    writer.close()


def test_headroom_is_one_at_the_cap_and_nothing_thirty_kelvin_below() -> None:
    assert headroom(80.0, 80.0) == 1.0
    assert headroom(50.0, 80.0) == pytest.approx(0.0)
    assert headroom(20.0, 80.0) == 0.0
    assert headroom(83.0, 80.0) == pytest.approx(1.1)


def test_a_plan_becomes_an_effort_of_the_network() -> None:
    effort = some_plan(1).effort(("a", "b", "c"))
    assert effort.plan.bits == (Bits.INT8, Bits.INT16, Bits.INT8)
    assert effort.head == "leaf"


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler; sudo apt-get install gcc")
def test_the_c_client_reads_the_same_plan(tmp_path: Path) -> None:
    source = tmp_path / "read.c"
    source.write_text(
        '#include <stdio.h>\n#include <stdlib.h>\n#include "adaptived.h"\n'
        "int main(int n, char **a) { static char page[8192]; struct adaptived_plan p;"
        ' struct adaptived_heat h; FILE *f = fopen(a[n - 1], "rb"); fread(page, 1, 8192, f);'
        " if (!adaptived_read_plan(page, &p) || !adaptived_read_heat(page, &h)) return 1;"
        ' printf("%u %s %s %u %u %.2f %llx %.1f", p.sequence, p.point, p.level, p.layers,'
        " p.bits[1], p.duty, (unsigned long long)p.cpus, h.headroom);"
        ' if (p.goes_on) printf(" > %s %.2f %.2f %.2f %u", p.onward_head, p.onward_width,'
        " p.threshold, p.onward_share, p.bits[p.layers + 2]); return 0; }\n"
    )
    for name, target in ((source, "read"), (C / "client.c", "client")):
        subprocess.run(
            ["cc", "-Wall", "-Wno-unused-result", "-O1", f"-I{C}", "-o", str(tmp_path / target),
             str(name)],
            check=True,
        )  # fmt: skip
    writer = PageWriter(tmp_path / "plan")
    writer.write_heat(Heat(1.0, 77.0, 80.0, 0.9, safe=False))
    then = OnwardEntry((Bits.INT8, Bits.INT8, Bits.INT16), 0.5, "late", 0.75, 0.25)
    told = "7 a72-1800MHz/all-8/100% leaf 3 16 0.75 9 0.9"
    for onward, expected in ((None, told), (then, f"{told} > late 0.50 0.75 0.25 16")):
        writer.write_plan(some_plan(7, onward=onward), 0.0)
        done = subprocess.run(
            [tmp_path / "read", tmp_path / "plan"], capture_output=True, text=True, check=False
        )
        assert done.stdout == expected
    writer.close()


def test_the_client_loads_nothing_of_the_daemon() -> None:
    code = "import adaptive.client, sys; print([m for m in sys.modules if '.daemon' in m])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_plan_of_tells_what_the_point_says() -> None:
    point = LADDER[0]
    plan = plan_of(point, 3, (1, 2))
    assert (plan.sequence, plan.point, plan.cpus) == (3, point.name, (1, 2))
    assert plan.frequency_hz == point.frequency_hz
