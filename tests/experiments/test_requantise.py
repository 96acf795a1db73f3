from pathlib import Path

import numpy as np
import pytest
import torch

from adaptive.arithmetic import SHIFT_ONLY, Arithmetic
from adaptive.artifact import load_artifact
from adaptive.engine.reference import ReferenceEngine
from adaptive.precision import Bits, Effort, PrecisionPlan, random_plans
from experiments.requantise import healed, main, requantised
from models.data import load_digits
from models.export import export_network, load_network
from models.mends import Mends
from models.ranges import RangeMethod

DIGITS = load_artifact("digits")


@pytest.mark.parametrize("name", ["digits", "resnet8_cifar10"])
def test_torch_and_the_engine_agree_on_every_code_of_a_radix_network(name: str) -> None:
    artifact = load_artifact(name)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, *artifact.source.shape), dtype=np.uint8)
    made = requantised(artifact, arithmetic=Arithmetic.RADIX, images=images)
    engine, twin = ReferenceEngine(made), load_network(made)
    plans = [PrecisionPlan.uniform(made.layers, bits) for bits in made.bits]
    for plan in (*plans, *random_plans(made.layers, 3, seed=0)):
        twin.set_plan(plan)
        with torch.no_grad():
            flows = twin.trace(torch.from_numpy(images))
        for node, codes in engine.trace(images, Effort(plan)).items():
            values = flows[node].values.numpy()
            values = values.transpose(0, 2, 3, 1) if values.ndim == 4 else values
            np.testing.assert_array_equal(codes, values, err_msg=node)


def test_a_radix_network_has_one_power_of_two_for_the_weights_of_a_layer_and_only_shifts() -> None:
    images = load_digits("calibration").images
    made = requantised(DIGITS, arithmetic=Arithmetic.RADIX, images=images)
    assert made.name == "digits_radix"
    for name, tensors in made.tensors.items():
        assert np.ptp(tensors.weight_scale) == 0.0
        for requantiser in tensors.requantisers.values():
            assert set(requantiser.multiplier.tolist()) == {SHIFT_ONLY}
        reads_image = made.graph[made.layers.index(name)].inputs == ("input",)
        mantissa = np.frexp(tensors.weight_scale[0])[0]
        assert mantissa == pytest.approx(65280 / 65536 if reads_image else 0.5)
    scales = [signal.scale for name, signal in made.signals.items() if name != "input"]
    assert set(np.frexp(scales)[0]) == {0.5}


@pytest.mark.parametrize("method", list(RangeMethod))
def test_sixteen_radix_bits_answer_as_sixteen_affine_ones(method: RangeMethod) -> None:
    images, held_out = load_digits("calibration").images, load_digits("test").images
    made = requantised(DIGITS, arithmetic=Arithmetic.RADIX, images=images, method=method)
    effort = Effort(PrecisionPlan.uniform(made.layers, Bits.INT16))
    answers = [
        ReferenceEngine(artifact).run(held_out, effort).argmax(axis=1)
        for artifact in (DIGITS, made)
    ]
    assert np.mean(answers[0] == answers[1]) > 0.985


def test_a_network_comes_back_to_affine_with_its_weights() -> None:
    images = load_digits("calibration").images
    radix = requantised(DIGITS, arithmetic=Arithmetic.RADIX, images=images)
    back = requantised(radix, arithmetic=Arithmetic.AFFINE, images=images)
    assert (back.name, back.arithmetic) == ("digits", Arithmetic.AFFINE)
    for name, tensors in DIGITS.tensors.items():
        scale = radix.tensors[name].weight_scale.max()
        real = tensors.weight * tensors.weight_scale.reshape(-1, *[1] * (tensors.weight.ndim - 1))
        again = back.tensors[name]
        steps = again.weight_scale.reshape(-1, *[1] * (again.weight.ndim - 1))
        np.testing.assert_allclose(again.weight * steps, real, atol=1.02 * scale + 1e-6)


def test_the_radix_twin_is_exported_as_it_was() -> None:
    images = load_digits("calibration").images
    made = requantised(DIGITS, arithmetic=Arithmetic.RADIX, images=images)
    again = export_network(
        load_network(made), name=made.name, labels=made.labels, provenance=made.provenance
    )
    assert again.checksum == made.checksum


def test_a_healed_network_keeps_its_arithmetic_and_says_what_was_done() -> None:
    images = load_digits("calibration").images
    patient = requantised(DIGITS, arithmetic=Arithmetic.RADIX, images=images)
    better = healed(patient, images, Mends(rounded=True))
    assert (better.name, better.arithmetic) == ("digits_radix_mended", Arithmetic.RADIX)
    assert better.provenance["mended_from"] == patient.checksum
    assert better.provenance["mends"] == f"{Mends(rounded=True)}, from 288 calibration images"


def test_the_command_writes_a_measured_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "radix.npz"
    assert main(["--artifact", "digits", "--images", "100", "--output", str(file)]) == 0
    made = load_artifact(file)
    assert made.arithmetic is Arithmetic.RADIX
    assert [entry.effort.plan.code for entry in made.measured] == ["all-16", "all-8"]
    assert made.measured[0].images == 100
    assert capsys.readouterr().out.count("\n") == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--artifact", "absent"], "absent: No such file"),
        (["--artifact", "digits", "--images", "0"], "--images is 0, expected at least 1"),
        (["--artifact", "digits", "--dataset", "cifar"], "cifar"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_writes_nothing(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--output", str(tmp_path / "made.npz")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert message in error
    assert not list(tmp_path.iterdir())
