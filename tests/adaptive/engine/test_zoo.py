"""Whole networks of the zoo, bit for bit as the reference, with every kernel set here."""

import pytest
from layers import Case

from adaptive.engine.library import is_built, kernel_sets
from adaptive.precision import Bits, Effort, PrecisionPlan, random_plans
from experiments.engine_bench.config import NetworkEntry
from experiments.engine_bench.networks import draw_images, random_artifact
from models.zoo.catalogue import Kind, input_shape

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(not is_built(), reason="native engine not built: ./run build"),
]
SETS = kernel_sets() if is_built() else ()
SMALL: tuple[Kind, ...] = ("resnet8", "resnet20", "mobilenet_v1_small", "ds_cnn")
LARGE: tuple[Kind, ...] = ("mobilenet_v2", "resnet18", "squeezenet1_1", "inception_v1")


def check(kind: Kind, isa: str, *, images: int, plans: int) -> None:
    """Compare the two uniform plans and some random ones on some images."""
    shape = input_shape(kind)
    artifact = random_artifact(NetworkEntry(kind), draw_images(shape, 4, seed=3), seed=3)
    uniform = [PrecisionPlan.uniform(artifact.layers, bits) for bits in (Bits.INT16, Bits.INT8)]
    mixed = random_plans(artifact.layers, plans, seed=4)
    case = Case(artifact, draw_images(shape, images, seed=5))
    case.check(*map(Effort, (*uniform, *mixed)), isa=isa, threads=2)


@pytest.mark.parametrize("isa", [name for name in SETS if name != "portable"])
@pytest.mark.parametrize("kind", SMALL)
def test_small_networks_equal_the_reference(kind: Kind, isa: str) -> None:
    check(kind, isa, images=200, plans=50)


@pytest.mark.parametrize("isa", [name for name in SETS if name != "portable"])
@pytest.mark.parametrize("kind", LARGE)
def test_large_networks_equal_the_reference(kind: Kind, isa: str) -> None:
    check(kind, isa, images=5, plans=3)
