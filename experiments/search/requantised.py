"""A network in other bits and another arithmetic, without training."""

import torch

from adaptive.arithmetic import Arithmetic
from adaptive.artifact import Artifact
from adaptive.precision import Bits
from models.calibrate import calibrate_ranges
from models.data import Pixels
from models.export import export_network, load_network
from models.network import SwitchableNetwork


def requantised(
    artifact: Artifact, arithmetic: Arithmetic, bits: tuple[Bits, ...], *, images: Pixels
) -> Artifact:
    """Return the network with ranges from some images; nothing is measured yet.

    Bits the artifact does not carry take the biases of its narrowest.
    """
    network = load_network(artifact)
    offer_bits(network, tuple(sorted({*artifact.bits, *bits}, reverse=True)))
    network = network.in_arithmetic(arithmetic)
    calibrate_ranges(network, images)
    return export_network(
        network,
        name=f"{artifact.name}_{arithmetic.value}",
        labels=artifact.labels,
        provenance={**artifact.provenance, "requantised_from": artifact.checksum},
    )


def offer_bits(network: SwitchableNetwork, bits: tuple[Bits, ...]) -> None:
    """Let every layer run at these bits; new ones begin with the biases of the narrowest known."""
    for layer in network.switchable.values():
        known = [layer.bit_list.index(width) if width in layer.bit_list else -1 for width in bits]
        layer.bias = torch.nn.Parameter(layer.bias.detach()[known].clone())
        layer.bit_list, layer.bits = bits, bits[0]
