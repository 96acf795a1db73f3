"""A hint: plans that a search found, for training to draw from."""

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec

from adaptive.artifact import Artifact
from adaptive.errors import ConfigError
from adaptive.files import write_atomically
from adaptive.precision import Bits, PrecisionPlan

SCHEMA = 1


class _Hint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schema: int
    artifact: str
    checksum: str
    layers: tuple[str, ...]
    plans: tuple[tuple[Bits, ...], ...]


def write_hint(path: Path, artifact: Artifact, plans: Sequence[tuple[Bits, ...]]) -> None:
    """Write plans of a network, whole or not at all."""
    hint = _Hint(SCHEMA, artifact.name, artifact.checksum, artifact.layers, tuple(plans))
    content = json.dumps(msgspec.to_builtins(hint), indent=1)
    write_atomically(path, content.encode() + b"\n")


def load_hint(path: Path, layers: tuple[str, ...]) -> tuple[PrecisionPlan, ...]:
    """Read the plans of a hint.

    Raises
    ------
    ConfigError
        If the file cannot be read, is no hint, or is for other layers.
    """
    try:
        hint = msgspec.json.decode(path.read_bytes(), type=_Hint)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not a hint of plans: {error}") from error
    if hint.schema != SCHEMA:
        raise ConfigError(f"{path}: schema is {hint.schema}, expected {SCHEMA}")
    if hint.layers != layers:
        raise ConfigError(f"{path}: layers is {hint.layers}, expected {layers}")
    try:
        return tuple(PrecisionPlan(layers, plan) for plan in hint.plans)
    except ValueError as error:
        raise ConfigError(f"{path}: plans: {error}") from error
