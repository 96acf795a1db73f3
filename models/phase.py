"""A phase of training that can be stopped at any time and taken up again where it was."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from adaptive.errors import ConfigError
from adaptive.files import write_atomically
from models.augment import CroppedBatches

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class EpochReport:
    """What one epoch did: mean loss, the scores asked for, and processor time so far [s]."""

    phase: str
    epoch: int
    epochs: int
    loss: float
    scores: dict[str, float]
    cpu_s: float


class Phase:
    """Trains a model for some epochs, and writes a checkpoint after each.

    Parameters
    ----------
    name
        Of the phase, for reports.
    model, optimiser, schedule
        What is trained, and how; the schedule advances with every batch.
    batches
        Training images.
    rng
        Draws order, crops and whatever the loss draws; saved with the rest.
    checkpoint
        File that the state is kept in; None keeps none.
    """

    def __init__(
        self,
        name: str,
        model: nn.Module,
        *,
        optimiser: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
        batches: CroppedBatches,
        rng: np.random.Generator,
        checkpoint: Path | None,
    ) -> None:
        self.name, self.model = name, model
        self.optimiser, self.schedule = optimiser, schedule
        self.batches, self.rng, self.checkpoint = batches, rng, checkpoint
        self.epoch, self.cpu_s = 0, 0.0

    def run(
        self,
        epochs: int,
        loss_of: Loss,
        *,
        score: Callable[[], dict[str, float]],
        report: Callable[[EpochReport], None],
    ) -> None:
        """Train until `epochs` are done, from the checkpoint if there is one.

        Raises
        ------
        ConfigError
            If the checkpoint is of another training, or the loss is no longer a number.
        """
        self._resume()
        device = next(self.model.parameters()).device
        while self.epoch < epochs:
            start_s, total = process_time(), 0.0
            self.model.train()
            for images, labels in self.batches.epoch(self.rng):
                loss = loss_of(images.to(device), labels.to(device))
                self.optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                self.optimiser.step()
                self.schedule.step()
                total += float(loss.detach())
            if not np.isfinite(total):
                raise ConfigError(f"{self.name}: loss is {total}, expected a lower learning rate")
            self.epoch += 1
            scores = score()
            self.cpu_s += process_time() - start_s
            self._save()
            mean = total / len(self.batches)
            report(EpochReport(self.name, self.epoch, epochs, mean, scores, self.cpu_s))

    def _save(self) -> None:
        """Write the state whole or not at all."""
        if self.checkpoint is None:
            return
        buffer = io.BytesIO()
        torch.save(
            {
                "model": self.model.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "schedule": self.schedule.state_dict(),
                "epoch": self.epoch,
                "cpu_s": self.cpu_s,
                "rng": self.rng.bit_generator.state,
                "torch_rng": torch.get_rng_state(),
            },
            buffer,
        )
        write_atomically(self.checkpoint, buffer.getvalue())

    def _resume(self) -> None:
        """Take up the state that was saved, if any was."""
        if self.checkpoint is None or not self.checkpoint.exists():
            return
        state = load_checkpoint(self.checkpoint)
        try:
            self.model.load_state_dict(state["model"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.schedule.load_state_dict(state["schedule"])
            self.rng.bit_generator.state = state["rng"]
            torch.set_rng_state(state["torch_rng"])
            self.epoch, self.cpu_s = int(state["epoch"]), float(state["cpu_s"])
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            line = " ".join(str(error).split())
            raise ConfigError(
                f"{self.checkpoint}: not a checkpoint of this training ({line[:200]})"
            ) from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read tensors and plain values; raises ConfigError naming the file if it holds others."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    # What a damaged file makes the reader raise is not documented.
    except Exception as error:
        line = " ".join(str(error).split())
        raise ConfigError(f"{path}: not a readable checkpoint ({line[:200]})") from error
    if not isinstance(state, dict):
        raise ConfigError(f"{path}: is {type(state).__name__}, expected a state_dict")
    return state
