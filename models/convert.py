"""From any float network of the usual layers to its switchable twin.

A network is traced with `torch.fx`. Known are: convolutions and linear layers, each with a batch
norm after it, which is folded; ReLU, and ReLU6 or another Hardtanh from zero up, which becomes a
ReLU whose codes saturate at its ceiling or at the greatest value calibrated, whichever is less;
sums of two; concatenation of channels; largest and average pooling; averages over all positions;
flattening; zero padding before a convolution. Dropout and identities go. Anything else is refused
by name.
"""

import copy
import io
from contextlib import redirect_stderr

import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from adaptive.arithmetic import Arithmetic
from adaptive.errors import ConfigError
from adaptive.precision import Bits
from models.fold import Normalisation
from models.layers import BIT_LIST
from models.nested import NestedLayer, widths_of
from models.network import SwitchableNetwork
from models.walk import Walker


def convert(
    network: nn.Module,
    input_shape: tuple[int, int, int],
    *,
    bit_list: tuple[Bits, ...] = BIT_LIST,
    normalisation: Normalisation | None = None,
    arithmetic: Arithmetic = Arithmetic.AFFINE,
) -> SwitchableNetwork:
    """Turn a float network into its switchable twin, in evaluation mode, not yet calibrated.

    Parameters
    ----------
    network
        Reads images (N, C, H, W) and returns logits (N, classes), or a dictionary of the logits of
        each head, one of them `leaf`. It may have nested widths (`models.nested`). It is left as
        it was.
    input_shape
        (H, W, C) of an image.
    bit_list
        Precisions of every layer, widest first.
    normalisation
        What the network's input was, if not pixels / 255. It is folded into the convolutions that
        read the image; their padding then counts as the mean.
    arithmetic
        In which the twin computes.

    Raises
    ------
    ConfigError
        Naming the node that cannot be converted, and why.
    """
    network = copy.deepcopy(network).eval().cpu()
    height, width, channels = input_shape
    try:
        traced = fx.GraphModule(network, _Tracer().trace(network))
        traced.graph.eliminate_dead_code()
        # It prints a traceback of its own before it raises.
        with redirect_stderr(io.StringIO()):
            ShapeProp(traced).propagate(torch.zeros(1, channels, height, width))
    # A tracer runs the network's own code, which may raise anything.
    except Exception as error:
        line = " ".join(str(error).split())
        raise ConfigError(f"network cannot be traced on {input_shape} images: {line}") from error
    walker = Walker(traced, bit_list, normalisation, widths_of(network))
    steps = walker.steps()
    try:
        twin = SwitchableNetwork(input_shape, steps, arithmetic=arithmetic, heads=walker.heads)
    except ValueError as error:
        raise ConfigError(f"network cannot be converted: {error}") from error
    return twin.eval()


class _Tracer(fx.Tracer):
    """Takes nested layers whole, as it does those of torch."""

    def is_leaf_module(self, module: nn.Module, qualified_name: str) -> bool:
        """Return whether a module is one node."""
        return isinstance(module, NestedLayer) or super().is_leaf_module(module, qualified_name)
