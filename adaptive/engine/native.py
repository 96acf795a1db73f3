"""The native integer engine: one packed weight set, precision switched per layer in no time.

It answers bit for bit as the numpy reference does. The weights are packed once and mapped or held
once; a plan adds a few kilobytes, and all plans share one arena of activations.
"""

import ctypes
import mmap
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np

from adaptive.artifact import Artifact
from adaptive.engine.answer import (
    Booleans,
    Codes,
    Floats,
    Pixels,
    Unsure,
    check_images,
    check_onward,
    check_single,
    logits,
    soften,
)
from adaptive.engine.compiled_plan import (
    MODES,
    CompiledPlan,
    Mode,
    address,
    is_compiled_whole,
)
from adaptive.engine.library import Step, last_error, load_library, options
from adaptive.engine.pack import pack
from adaptive.errors import EngineError
from adaptive.precision import Effort

PLANS_KEPT = 256
"""Plans an engine keeps ready; the one unused for longest makes room."""


@dataclass(frozen=True, slots=True)
class StepProfile:
    """What one step of a plan cost for one image.

    `bits` is 0 where the plan has no say; `bytes` counts weights and activations touched.

    Attributes
    ----------
    time_s
        How long it took [s].
    """

    name: str
    operation: str
    bits: int
    time_s: float
    macs: int
    bytes: int


@dataclass(frozen=True, slots=True)
class ArenaSize:
    """Bytes of activations of one plan: what is held, and the most alive at any time."""

    held: int
    alive: int


