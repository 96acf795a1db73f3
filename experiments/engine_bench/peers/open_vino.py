"""OpenVINO: float, and 8 bits by NNCF's post-training quantisation."""

from pathlib import Path

import numpy as np
import onnx
import openvino as ov

from experiments.engine_bench.peers.network import cached, load_images, load_network
from experiments.engine_bench.peers.onnx_model import build_onnx
from experiments.engine_bench.peers.serve import Request, Session, serve


def load(request: Request) -> Session:
    """Compile a model, made now unless it is cached."""
    path = Path(cached(request.network, request.folder, f"{request.plan}.xml"))
    if not path.exists():
        make(request, path)
    core = ov.Core()
    model = core.compile_model(
        str(path),
        "CPU",
        {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "INFERENCE_NUM_THREADS": str(request.threads),
            "ENABLE_CPU_PINNING": "NO",
            # Else float would run in bfloat16 where the core has it, and be another network.
            "INFERENCE_PRECISION_HINT": "f32",
        },
    )
    inference = model.create_infer_request()
    inference.set_input_tensor(ov.Tensor(load_images(request.images)[:1]))
    return Session(
        run=lambda: inference.infer(share_outputs=True),
        output=lambda: np.ravel(inference.get_output_tensor().data).tolist(),
    )


def make(request: Request, path: Path) -> None:
    """Convert the network, quantise it where asked, and write it."""
    plain = Path(cached(request.network, request.folder, "openvino.onnx"))
    onnx.save(build_onnx(load_network(request.network)), plain)
    model = ov.convert_model(str(plain))
    if request.plan == "int8":
        import nncf

        images = load_images(request.images)
        model = nncf.quantize(
            model, nncf.Dataset(list(images), lambda image: image[None]), subset_size=len(images)
        )
    ov.save_model(model, str(path), compress_to_fp16=False)


if __name__ == "__main__":
    serve(load)
