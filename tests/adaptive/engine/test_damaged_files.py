"""Damaged files: a clear error, never a crash, never a byte read beyond the end."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from cross import ROOT, build
from engine_cases import collect, records
from layers import as_radix, branches, convolutions, linears
from networks import nested_artifact, small_artifact

from adaptive.archive import encode_archive, seal
from adaptive.artifact import decode_artifact, load_artifact, save_artifact
from adaptive.engine.library import is_built, library_path
from adaptive.engine.pack import pack
from adaptive.errors import ArtifactError
from adaptive.precision import Bits

SANITIZERS = {"ASAN_OPTIONS": "allocator_may_return_null=1", "UBSAN_OPTIONS": "halt_on_error=1"}
BITS_4 = (Bits.INT16, Bits.INT8, Bits.INT4)


def packed_networks() -> dict[str, bytes]:
    """Return small packed networks that between them hold every operation."""
    drawn = [
        *collect(branches(), 12)[::4],
        *collect(convolutions(most=6, bits=BITS_4), 2),
        *collect(convolutions(most=6, grouped=True), 2),
    ]
    named = {f"drawn{index}": pack(case.artifact) for index, case in enumerate(drawn)}
    nested, radix = pack(nested_artifact()), pack(as_radix(drawn[0]).artifact)
    return {"small": pack(small_artifact()), "nested": nested, "radix": radix, **named}


@cache
def sanitized(folder: Path) -> Path:
    """Build with sanitizers once a session."""
    return build(folder, "-DAE_SANITIZE=ON", "-DCMAKE_BUILD_TYPE=RelWithDebInfo")


@pytest.fixture
def sanitized_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("cmake") is None or shutil.which("g++") is None:
        pytest.skip("cmake and g++ are needed: sudo apt-get install cmake g++")
    return sanitized(tmp_path_factory.getbasetemp() / "sanitized")


def damage(program: Path, count: int, folder: Path) -> None:
    """Run the program on damaged copies of every network."""
    networks = packed_networks()
    each = -(-count // len(networks))
    for seed, (name, content) in enumerate(networks.items()):
        path = folder / name
        path.write_bytes(content)
        done = subprocess.run(
            [program, path, str(each), str(seed)],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | SANITIZERS,
        )
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
        refused, _, ran, *_ = done.stdout.split()
        assert int(refused) + int(ran) == each
        assert min(int(refused), int(ran)) > each // 10


@pytest.mark.skipif(not is_built(), reason="native engine not built: ./run build")
@pytest.mark.skipif(
    shutil.which("cc") is None, reason="a C compiler is needed: apt-get install gcc"
)
def test_two_thousand_damaged_packed_files_are_refused_or_run(tmp_path: Path) -> None:
    program, library = tmp_path / "fuzz_packed", library_path()
    source = ROOT / "tests" / "adaptive" / "engine" / "fuzz_packed.c"
    header = ROOT / "adaptive" / "engine" / "native"
    link = [str(library), f"-Wl,-rpath,{library.parent}"]
    subprocess.run(["cc", "-O1", "-I", header, source, "-o", program, *link], check=True)
    damage(program, 2000, tmp_path)


@pytest.mark.cross
def test_two_thousand_damaged_files_break_no_rule_of_c(
    sanitized_folder: Path, tmp_path: Path
) -> None:
    damage(sanitized_folder / "fuzz_packed", 2000, tmp_path)


@pytest.mark.cross
@pytest.mark.heavy
def test_a_hundred_thousand_damaged_files_break_no_rule_of_c(
    sanitized_folder: Path, tmp_path: Path
) -> None:
    damage(sanitized_folder / "fuzz_packed", 100_000, tmp_path)


@pytest.mark.cross
@pytest.mark.parametrize("isa", ["portable", None])
def test_layers_break_no_rule_of_c(isa: str | None, sanitized_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "cases"
    strategies = (convolutions(), convolutions(grouped=True), linears(), branches())
    path.write_bytes(b"".join(records(collect(strategy, 15)) for strategy in strategies))
    chosen = {} if isa is None else {"ADAPTIVE_ISA": isa}
    done = subprocess.run(
        [sanitized_folder / "check_cases", path, "2"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | SANITIZERS | chosen,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def damaged_artifact(
    content: bytes, manifest: bytes, arrays: dict[str, np.ndarray], rng: np.random.Generator
) -> bytes:
    """Change a few bytes of a file, or of its manifest, and seal it anew."""
    if rng.random() < 0.5:
        text = bytearray(manifest)
        for at in rng.integers(0, len(text), rng.integers(1, 4)):
            text[at] = rng.choice(np.frombuffer(b'0123456789-e."{}[],:az', np.uint8))
        return encode_archive(bytes(text), arrays)
    changed = bytearray(content[:-66])
    for at in rng.integers(0, len(changed), rng.integers(1, 4)):
        changed[at] = int(rng.integers(0, 256))
    kept = len(changed) if rng.random() < 0.9 else int(rng.integers(0, len(changed)))
    return seal(bytes(changed[:kept]) + b"\x00\x00")


def read_damaged(count: int, folder: Path, seed: int) -> None:
    """Read damaged artifacts: whole ones or an ArtifactError of one line, nothing else."""
    path = folder / "small.npz"
    save_artifact(small_artifact(), path)
    content = path.read_bytes()
    with np.load(path) as file:
        manifest = file.zip.read("manifest.json")
        arrays = {name: file[name] for name in file.files if name != "manifest.json"}
    rng = np.random.default_rng(seed)
    refused = read = 0
    for _ in range(count):
        damaged = damaged_artifact(content, manifest, arrays, rng)
        try:
            assert decode_artifact(damaged, where="f").layers
        except ArtifactError as error:
            refused += str(error).startswith("f: ") and "\n" not in str(error)
        else:
            read += 1
    assert refused + read == count
    assert min(refused, read) > count // 50
    assert load_artifact(path).checksum == small_artifact().checksum


def test_five_hundred_damaged_artifacts_are_named(tmp_path: Path) -> None:
    read_damaged(500, tmp_path, seed=0)


@pytest.mark.heavy
def test_a_hundred_thousand_damaged_artifacts_are_named(tmp_path: Path) -> None:
    read_damaged(100_000, tmp_path, seed=1)
