"""What makes fewer bits cost less without training, and without a further step at run time.

Exponents, weight codes and biases are numbers that the integers have anyway: requantisation stays
the same shifts, or the same multipliers, as before.
"""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from adaptive.arithmetic import Arithmetic
from adaptive.precision import Bits, PrecisionPlan
from models.calibrate import calibrate_ranges
from models.data import Pixels
from models.flow import Flow
from models.layers import SwitchableConv2d, SwitchableLinear
from models.network import Step, SwitchableNetwork
from models.pooling import Averaging, GlobalAveraging, MaxPooling
from models.ranges import RangeMethod

FURTHEST = 8
"""Greatest exponent that a channel is moved by."""
ELEMENTS = 2**26
"""Numbers that are held at a time, in one signal or in all."""

Weighted = SwitchableConv2d | SwitchableLinear


@dataclass(frozen=True, slots=True)
class Mends:
    """Which mends are made; biases are always corrected.

    `by_channel` gives each output channel an exponent of its own; `moved` moves exponents between
    layers; `rounded` moves up the weights that truncation would pull down by more than half a
    step; `method` chooses ranges anew.
    """

    method: RangeMethod = RangeMethod.GREATEST
    by_channel: bool = True
    moved: bool = False
    rounded: bool = False

    def __str__(self) -> str:
        done = [f"{self.method.value} ranges"]
        if self.by_channel:
            done.append("an exponent for each channel")
        if self.moved:
            done.append("exponents moved between layers")
        if self.rounded:
            done.append("weights rounded for truncation")
        return ", ".join([*done, "biases for each precision"])


def mended(network: SwitchableNetwork, images: Pixels, mends: Mends) -> SwitchableNetwork:
    """Return a mended copy, in evaluation mode.

    Parameters
    ----------
    network
        In any arithmetic.
    images
        Calibration images, uint8, shape (N, H, W, C).
    mends
        What to do.
    """
    twin = copy.deepcopy(network).eval()
    if mends.moved:
        move_exponents(twin, images)
    for layer in twin.switchable.values():
        layer.by_channel = layer.by_channel or mends.by_channel
    calibrate_ranges(twin, images, method=mends.method)
    plain = copy.deepcopy(twin)
    for layer in twin.switchable.values():
        layer.settled = True
    if mends.rounded:
        round_weights(twin)
    correct_biases(twin, images, plain)
    twin.set_plan(None)
    return twin


def move_exponents(network: SwitchableNetwork, images: Pixels) -> None:
    """Move powers of two from what reads a signal to what writes it, channel by channel, in place.

    A channel that is weak beside the strongest of its signal fills few of the 8-bit codes. Where
    only poolings lie between a layer and the layers that read it, its channel grows by a power of
    two and the readers' weights for it shrink by the same: the network in plain float stays as it
    was. A depthwise reader has scales for each channel and gives all that is wanted; others give
    half of it, since their weights lose what the signal gains. Ranges are to be set anew.
    """
    strengths = _strengths(network, images)
    for step in network.steps:
        readers = _readers(network, step)
        if not isinstance(step.layer, Weighted) or not readers:
            continue
        strength = strengths[step.name]
        wanted = torch.log2(strength.max() / strength.clamp(min=1e-30))
        if not all(_is_depthwise(reader) for reader in readers):
            wanted = wanted / 2
        exponent = torch.floor(wanted).clamp(0, FURTHEST)
        exponent[strength == 0.0] = 0.0
        _scale_outputs(step.layer, torch.exp2(exponent))
        for reader in readers:
            _scale_inputs(reader, torch.exp2(-exponent))


