"""Efforts compiled for the native engine, and their runs."""

import ctypes
import weakref
from typing import Literal

import numpy as np

from adaptive.artifact import Artifact
from adaptive.engine.answer import Booleans, Codes, Pixels, Unsure
from adaptive.engine.library import UnsureFunction, last_error
from adaptive.errors import EngineError
from adaptive.precision import Bits, Effort
from adaptive.reach import reached_layers, shared_layers

Mode = Literal["exact", "fast"]
MODES: tuple[Mode, ...] = ("exact", "fast")


def is_compiled_whole(artifact: Artifact, effort: Effort) -> bool:
    """Return whether one plan serves an effort, also where it goes on."""
    if effort.onward is None:
        return True
    other_head = effort.onward.effort.head != effort.head
    return other_head and bool(shared_layers(effort, reached_layers(artifact)))


class CompiledPlan:
    """One effort of an open network; freed when nobody holds it, before its engine is closed.

    Parameters
    ----------
    library, engine
        The library and its handle of the open network.
    artifact
        The network.
    effort
        What to run; one that `is_compiled_whole`.
    mode
        How 16-bit products are summed.

    Raises
    ------
    EngineError
        If the library refuses it.
    """

    def __init__(
        self,
        library: ctypes.CDLL,
        engine: ctypes.c_void_p,
        artifact: Artifact,
        effort: Effort,
        *,
        mode: Mode,
    ) -> None:
        self._library, self._engine, self._name = library, engine, artifact.name
        bits, heads = _bits(artifact, effort), tuple(artifact.heads)
        where = (MODES.index(mode), artifact.widths.index(effort.width), heads.index(effort.head))
        codes = (ctypes.c_uint8 * len(bits))(*bits)
        if effort.onward is None:
            handle = library.ae_plan_at(engine, codes, len(bits), *where)
        else:
            then = heads.index(effort.onward.effort.head)
            handle = library.ae_plan_onward(engine, codes, len(bits), *where, then)
        if not handle:
            raise self._error()
        self.handle = ctypes.c_void_p(handle)
        self._outputs: int = library.ae_plan_outputs(self.handle)
        self._first_outputs: int = library.ae_plan_first_outputs(self.handle)
        weakref.finalize(self, library.ae_plan_free, self.handle)

    def run(self, images: Pixels) -> Codes:
        """Return the codes of contiguous images, shape (N, outputs)."""
        codes = self.empty(len(images))
        status = self._library.ae_run(
            self._engine, self.handle, address(images), len(images), address(codes)
        )
        if status != 0:
            raise self._error()
        return codes

    def escalate(self, images: Pixels, unsure: Unsure) -> tuple[Codes, Codes, Booleans]:
        """Run contiguous images to the first head, and on where `unsure` says so."""
        first = np.empty((len(images), self._first_outputs), np.int32)
        codes, went_on = self.empty(len(images)), np.zeros(len(images), np.bool_)
        raised: list[BaseException] = []

        def ask(found: "ctypes._Pointer[ctypes.c_int32]", _context: object) -> int:
            # Nothing may be raised through C: it is kept until C has returned.
            try:
                row = np.ctypeslib.as_array(found, (1, self._first_outputs))
                return int(not raised and bool(unsure(row)[0]))
            except BaseException as error:
                raised.append(error)
                return 0

        onward: int = self._library.ae_run_onward(
            self._engine,
            self.handle,
            address(images),
            len(images),
            UnsureFunction(ask),
            None,
            address(first),
            address(codes),
            address(went_on),
        )
        if raised:
            raise raised[0]
        if onward < 0:
            raise self._error()
        return first, codes[:onward], went_on

    def empty(self, count: int) -> Codes:
        """Make room for the codes of so many images."""
        return np.empty((count, self._outputs), np.int32)

    def _error(self) -> EngineError:
        return EngineError(f"artifact {self._name}: {last_error(self._library)}")


def _bits(artifact: Artifact, effort: Effort) -> tuple[Bits, ...]:
    """Return the bits of every layer: the first effort's where it runs, else the second's."""
    plan = effort.plan
    if effort.onward is None:
        return plan.bits
    own, then = reached_layers(artifact)[effort.head], effort.onward.effort.plan
    return tuple((plan if layer in own else then).bits_of(layer) for layer in plan.layers)


def address(array: Codes | Pixels | Booleans) -> int:
    """Return where a contiguous array lies."""
    return array.ctypes.data
