"""Kernels of other machines answer bit for bit as the reference, under an emulator."""

import os
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from cross import AARCH64, ARMV7, PACKAGES, Target, build
from engine_cases import collect, record, records
from layers import Case, as_radix, branches, convolutions, linears
from networks import WIDTHS, nested_artifact, small_images

from adaptive.artifact import artifact_names, load_artifact
from adaptive.precision import Bits, Effort, random_plans
from experiments.engine_bench.equality import efforts_of

pytestmark = pytest.mark.cross

# What each kind of core must choose: the dot product came with A55 and A76.
CORES = [
    (AARCH64, "cortex-a53", "neon"),
    (AARCH64, "cortex-a72", "neon"),
    (AARCH64, "cortex-a76", "neondot"),
    (AARCH64, "max", "neondot"),
    (ARMV7, "cortex-a7", "armv7neon"),
]


@cache
def programs(target: Target, folder: Path) -> Path:
    """Build for a target once a session."""
    return build(folder, *target.options)


@pytest.fixture(params=CORES, ids=lambda core: core[1])
def core(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[str], str]:
    """Return the command that checks cases on a core, and the kernel set it must run."""
    target, cpu, isa = request.param
    if target.missing:
        pytest.skip(f"not installed: {target.missing}; on Debian or Ubuntu: {PACKAGES}")
    folder = programs(target, tmp_path_factory.getbasetemp() / f"cross-{target.name}")
    return target.command(folder / "check_cases", cpu=cpu), isa


def run(command: list[str], isa: str, content: bytes, path: Path, *, threads: int = 1) -> None:
    """Check a file of cases; fail with what the program said."""
    path.write_bytes(content)
    environment = {k: v for k, v in os.environ.items() if k != "ADAPTIVE_ISA"}
    done = subprocess.run(
        [*command, str(path), str(threads)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"{isa}: ")
    assert done.stdout.endswith(" 0 differ\n")


@cache
def layer_cases(count: int) -> bytes:
    """Return single layers of every kind, of random shapes."""
    strategies = {
        convolutions(): count,
        convolutions(grouped=True): count,
        convolutions(most=300): count // 5,
        convolutions(most=60, sides=(6, 10)): count,
        convolutions(bits=(Bits.INT16, Bits.INT8, Bits.INT4)): count // 2,
        linears(): count // 2,
        branches(): count,
    }
    return b"".join(records(collect(strategy, n)) for strategy, n in strategies.items())


@cache
def effort_cases() -> bytes:
    """Return a network at every width, and layers in radix."""
    nested = Case(nested_artifact(), small_images(3))
    plans = random_plans(nested.artifact.layers, 3, seed=4)
    wanted = [Effort(plan, width) for plan in plans for width in WIDTHS]
    radix = collect(convolutions(bits=(Bits.INT16, Bits.INT8, Bits.INT4)), 8)
    return record(nested, *wanted) + records(map(as_radix, (nested, *radix)))


@cache
def network_cases(name: str, images: int, plans: int) -> bytes:
    """Return a whole network on random images at a few plans, at every width, head by head."""
    artifact = load_artifact(name)
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 256, (images, *artifact.source.shape), dtype=np.uint8)
    efforts = efforts_of(artifact, plans, seed=2)
    at_heads = ([e for e in efforts if e.head == head] for head in artifact.heads)
    return b"".join(record(Case(artifact, pixels), *wanted) for wanted in at_heads)


def test_layers_equal_the_reference(core: tuple[list[str], str], tmp_path: Path) -> None:
    run(*core, layer_cases(20), tmp_path / "cases", threads=2)


def test_widths_and_radix_equal_the_reference(core: tuple[list[str], str], tmp_path: Path) -> None:
    run(*core, effort_cases(), tmp_path / "cases", threads=2)


def test_resnet8_equals_the_reference(core: tuple[list[str], str], tmp_path: Path) -> None:
    run(*core, network_cases("resnet8_cifar10", 5, 3), tmp_path / "cases")


def test_a_wrong_code_is_noticed(core: tuple[list[str], str], tmp_path: Path) -> None:
    content = bytearray(record(collect(linears(most=8), 1)[0]))
    content[-64] ^= 1
    with pytest.raises(AssertionError, match="differ"):
        run(*core, bytes(content), tmp_path / "cases")


@pytest.mark.heavy
def test_many_layers_equal_the_reference(core: tuple[list[str], str], tmp_path: Path) -> None:
    run(*core, layer_cases(300), tmp_path / "cases", threads=2)


@pytest.mark.heavy
@pytest.mark.parametrize("name", artifact_names())
def test_every_bundled_network_equals_the_reference_at_every_width_and_head(
    name: str, core: tuple[list[str], str], tmp_path: Path
) -> None:
    run(*core, network_cases(name, 5, 3), tmp_path / "cases")
