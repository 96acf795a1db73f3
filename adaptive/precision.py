"""Which layers run at 16 bits and which at 8, and what the network runs as a whole."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import product
from pathlib import Path

import yaml

from adaptive.errors import ConfigError

SWITCHABLE = (16, 8)
"""The default pair of nested widths, widest first."""


class Bits(IntEnum):
    """Integer widths a layer can run at; each is nested in the wider ones."""

    INT4 = 4
    INT8 = 8
    INT16 = 16


@dataclass(frozen=True, slots=True)
class PrecisionPlan:
    """The bits of every switchable layer, in network order."""

    layers: tuple[str, ...]
    bits: tuple[Bits, ...]

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError("layers is empty, expected at least one layer")
        if len(self.layers) != len(self.bits):
            raise ValueError(
                f"bits has {len(self.bits)} entries, expected one for each of "
                f"{len(self.layers)} layers"
            )
        if len(set(self.layers)) != len(self.layers):
            raise ValueError(f"layers {self.layers} repeats a name, expected each once")
        object.__setattr__(self, "bits", tuple(Bits(width) for width in self.bits))

    @classmethod
    def uniform(cls, layers: Sequence[str], bits: Bits) -> "PrecisionPlan":
        """Build the plan that runs every layer at the same bits."""
        return cls(tuple(layers), (bits,) * len(layers))

    def bits_of(self, layer: str) -> Bits:
        """Return the bits of one layer; raises KeyError for a layer the plan does not have."""
        try:
            return self.bits[self.layers.index(layer)]
        except ValueError:
            raise KeyError(
                f"no layer {layer!r} in the plan, expected one of {self.layers}"
            ) from None

    @property
    def code(self) -> str:
        """Compact name: `all-8` for a uniform plan, else the bits in order, `16.8.8.16`."""
        if len(set(self.bits)) == 1:
            return f"all-{int(self.bits[0])}"
        return ".".join(str(int(width)) for width in self.bits)


@dataclass(frozen=True, slots=True)
class Effort:
    """What the network runs, all cut from one weight set: plan, width and head.

    `width` is the share of each layer's channels that run (0 < width <= 1); `head` names the
    classifier that answers. An effort may *escalate*: go on to another one, `onward`, where its
    answer is unsure.
    """

    plan: PrecisionPlan
    width: float = 1.0
    head: str = "leaf"
    onward: "Onward | None" = None

    def __post_init__(self) -> None:
        if not 0.0 < self.width <= 1.0:
            raise ValueError(f"width is {self.width}, expected above 0 and at most 1")
        if not self.head:
            raise ValueError("head is empty, expected the name of a head")

    @property
    def code(self) -> str:
        """Compact name: the plan's, with width and head where they are not the dearest.

        `all-8`, `all-8-w0.5`, `16.8.8-w0.25-early`; `all-8-w0.25>all-8@0.62` goes on where the
        probability is below 0.62.
        """
        width = "" if self.width == 1.0 else f"-w{self.width:g}"
        head = "" if self.head == "leaf" else f"-{self.head}"
        then = self.onward
        onward = "" if then is None else f">{then.effort.code}@{then.threshold:.3g}"
        return f"{self.plan.code}{width}{head}{onward}"

    @property
    def first(self) -> "Effort":
        """What runs on every image."""
        return self if self.onward is None else replace(self, onward=None)


@dataclass(frozen=True, slots=True)
class Onward:
    """Where an effort goes on when it is unsure, and how often that is expected.

    Attributes
    ----------
    effort
        What answers then; it does not escalate again.
    threshold
        Probability of the likeliest node below which an answer is unsure [0..1].
    share
        Of the images that are expected to go on [0..1].
    """

    effort: Effort
    threshold: float
    share: float

    def __post_init__(self) -> None:
        for label, value in (("threshold", self.threshold), ("share", self.share)):
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"{label} is {value}, expected 0..1")
        if self.effort.onward is not None:
            raise ValueError(f"onward is {self.effort.code}, expected an effort that does not")


def all_plans(layers: Sequence[str], bits: Sequence[int] = SWITCHABLE) -> Iterator[PrecisionPlan]:
    """Yield every plan in lexicographic order, so that neighbours share long prefixes."""
    for mix in product(bits, repeat=len(layers)):
        yield PrecisionPlan(tuple(layers), tuple(Bits(width) for width in mix))


def random_plans(
    layers: Sequence[str], count: int, *, seed: int, bits: Sequence[int] = SWITCHABLE
) -> tuple[PrecisionPlan, ...]:
    """Draw distinct plans uniformly; the same seed gives the same plans.

    Raises
    ------
    ConfigError
        If fewer than one, or more plans than there are, are asked for.
    """
    there_are = len(bits) ** len(layers)
    if not 1 <= count <= there_are:
        raise ConfigError(f"{count} random plans asked for, expected 1 to {there_are}")
    generator = random.Random(seed)
    drawn: dict[tuple[int, ...], None] = {}
    while len(drawn) < count:
        drawn[tuple(generator.choice(bits) for _ in layers)] = None
    return tuple(PrecisionPlan(tuple(layers), tuple(Bits(b) for b in mix)) for mix in drawn)


def parse_plan(text: str, layers: Sequence[str]) -> PrecisionPlan:
    """Read a plan from `all-8`, `16.8.8.16`, or the path of a JSON or YAML file `{layer: bits}`.

    Raises
    ------
    ConfigError
        Naming the unknown layer, the unknown bits, the missing layer or the missing file.
    """
    name = text.strip()
    if name.startswith("all-"):
        return PrecisionPlan.uniform(layers, _bits(name.removeprefix("all-"), f"plan {text!r}"))
    if name.replace(".", "").isascii() and name.replace(".", "").isdigit():
        return _listed_plan(name, layers)
    return _plan_from_file(Path(name), layers)


def _listed_plan(name: str, layers: Sequence[str]) -> PrecisionPlan:
    """Read `16.8.8.16`."""
    parts = name.split(".")
    if len(parts) != len(layers):
        raise ConfigError(
            f"plan {name!r} lists {len(parts)} layers, expected {len(layers)}: {', '.join(layers)}"
        )
    bits = [
        _bits(part, f"plan {name!r}, layer {layer}")
        for part, layer in zip(parts, layers, strict=True)
    ]
    return PrecisionPlan(tuple(layers), tuple(bits))


def _plan_from_file(path: Path, layers: Sequence[str]) -> PrecisionPlan:
    """Read `{layer: bits}` from a JSON or YAML file."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"plan {str(path)!r} is neither all-16, all-8, a list such as 16.8.8 "
            f"nor a readable file ({error})"
        ) from error
    except yaml.YAMLError as error:
        line = " ".join(str(error).split())
        raise ConfigError(f"{path}: not JSON or YAML ({line})") from error
    if not isinstance(content, Mapping):
        raise ConfigError(
            f"{path}: is {type(content).__name__}, expected a mapping {{layer: bits}}"
        )
    for layer in content:
        if layer not in layers:
            raise ConfigError(
                f"{path}: unknown layer {layer!r}, expected one of {', '.join(layers)}"
            )
    for layer in layers:
        if layer not in content:
            raise ConfigError(f"{path}: layer {layer} is missing, expected its bits")
    bits = [_bits(content[layer], f"{path}: layer {layer}") for layer in layers]
    return PrecisionPlan(tuple(layers), tuple(bits))


def _bits(value: object, where: str) -> Bits:
    """Convert a number or its text; `where` begins the message of the error."""
    known = {str(int(width)): width for width in Bits}
    if isinstance(value, bool) or str(value) not in known:
        raise ConfigError(f"{where}: bits is {value!r}, expected one of {', '.join(known)}")
    return known[str(value)]
