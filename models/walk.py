"""The conversion itself: a walk over a traced network, node by node, in order."""

import operator
import re
from dataclasses import replace
from math import prod

from torch import fx, nn

from adaptive.errors import ConfigError
from adaptive.precision import Bits
from models.draft import Draft
from models.fold import Normalisation, fold_batch_norm, fold_normalisation, weights_of
from models.network import Step
from models.operations import Join, Sum, operation, pair, plain_name
from models.window import Window

_NOTHING = nn.Identity | nn.Dropout | nn.Dropout1d | nn.Dropout2d | nn.AlphaDropout


class Walker:
    """Walks a traced network node by node, in order."""

    def __init__(
        self,
        traced: fx.GraphModule,
        bit_list: tuple[Bits, ...],
        normalisation: Normalisation | None,
        widths: tuple[float, ...] = (),
    ) -> None:
        self.nodes = tuple(traced.graph.nodes)
        self.modules = dict(traced.named_modules())
        self.bit_list, self.normalisation, self.widths = bit_list, normalisation, widths
        self.heads: dict[str, str] = {}
        self.drafts: dict[fx.Node, Draft] = {}
        self.pads: dict[fx.Node, tuple[int, int, int, int]] = {}
        self.names = {"input"}

    def steps(self) -> tuple[Step, ...]:
        """Convert every node, then build the layers; `heads` names the step of each head."""
        for node in self.nodes:
            if node.op == "placeholder":
                self._image(node)
            elif node.op != "output":
                self._convert(node)
        heads = self._heads(self.nodes[-1])
        self.heads = {name: draft.name for name, draft in heads.items()}
        wanted = dict.fromkeys(self.drafts.values())
        made = [draft for draft in wanted if draft.name != "input"]
        ends = tuple(heads.values())
        return tuple(draft.step(self.bit_list, is_head=draft in ends) for draft in made)

    def _heads(self, output: fx.Node) -> dict[str, Draft]:
        """Return what each head reads from, the leaf head first."""
        answers = output.args[0]
        if not isinstance(answers, dict):
            answers = {"leaf": answers}
        if "leaf" not in answers:
            raise self._refusal(output, f"heads {tuple(answers)}", "one called 'leaf'")
        heads = {name: self._read(output, answers[name]) for name in ("leaf", *answers)}
        for name, draft in heads.items():
            if len(draft.shape) != 1:
                raise self._refusal(output, f"shape {draft.shape}", f"logits of head {name}")
        return heads

    def _refusal(self, node: fx.Node, found: str, expected: str) -> ConfigError:
        """Say what is wrong with a node."""
        target = node.target if isinstance(node.target, str) else plain_name(node.target)
        return ConfigError(f"node {node.name} ({target}): {found}, expected {expected}")

    def _image(self, node: fx.Node) -> None:
        """Take the one input."""
        if self.drafts:
            raise self._refusal(node, "a second input", "one image")
        self.drafts[node] = Draft("input", node, nn.Identity(), (), _shape(node))

    def _read(self, node: fx.Node, argument: object) -> Draft:
        """Return what a node reads."""
        if not isinstance(argument, fx.Node) or argument not in self.drafts:
            raise self._refusal(node, f"reads {argument}", "the output of another node")
        if argument in self.pads:
            raise self._refusal(node, f"reads {argument}", "a convolution after padding")
        return self.drafts[argument]

    def _convert(self, node: fx.Node) -> None:
        """Convert one node."""
        what = operation(node, self.modules)
        self._check_order(node, what)
        match what:
            case nn.Conv2d() | nn.Linear():
                self._weighted(node, what)
            case nn.BatchNorm1d() | nn.BatchNorm2d():
                self._batch_norm(node, what)
            case nn.ReLU():
                self._relu(node, None)
            case nn.Hardtanh(min_val=0, max_val=float(ceiling)) if ceiling > 0:
                self._relu(node, ceiling)
            case nn.ZeroPad2d():
                self.drafts[node] = self._read(node, node.args[0])
                left, right, above, below = what.padding
                self.pads[node] = (left, right, above, below)
            case nn.MaxPool2d() | nn.AvgPool2d():
                self._pool(node, what)
            case nn.AdaptiveAvgPool2d():
                self._average(node, what)
            case nn.Flatten():
                self._flatten(node, what)
            case Sum() | Join():
                self._join(node, what)
            case module if isinstance(module, _NOTHING):
                self.drafts[node] = self._read(node, node.args[0])
            case _:
                kind = type(what).__name__ if what is not None else plain_name(node.target)
                raise self._refusal(node, f"operation {kind}", "one that is supported")

    def _check_order(self, node: fx.Node, what: nn.Module | None) -> None:
        """Refuse what would read other values than it does in the float network."""
        read = [other for other in node.all_input_nodes if other in self.drafts]
        of_image = any(self.drafts[other].name == "input" for other in read)
        harmless = self.normalisation is None or isinstance(
            what, nn.Conv2d | nn.ZeroPad2d | _NOTHING
        )
        if of_image and not harmless:
            raise self._refusal(node, "reads the normalised image", "convolutions only")
        in_place = node.target in (operator.iadd, "add_")
        if in_place and read and len(read[0].users) > 1:
            raise self._refusal(node, f"changes {read[0]} in place", "no other reader of it")

    def _draft(self, node: fx.Node, what: nn.Module, *sources: Draft) -> Draft:
        """Begin a step for a node."""
        name = re.sub(r"[^a-z0-9]+", "_", node.name.lower()).strip("_")[:50]
        name = name if name[:1].isalpha() else f"layer_{name}"
        while name in self.names:
            name += "_"
        self.names.add(name)
        draft = self.drafts[node] = Draft(name, node, what, sources, _shape(node))
        return draft

    def _image_of(self, node: fx.Node) -> Draft:
        """Return what a node reads, if that has height and width."""
        source = self._read(node, node.args[0])
        if len(source.shape) != 3:
            raise self._refusal(node, f"reads features of shape {source.shape}", "an image")
        return source

    def _weighted(self, node: fx.Node, layer: nn.Conv2d | nn.Linear) -> None:
        """Begin a convolution or a linear layer."""
        self._only_once(node)
        if isinstance(layer, nn.Conv2d):
            self._convolution(node, layer)
            return
        source = self._read(node, node.args[0])
        if len(source.shape) != 1:
            raise self._refusal(node, f"reads an image of shape {source.shape}", "features")
        weights = weights_of(layer, widths=self.widths)
        if isinstance(source.operation, nn.Flatten) and len(source.sources[0].shape) == 3:
            image = source.sources[0].shape  # (C, H, W)
            by_channel = weights.weight.reshape(-1, *image).permute(0, 2, 3, 1)
            weights = replace(weights, weight=by_channel.flatten(1))  # (F', H * W * C)
        self._draft(node, layer, source).weights = weights

    def _only_once(self, node: fx.Node) -> None:
        """Refuse a layer that is called twice: its copies would be trained apart."""
        if (
            sum(other.op == "call_module" and other.target == node.target for other in self.nodes)
            > 1
        ):
            raise self._refusal(node, "called more than once", "each layer with weights once")

    def _convolution(self, node: fx.Node, layer: nn.Conv2d) -> None:
        """Begin a convolution, with the zero padding before it."""
        if pair(layer.dilation) != (1, 1) or layer.padding_mode != "zeros":
            found = f"dilation {layer.dilation}, padding_mode {layer.padding_mode}"
            raise self._refusal(node, found, "dilation 1 and zeros")
        margins = [0, 0, 0, 0]
        before = node.args[0]
        if isinstance(before, fx.Node) and before in self.pads:
            margins = list(self.pads[before])
            source = self.drafts[before]
        else:
            source = self._image_of(node)
        # torch's own form of any padding, "same" included: left, right, above, below.
        own = layer._reversed_padding_repeated_twice
        left, right, above, below = (a + b for a, b in zip(margins, own, strict=True))
        if right < left or below < above or min(left, above) < 0:
            found = f"padding {(left, right, above, below)} (left, right, above, below)"
            raise self._refusal(node, found, "no less on the far sides, and none below zero")
        draft = self._draft(node, layer, source)
        draft.window = Window(
            pair(layer.kernel_size),
            pair(layer.stride),
            (above, left),
            (below - above, right - left),
        )
        draft.weights = weights_of(layer, widths=self.widths)
        if source.name == "input" and self.normalisation is not None:
            padded = any(draft.window.margins)
            try:
                draft.weights = fold_normalisation(
                    draft.weights, self.normalisation, groups=layer.groups, padded=padded
                )
            except ValueError as error:
                raise ConfigError(f"node {node.name}: {error}") from error

    def _alone_before(self, node: fx.Node) -> Draft | None:
        """Return what a node reads if nothing else reads it."""
        draft, before = self._read(node, node.args[0]), node.args[0]
        while isinstance(before, fx.Node) and self.drafts[before] is draft:
            if len(before.users) > 1:
                return None
            before = before.args[0] if before.args else None
        return draft

    def _batch_norm(self, node: fx.Node, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
        """Fold a batch norm into what it follows."""
        self._only_once(node)
        draft = self._alone_before(node)
        if draft is None or draft.weights is None or draft.relu:
            found = f"follows {node.args[0]}"
            raise self._refusal(node, found, "a convolution or linear layer read by nothing else")
        try:
            draft.weights = fold_batch_norm(draft.weights, norm)
        except ValueError as error:
            raise ConfigError(f"node {node.name}: {error}") from error
        self.drafts[node] = draft

    def _relu(self, node: fx.Node, ceiling: float | None) -> None:
        """Fuse a ReLU into what it follows, also through pooling and flattening."""
        draft = self.drafts[node] = self._read(node, node.args[0])
        capped = draft.ceiling is not None and ceiling is not None and draft.ceiling <= ceiling
        if not draft.signed and (ceiling is None or capped):
            return
        alone = self._alone_before(node)
        while alone is not None and isinstance(alone.operation, nn.MaxPool2d | nn.Flatten):
            alone = self._alone_before(alone.node)
        if alone is None or not alone.takes_relu:
            found = f"follows {node.args[0]}"
            raise self._refusal(node, found, "a layer, sum or concatenation read by nothing else")
        alone.relu = True
        ceilings = [limit for limit in (alone.ceiling, ceiling) if limit is not None]
        alone.ceiling = min(ceilings, default=None)

    def _pool(self, node: fx.Node, pool: nn.MaxPool2d | nn.AvgPool2d) -> None:
        """Begin a pooling; rounding up its size is padding on the far sides."""
        source = self._image_of(node)
        plain = isinstance(pool, nn.AvgPool2d) or (
            pair(pool.dilation) == (1, 1) and not pool.return_indices
        )
        if not plain:
            raise self._refusal(node, "dilation or indices", "neither in a pooling")
        kernel, padding = pair(pool.kernel_size), pair(pool.padding)
        stride = pair(pool.stride)
        after = tuple(
            max(0, (out - 1) * s + k - size - 2 * p)
            for out, s, k, size, p in zip(
                _shape(node)[1:], stride, kernel, source.shape[1:], padding, strict=True
            )
        )
        if isinstance(pool, nn.AvgPool2d) and (any((*padding, *after)) or pool.divisor_override):
            found = f"padding {padding} and {after}, divisor {pool.divisor_override}"
            raise self._refusal(node, found, "an average without padding or divisor")
        self._draft(node, pool, source).window = Window(kernel, stride, padding, pair(after))

    def _average(self, node: fx.Node, pool: nn.AdaptiveAvgPool2d) -> None:
        """Begin an average over all positions, or over equal windows."""
        source = self._read(node, node.args[0])
        wanted = _shape(node)[1:] or (1, 1)
        if source.shape[1:] == wanted or (len(source.shape) == 1 and wanted == (1, 1)):
            self.drafts[node] = source
            return
        if len(source.shape) != 3 or any(
            size % out for size, out in zip(source.shape[1:], wanted, strict=True)
        ):
            found = f"averages {source.shape} to {wanted}"
            raise self._refusal(node, found, "windows of equal size")
        if wanted == (1, 1):
            self._draft(node, pool, source).shape = source.shape[:1]
            return
        kernel = (source.shape[1] // wanted[0], source.shape[2] // wanted[1])
        self._draft(node, nn.AvgPool2d(kernel), source).window = Window(kernel, kernel)

    def _flatten(self, node: fx.Node, flatten: nn.Flatten) -> None:
        """Begin a flattening; features are flat already."""
        if (flatten.start_dim, flatten.end_dim) not in ((1, -1), (-3, -1), (1, 3)):
            found = f"flattens {flatten.start_dim} to {flatten.end_dim}"
            raise self._refusal(node, found, "all dimensions but the first")
        source = self._read(node, node.args[0])
        if len(source.shape) == 1:
            self.drafts[node] = source
            return
        self._draft(node, flatten, source).shape = (prod(source.shape),)

    def _join(self, node: fx.Node, what: Sum | Join) -> None:
        """Begin a sum or a concatenation."""
        arguments = node.args
        if isinstance(what, Join):
            parts = node.args[0] if node.args else node.kwargs.get("tensors")
            arguments = tuple(parts) if isinstance(parts, list | tuple) else (parts,)
        sources = tuple(self._read(node, argument) for argument in arguments)
        shapes = [source.shape for source in sources]
        if isinstance(what, Sum) and (len(shapes) != 2 or shapes[0] != shapes[1]):
            raise self._refusal(node, f"adds shapes {shapes}", "two equal ones")
        if isinstance(what, Join) and any(len(shape) != 3 for shape in shapes):
            raise self._refusal(node, f"joins shapes {shapes}", "images (C, H, W)")
        if isinstance(what, Join) and len(sources) == 1:
            self.drafts[node] = sources[0]
            return
        self._draft(node, what, *sources)


def _shape(node: fx.Node) -> tuple[int, ...]:
    """Return what a node writes for one image: (C, H, W) or (F,)."""
    return tuple(node.meta["tensor_meta"].shape[1:])