def _strengths(network: SwitchableNetwork, images: Pixels) -> dict[str, Tensor]:
    """Return the greatest magnitude of each channel that a layer writes in plain float."""
    network.set_plan(None)
    found: dict[str, Tensor] = {}
    chunk = max(1, ELEMENTS // sum(network.sizes().values()))
    for start in range(0, len(images), chunk):
        with torch.no_grad():
            flows = network.trace(torch.from_numpy(images[start : start + chunk]))
        for name in network.layers:
            values = flows[name].values.abs().transpose(0, 1).flatten(1).amax(dim=1).double()
            found[name] = torch.maximum(found.get(name, values), values)
    return found


def _readers(network: SwitchableNetwork, step: Step) -> list[Weighted]:
    """Return the layers that read a step through poolings, or none if anything else does too."""
    if getattr(step.layer, "ceiling", None) is not None:
        return []
    readers: list[Weighted] = []
    for other in network.steps:
        if step.name not in other.sources:
            continue
        match other.layer:
            case SwitchableConv2d() | SwitchableLinear():
                found: list[Weighted] = [] if len(other.layer.fill) else [other.layer]
            case MaxPooling() | Averaging() | GlobalAveraging():
                found = _readers(network, other)
            case _:
                found = []
        if not found:
            return []
        readers += found
    return readers


def _is_depthwise(layer: Weighted) -> bool:
    """Return whether each input channel has output channels, and so scales, of its own."""
    return isinstance(layer, SwitchableConv2d) and layer.weight.shape[3] == 1


def _scale_outputs(layer: Weighted, factor: Tensor) -> None:
    """Multiply what a layer writes, channel by channel."""
    with torch.no_grad():
        layer.weight.mul_(factor.to(layer.weight).reshape(-1, *[1] * (layer.weight.ndim - 1)))
        layer.bias.mul_(factor.to(layer.bias))
        for own in map(layer.at, layer.widths):
            own.bias.mul_(factor[: own.bias.shape[1]].to(own.bias))


def _scale_inputs(layer: Weighted, factor: Tensor) -> None:
    """Multiply what a layer makes of each channel it reads."""
    groups = layer.groups if isinstance(layer, SwitchableConv2d) else 1
    by_group = factor.to(layer.weight).reshape(groups, -1)  # (groups, Cin / groups)
    by_output = by_group.repeat_interleave(len(layer.weight) // groups, dim=0)
    with torch.no_grad():
        layer.weight.mul_(by_output.reshape(len(layer.weight), *[1] * (layer.weight.ndim - 2), -1))


def round_weights(network: SwitchableNetwork) -> None:
    """Move up the weights that truncation to 8 bits pulls down by half a step or more, in place.

    They move to the next multiple of the step, so that truncation leaves the nearest 8-bit weight.
    At 16 bits these weights, half of all, keep no more than 8: that costs what it costs an affine
    network to run its weights at 8 bits. Where bits are rounded anyway nothing changes.
    """
    if network.arithmetic is not Arithmetic.RADIX or len(network.bits) < 2:
        return
    step = 2 ** (16 - network.bits[1])
    scales = network.scales()
    for each in network.steps:
        if not isinstance(each.layer, Weighted):
            continue
        tensors = each.layer.tensors(scales[each.sources[0]])
        codes = tensors.weight.astype(np.int64)
        _, greatest = network.arithmetic.weight_range(network.bits[1])
        up = (codes % step >= step // 2) & (codes // step < greatest)
        moved = np.where(up, (codes // step + 1) * step, codes)
        steps = tensors.weight_scale.reshape(-1, *[1] * (codes.ndim - 1))
        with torch.no_grad():
            each.layer.weight.copy_(torch.from_numpy(moved * steps))


def correct_biases(network: SwitchableNetwork, images: Pixels, plain: SwitchableNetwork) -> None:
    """Give each precision the biases that leave no error in the mean, in place.

    Layer by layer in order, each output channel at b bits gets the mean of what the plain network
    computes in float, less the mean of what it computes itself with all layers at b bits so far;
    where outputs are truncated, also what truncation takes.
    """
    few = torch.from_numpy(images[: max(1, ELEMENTS // max(plain.sizes().values()))])
    plain.eval().set_plan(None)
    network.train()
    for bits in network.bits:
        network.set_plan(PrecisionPlan.uniform(network.layers, bits))
        with torch.no_grad():
            _correct(network, plain, few, bits)
    network.eval()


def _correct(
    network: SwitchableNetwork, plain: SwitchableNetwork, images: Tensor, bits: Bits
) -> None:
    """Walk both networks side by side and correct one precision."""
    wanted, found = {"input": plain.read(images)}, {"input": network.read(images)}
    for theirs, ours in zip(plain.steps, network.steps, strict=True):
        read = [wanted[source] for source in ours.sources]
        given = [found[source] for source in ours.sources]
        if isinstance(ours.layer, Weighted) and isinstance(theirs.layer, Weighted):
            aim, values = theirs.layer.sums(read[0], bits), ours.layer.sums(given[0], bits)
            error = channel_means(aim) - channel_means(values) + ours.layer.cut_away(bits)
            ours.layer.bias_of(bits).add_(error)
            values = values + error.to(values).reshape(-1, *[1] * (values.ndim - 2))
            mode = given[0].mode
            found[ours.name] = ours.layer.flow_of(values, mode, ours.layer.output_bits(bits))
            wanted[ours.name] = theirs.layer.flow_of(aim, read[0].mode, Bits.INT16)
        else:
            found[ours.name], wanted[ours.name] = ours.layer(*given), theirs.layer(*read)
        _forget(network, ours, found, wanted)


def _forget(network: SwitchableNetwork, step: Step, *flows: dict[str, Flow]) -> None:
    """Drop the signals that no later step reads."""
    for source in network.read_last_by(step):
        for each in flows:
            each.pop(source, None)


def channel_means(values: Tensor) -> Tensor:
    """Return the mean of each channel of (N, C) or (N, C, H, W), float64, shape (C,)."""
    return values.double().transpose(0, 1).flatten(1).mean(dim=1)
