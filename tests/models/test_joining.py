import numpy as np
import pytest
import torch
from graphs import random_images, switchable_networks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from networks import TREE

from adaptive.arithmetic import Arithmetic
from adaptive.engine.reference import ReferenceEngine
from adaptive.precision import Bits, Effort, PrecisionPlan, random_plans
from models.calibrate import calibrate_ranges
from models.export import export_network, load_network
from models.flow import Mode
from models.joining import Adding, Joining
from models.layers import SwitchableConv2d, SwitchableLinear
from models.network import Step, SwitchableNetwork
from models.pooling import GlobalAveraging
from models.window import square

TWO, THREE = (Bits.INT16, Bits.INT8), (Bits.INT16, Bits.INT8, Bits.INT4)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.sampled_from([TWO, THREE]), st.sampled_from(list(Arithmetic)))
def test_torch_and_the_engine_agree_on_every_code_of_networks_with_branches(
    data: st.DataObject, bits: tuple[Bits, ...], arithmetic: Arithmetic
) -> None:
    network = data.draw(switchable_networks(bits, arithmetic))
    artifact = export_network(network, name="branches", labels=TREE, provenance={})
    engine, twin, images = ReferenceEngine(artifact), load_network(artifact), random_images(5)
    again = export_network(twin, name="branches", labels=TREE, provenance={})
    assert again.checksum == artifact.checksum
    uniform = [PrecisionPlan.uniform(artifact.layers, b) for b in bits]
    for plan in (*uniform, *random_plans(artifact.layers, 2, seed=0, bits=bits)):
        codes = engine.trace(images, Effort(plan))
        for torch_network in (network, twin):
            torch_network.set_plan(plan)
            with torch.no_grad():
                flows = torch_network.trace(torch.from_numpy(images))
            for name, expected in codes.items():
                values = flows[name].values.numpy()
                values = values.transpose(0, 2, 3, 1) if values.ndim == 4 else values
                np.testing.assert_array_equal(expected, values, err_msg=name)


def residual() -> SwitchableNetwork:
    """A block with a shortcut, joined with its own input."""
    torch.manual_seed(0)
    network = SwitchableNetwork(
        (6, 6, 2),
        (
            Step("stem", SwitchableConv2d(2, 4, window=square(3)), ("input",)),
            Step("conv", SwitchableConv2d(4, 4, window=square(3), relu=False), ("stem",)),
            Step("add", Adding(), ("conv", "stem")),
            Step("both", Joining(), ("add", "stem")),
            Step("mean", GlobalAveraging(), ("both",)),
            Step("head", SwitchableLinear(8, 4, is_head=True), ("mean",)),
        ),
    )
    calibrate_ranges(network, images())
    return network


def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 6, 6, 2), dtype=np.uint8)


def test_a_sum_is_the_sum_and_a_concatenation_keeps_the_order() -> None:
    network = residual().eval()
    with torch.no_grad():
        flows = network.trace(torch.from_numpy(images()))
    stem, conv, add = (flows[name].values for name in ("stem", "conv", "add"))
    assert torch.equal(add, torch.relu(stem + conv))
    assert torch.equal(flows["both"].values, torch.cat([add, stem], dim=1))


@pytest.mark.parametrize(("bits", "tolerance"), [(Bits.INT16, 2e-4), (Bits.INT8, 0.02)])
def test_codes_of_sums_and_joins_lie_close_to_the_real_ones(bits: Bits, tolerance: float) -> None:
    network = residual().eval()
    pictures = torch.from_numpy(images())
    with torch.no_grad():
        real = network.trace(pictures)
        network.set_plan(PrecisionPlan.uniform(network.layers, bits))
        exact = network.trace(pictures)
        fake = network.train().trace(pictures)
    for name in ("add", "both", "mean"):
        assert exact[name].mode is Mode.EXACT
        greatest = real[name].values.max()
        for flow in (exact[name], fake[name]):
            assert (flow.real() - real[name].values).abs().max() < tolerance * greatest


def test_sums_and_joins_pass_gradients_to_both_sides() -> None:
    network = residual().train()
    network.set_plan(PrecisionPlan.uniform(network.layers, Bits.INT8))
    network.head_real(torch.from_numpy(images())).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in (
        network.switchable["stem"].weight, network.switchable["conv"].weight,
    ))  # fmt: skip


def test_a_layer_with_a_ceiling_never_passes_it() -> None:
    torch.manual_seed(0)
    layer = Adding(ceiling=1.0)
    layer.set_range(30.0)
    assert layer.node("add", ("a", "b")).scale == pytest.approx(1.0 / 65407)
    layer.set_range(0.5)
    assert layer.node("add", ("a", "b")).scale == pytest.approx(0.5 / 65407)
