"""The packed file: what is written is read, and what was tampered with is refused."""

import ctypes
import mmap
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from layers import Case, as_radix
from networks import WIDTHS, nested_artifact, small_artifact, small_images

from adaptive.artifact import Artifact, load_artifact, save_artifact
from adaptive.cli import main
from adaptive.engine.layout import HEADER, NODE, VARIANT
from adaptive.engine.library import is_built, last_error, library_path, load_library
from adaptive.engine.pack import pack
from adaptive.engine.reference import ReferenceEngine
from adaptive.precision import Bits, Effort, PrecisionPlan

built = pytest.mark.skipif(not is_built(), reason="native engine not built: ./run build")
SMALL = small_artifact()
PACKED = pack(SMALL)
NATIVE = Path(library_path()).parent / "native"


def opening(content: bytes) -> str:
    """Open bytes as a packed network; return the error, or nothing."""
    library = load_library()
    memory = mmap.mmap(-1, max(1, len(content)))
    memory.write(content)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    engine = library.ae_open_memory(address, len(content), None)
    if engine:
        library.ae_close(engine)
        return ""
    return last_error(library)


def sealed(content: bytes) -> bytes:
    """Make the checksum fit again."""
    start, behind = HEADER.fields["crc"][1], HEADER.fields["file_bytes"][1]
    crc = zlib.crc32(content[behind:]).to_bytes(4, "little")
    return content[:start] + crc + content[start + 4 :]


def layers_of(content: bytes) -> list[np.ndarray]:
    """Read the nodes with weights, for each width."""
    header = np.frombuffer(content, HEADER, 1)[0]
    variants = np.frombuffer(content, VARIANT, header["variant_count"], int(header["variants"]))
    nodes = [np.frombuffer(content, NODE, v["node_count"], int(v["nodes"])) for v in variants]
    return [rows[rows["layer"] >= 0] for rows in nodes]


def test_equal_artifacts_pack_to_equal_bytes_on_aligned_places() -> None:
    assert pack(small_artifact()) == PACKED
    header = np.frombuffer(PACKED, HEADER, 1)[0]
    assert header["file_bytes"] == len(PACKED)
    assert header["checksum"].tobytes().hex() == SMALL.checksum
    (nodes,) = layers_of(PACKED)
    weights = np.c_[nodes["weights"][:, :2], nodes["low_weights"]]
    assert np.all(weights % 64 == 0)
    assert weights.min() % 4096 == 0


def test_weights_lie_in_the_file_once_in_two_planes() -> None:
    artifact = load_artifact("resnet8_cifar10")
    weights = sum(work.weights for work in artifact.work)
    assert 2 * weights < len(pack(artifact)) < 3 * weights


def test_every_width_reads_the_same_weights() -> None:
    artifact = nested_artifact()
    whole, *narrower = layers_of(pack(artifact))
    assert len(narrower) == len(WIDTHS) - 1
    for nodes in narrower:
        for field in ("weights", "low_weights", "depth"):
            np.testing.assert_array_equal(nodes[field], whole[field])


def test_eight_radix_bits_have_a_plane_of_their_own_and_affine_ones_share() -> None:
    (rounded,) = layers_of(PACKED)
    (cut,) = layers_of(pack(as_radix(Case(SMALL, small_images(1))).artifact))
    np.testing.assert_array_equal(rounded["weights"][:, 0], rounded["weights"][:, 1])
    assert np.all(cut["weights"][:, 0] != cut["weights"][:, 1])


@built
def test_a_packed_file_opens_and_a_damaged_one_does_not() -> None:
    assert opening(PACKED) == ""
    assert "expected a file written by adaptive pack" in opening(b"\0" * 200)
    assert "expected a file written by adaptive pack" in opening(PACKED[:20])
    assert "its header says" in opening(PACKED[:-1])
    damaged = bytearray(PACKED)
    damaged[-100] ^= 1
    assert "checksum does not match" in opening(bytes(damaged))


@built
def test_another_format_is_refused_by_its_number() -> None:
    content = bytearray(PACKED)
    content[HEADER.fields["format"][1]] = 9
    assert opening(sealed(bytes(content))) == "format is 9, this engine reads 2"


@built
def test_no_changed_byte_of_the_tables_crashes_the_reader() -> None:
    rng = np.random.default_rng(0)
    end = int(np.frombuffer(PACKED, HEADER, 1)[0]["manifest"])
    refused = 0
    for _ in range(3000):
        content = bytearray(PACKED)
        for at in rng.integers(0, end, rng.integers(1, 4)):
            content[at] = rng.choice([0, 1, 127, 128, 255, rng.integers(0, 256)])
        error = opening(sealed(bytes(content)))
        refused += bool(error)
        assert "\n" not in error
    assert refused > 1000


def test_the_command_packs_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_artifact(SMALL, tmp_path / "small.npz")
    out = tmp_path / "small.bin"
    assert main(["pack", str(tmp_path / "small.npz"), "-o", str(out)]) == 0
    assert out.read_bytes() == PACKED
    assert f"{len(PACKED):,} bytes" in capsys.readouterr().out
    assert main(["pack", str(tmp_path / "small.npz"), "-o", str(tmp_path / "no" / "x")]) == 2
    assert "expected a file to write" in capsys.readouterr().err


def camera_answers(artifact: Artifact, images: np.ndarray) -> list[list[int]]:
    """What the camera loop prints: number, best class and its code; 8 and 16 bits in turn."""
    engine, rows = ReferenceEngine(artifact), []
    for n, image in enumerate(images):
        bits = (Bits.INT8, Bits.INT16)[n % 2]
        effort = Effort(PrecisionPlan.uniform(artifact.layers, bits))
        codes = engine.run(image[None], effort)[0]
        rows.append([n, int(codes.argmax()), int(codes.max())])
    return rows


@built
def test_the_camera_loop_in_c_compiles_and_answers_as_the_reference(tmp_path: Path) -> None:
    artifact = load_artifact("resnet8_cifar10")
    program, packed = tmp_path / "camera_loop", tmp_path / "network.bin"
    packed.write_bytes(pack(artifact))
    subprocess.run(
        ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", str(NATIVE / "camera_loop.c"),
         f"-I{NATIVE}", str(library_path()), f"-Wl,-rpath,{library_path().parent}",
         "-o", str(program)],
        check=True,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, *artifact.source.shape), dtype=np.uint8)
    done = subprocess.run(
        [program, packed], input=images.tobytes(), capture_output=True, check=True
    )
    rows = [[int(word) for word in line.split()] for line in done.stdout.decode().splitlines()]
    assert rows == camera_answers(artifact, images)
    missing = subprocess.run([program, tmp_path / "none"], capture_output=True, check=False)
    assert missing.returncode == 2
    assert b"No such file" in missing.stderr