class NativeEngine:
    """Runs one artifact at any effort it carries; every method may be called from any thread.

    Parameters
    ----------
    artifact
        The network.
    threads
        Threads that share each layer, the caller's among them; with 1 there is no other thread.
    cores
        Cores the threads are bound to, the calling thread included; any by default.
    isa
        Kernel set, such as "portable" or "avx2"; else `$ADAPTIVE_ISA`, else the fastest here.
    mode
        "exact" equals the reference bit for bit; "fast" leaves low x low bytes out of 16-bit
        sums (plans are then called `all-16-fast`).

    Raises
    ------
    EngineError
        If the library is not built, or the threads, cores or kernel set are not to be had.
    ArtifactError
        If no integers express a node.
    """

    def __init__(
        self,
        artifact: Artifact,
        *,
        threads: int = 1,
        cores: Sequence[int] = (),
        isa: str | None = None,
        mode: Mode = "exact",
    ) -> None:
        if mode not in MODES:
            raise EngineError(f"mode is {mode!r}, expected one of {MODES}")
        if threads < 1:
            raise EngineError(f"threads is {threads}, expected at least 1")
        self.artifact = artifact
        self.mode = mode
        self._library = load_library()
        self._memory = _anonymous_memory(pack(artifact))
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        handle = self._library.ae_open_memory(
            address, len(self._memory), ctypes.byref(options(threads, cores, isa))
        )
        if not handle:
            raise EngineError(f"artifact {artifact.name}: {last_error(self._library)}")
        self._handle = ctypes.c_void_p(handle)
        self._plans: OrderedDict[Effort, CompiledPlan] = OrderedDict()
        self._lock = Lock()
        self._finalizer = weakref.finalize(self, self._library.ae_close, self._handle)

    @property
    def isa(self) -> str:
        """Name of the kernel set that runs."""
        text: bytes = self._library.ae_isa(self._handle)
        return text.decode()

    def run(self, images: Pixels, effort: Effort) -> Codes:
        """Return the output codes of each image, shape (N, classes).

        Parameters
        ----------
        images
            uint8, shape (N, H, W, C) of the network's input.
        effort
            What to run.

        Raises
        ------
        ArtifactError
            If the artifact does not carry the effort.
        ValueError
            If the images are of another type or shape.
        """
        check_single(effort)
        check_images(self.artifact, images)
        return self._plan(effort).run(np.ascontiguousarray(images))

    def escalate(
        self, images: Pixels, effort: Effort, unsure: Unsure
    ) -> tuple[Codes, Codes, Booleans]:
        """Run an effort that escalates; see `protocol.Engine`.

        Images go through one after the other. Raises as `run` does.
        """
        then = check_onward(effort)
        if is_compiled_whole(self.artifact, effort):
            check_images(self.artifact, images)
            return self._plan(effort).escalate(np.ascontiguousarray(images), unsure)
        first = self.run(images, effort.first)
        went_on = unsure(first)
        return first, self.run(images[went_on], then), went_on

    def run_all(self, images: Pixels, efforts: Iterable[Effort]) -> Iterator[tuple[Effort, Codes]]:
        """Run several efforts on the same images, yielding `(effort, codes)` in their order."""
        for effort in efforts:
            yield effort, self.run(images, effort)

    def probabilities(self, images: Pixels, effort: Effort) -> Floats:
        """Return the probability of each leaf, shape (N, classes); raises as `run` does."""
        return self.soften(self.run(images, effort), effort)

    def soften(self, codes: Codes, effort: Effort) -> Floats:
        """Turn output codes into probabilities; see `answer.soften`."""
        return soften(self.artifact, codes, effort)

    def logits(self, codes: Codes, effort: Effort) -> Floats:
        """Turn output codes into real values, shape (N, classes)."""
        return logits(self.artifact, codes, effort)

    def prepare(self, efforts: Iterable[Effort]) -> None:
        """Compile plans ahead, so that the first run of each takes no longer than the next."""
        for effort in efforts:
            if effort.onward is None or is_compiled_whole(self.artifact, effort):
                self._plan(effort)
            else:
                self.prepare((effort.first, effort.onward.effort))

    def arena(self, effort: Effort) -> ArenaSize:
        """Tell how many bytes of activations a plan needs."""
        check_single(effort)
        plan = self._plan(effort)
        return ArenaSize(
            self._library.ae_plan_arena_bytes(plan.handle),
            self._library.ae_plan_live_bytes(plan.handle),
        )

    def profile(
        self, effort: Effort, *, images: Pixels | None = None, repeats: int = 21
    ) -> tuple[StepProfile, ...]:
        """Time each step of an effort, as the median over `repeats` images.

        Images are zeroes by default; integer kernels take the same time whatever they show.
        """
        source = np.zeros((1, *self.artifact.source.shape), np.uint8) if images is None else images
        check_images(self.artifact, source)
        check_single(effort)
        plan = self._plan(effort)
        count = self._library.ae_plan_steps(plan.handle)
        steps = (Step * count)()
        codes = plan.empty(1)
        times = np.empty((repeats, count))
        for i in range(repeats):
            pixels = np.ascontiguousarray(source[i % len(source)])
            found = self._library.ae_profile(
                self._handle, plan.handle, address(pixels), address(codes), steps, count
            )
            if found != count:
                raise EngineError(f"artifact {self.artifact.name}: {last_error(self._library)}")
            times[i] = [1e-9 * step.nanoseconds for step in steps]
        return tuple(
            StepProfile(s.name.decode(), s.operation.decode(), s.bits, float(t), s.macs, s.bytes)
            for s, t in zip(steps, np.median(times, axis=0), strict=True)
        )

    def _plan(self, effort: Effort) -> CompiledPlan:
        """Return the compiled plan of an effort; raises ArtifactError if it is not carried."""
        with self._lock:
            plan = self._plans.get(effort)
            if plan is not None:
                self._plans.move_to_end(effort)
                return plan
            self.artifact.require(effort)
            plan = CompiledPlan(self._library, self._handle, self.artifact, effort, mode=self.mode)
            self._plans[effort] = plan
            if len(self._plans) > PLANS_KEPT:
                self._plans.popitem(last=False)
            return plan


def _anonymous_memory(content: bytes) -> mmap.mmap:
    """Copy bytes to page-aligned memory."""
    memory = mmap.mmap(-1, len(content))
    memory.write(content)
    return memory
