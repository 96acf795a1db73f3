"""Our own engine as the bench runs it: through its Python front, in a process of its own."""

import numpy as np

from adaptive.artifact import load_artifact
from adaptive.engine.compiled_plan import Mode
from adaptive.engine.native import NativeEngine
from adaptive.precision import Bits, Effort, PrecisionPlan
from experiments.engine_bench.peers.serve import Request, Session, serve

BITS = {"all-8": Bits.INT8, "all-16": Bits.INT16, "all-16-fast": Bits.INT16}


def load(request: Request) -> Session:
    """Open an engine on an artifact."""
    artifact = load_artifact(request.network)
    effort = Effort(PrecisionPlan.uniform(artifact.layers, BITS[request.plan]))
    mode: Mode = "fast" if request.plan.endswith("-fast") else "exact"
    engine = NativeEngine(artifact, threads=request.threads, mode=mode)
    image = np.load(request.images, allow_pickle=False)[:1]
    return Session(
        run=lambda: engine.run(image, effort),
        output=lambda: [float(v) for v in engine.logits(engine.run(image, effort), effort)[0]],
    )


if __name__ == "__main__":
    serve(load)
