"""ONNX Runtime: float, and 8 bits by static quantisation (QDQ, one scale a channel).

Activations are uint8 and weights int8, the pair with the fastest kernels where there is VNNI.
"""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quant_pre_process,
    quantize_static,
)

from experiments.engine_bench.peers.network import Floats, cached, load_images, load_network
from experiments.engine_bench.peers.onnx_model import build_onnx
from experiments.engine_bench.peers.serve import Request, Session, serve


class _Images(CalibrationDataReader):  # type: ignore[misc]
    """Hands the calibration images out one by one."""

    def __init__(self, images: Floats) -> None:
        self._images = iter(images)

    def get_next(self) -> dict[str, Floats] | None:
        image = next(self._images, None)
        return None if image is None else {"image": image[None]}


def load(request: Request) -> Session:
    """Open a session on a model, made now unless it is cached."""
    plain = Path(cached(request.network, request.folder, "onnx"))
    if not plain.exists():
        onnx.save(build_onnx(load_network(request.network)), plain)
    path = plain if request.plan == "fp32" else quantised(plain, request.images)
    options = ort.SessionOptions()
    options.intra_op_num_threads = request.threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    # Bound once: what is timed is the network, not the binding of Python's arrays.
    image = ort.OrtValue.ortvalue_from_numpy(load_images(request.images)[:1])
    binding = session.io_binding()
    binding.bind_ortvalue_input("image", image)
    binding.bind_output("logits")
    return Session(
        run=lambda: session.run_with_iobinding(binding),
        output=lambda: np.ravel(binding.copy_outputs_to_cpu()[0]).tolist(),
    )


def quantised(plain: Path, images: str) -> Path:
    """Quantise a float model unless that was done before."""
    path = plain.with_suffix(".int8.onnx")
    if not path.exists():
        prepared = plain.with_suffix(".prepared.onnx")
        partial = plain.with_suffix(".partial.onnx")
        quant_pre_process(str(plain), str(prepared))
        quantize_static(
            str(prepared),
            str(partial),
            _Images(load_images(images)),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        partial.replace(path)
    return path


if __name__ == "__main__":
    serve(load)
