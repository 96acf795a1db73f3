from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from onnx_files import export_onnx, node, onnx_answer, write_onnx

from adaptive.errors import ConfigError
from models.convert import convert
from models.exchange.onnx_file import read_onnx
from models.exchange.values import FloatNetwork
from models.fold import Normalisation
from models.zoo.catalogue import NetworkConfig, build

RNG = np.random.default_rng(0)


def drawn(*shape: int) -> np.ndarray:
    return RNG.normal(0.0, 0.5, shape).astype(np.float32)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def answer(network: FloatNetwork, x: np.ndarray) -> np.ndarray:
    """Run what was read on the file's own input, (N, C, H, W)."""
    gain, offset = (np.array(v, np.float32)[:, None, None] for v in (network.gain, network.offset))
    with torch.no_grad():
        return np.asarray(network.module(torch.from_numpy(x * gain + offset)).numpy())


def check(path: Path, shape: tuple[int, int, int], *, last: bool = False) -> FloatNetwork:
    """Hold what was read against onnx's own evaluator, and convert it."""
    network = read_onnx(path)
    height, width, channels = shape
    assert network.shape == shape
    x = np.random.default_rng(1).random((1, channels, height, width)).astype(np.float32)
    expected = onnx_answer(path, x.transpose(0, 2, 3, 1) if last else x).reshape(1, -1)
    np.testing.assert_allclose(answer(network, x), expected, atol=1e-5)
    twin = convert(network.module, shape)
    pixels = torch.zeros((1, *shape), dtype=torch.uint8)
    assert twin.head_real(pixels).shape == expected.shape
    return network


def randomise(network: torch.nn.Module) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for values in (module.weight, module.bias, module.running_mean, module.running_var):
                assert values is not None
                with torch.no_grad():
                    values.copy_(torch.rand(values.shape, generator=generator) + 0.5)
    return network.eval()


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("resnet8", (3, 32, 32)),
        ("mobilenet_v1_small", (3, 32, 32)),
        ("mobilenet_v2", (3, 64, 64)),
        ("squeezenet1_1", (3, 64, 64)),
        ("inception_v1", (3, 64, 64)),
    ],
)
def test_networks_of_the_zoo_come_back_as_they_were(
    kind: str, shape: tuple[int, int, int], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    width = 0.25 if kind.startswith("mobilenet_v1") else 1.0
    plain = randomise(build(NetworkConfig(kind, width), classes=5))  # type: ignore[arg-type]
    network = read_onnx(export_onnx(plain, tmp_path / "net.onnx", shape=shape))
    assert network.shape == (*shape[1:], shape[0])
    assert network.outputs == 5
    x = torch.rand(2, *shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected, found = plain(x), network.module(x)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


def test_a_network_of_the_zoo_answers_as_onnx_says(tmp_path: Path) -> None:
    torch.manual_seed(0)
    plain = randomise(build(NetworkConfig("resnet8"), classes=10))
    for parameter in plain.parameters():
        parameter.data *= 0.5
    check(export_onnx(plain, tmp_path / "net.onnx", shape=(3, 32, 32)), (32, 32, 3))


def test_a_tensorflow_export_is_read_in_its_layout(tmp_path: Path) -> None:
    nodes = [
        node("Transpose", ["x"], "nchw", perm=[0, 3, 1, 2]),
        node("Conv", ["nchw", "w", "b"], "conv", auto_pad="SAME_UPPER", strides=[2, 2]),
        node("Clip", ["conv", "zero", "six"], "act"),
        node("MaxPool", ["act"], "pool", kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1]),
        node("Transpose", ["pool"], "nhwc", perm=[0, 2, 3, 1]),
        node("Reshape", ["nhwc", "flat"], "features"),
        node("MatMul", ["features", "m"], "product"),
        node("Add", ["product", "c"], "sum"),
        node("Softmax", ["sum"], "y"),
    ]
    constants = {
        "w": drawn(4, 3, 3, 3), "b": drawn(4), "m": drawn(16, 5), "c": drawn(5),
        "zero": np.full((), 0, np.float32), "six": np.full((), 6, np.float32),
        "flat": ints(-1, 16),
    }  # fmt: skip
    path = write_onnx(tmp_path / "net.onnx", nodes, constants, shape=("batch", 8, 8, 3))
    network = read_onnx(path)
    assert network.shape == (8, 8, 3)
    x = np.random.default_rng(1).random((1, 8, 8, 3)).astype(np.float32)
    logits = answer(network, x.transpose(0, 3, 1, 2))
    raised = np.exp(logits - logits.max())
    np.testing.assert_allclose(raised / raised.sum(), onnx_answer(path, x), atol=1e-5)


def test_sizes_that_are_computed_are_folded(tmp_path: Path) -> None:
    nodes = [
        node("Conv", ["x", "w"], "conv", pads=[1, 1, 1, 1]),
        node("ReduceMean", ["conv"], "mean", axes=[2, 3], keepdims=1),
        node("Shape", ["mean"], "shape"),
        node("Gather", ["shape", "zero"], "batch", axis=0),
        node("Unsqueeze", ["batch", "zeros"], "row"),
        node("Concat", ["row", "rest"], "wanted", axis=0),
        node("Reshape", ["mean", "wanted"], "flat"),
        node("Gemm", ["flat", "m", "c"], "y", alpha=0.5, beta=2.0),
    ]
    constants = {
        "w": drawn(4, 3, 3, 3), "m": drawn(4, 5), "c": drawn(5), "zero": np.array(0, np.int64),
        "zeros": ints(0), "rest": ints(-1),
    }  # fmt: skip
    check(write_onnx(tmp_path / "net.onnx", nodes, constants), (8, 8, 3))


def test_every_way_to_join_pad_and_rescale_is_read(tmp_path: Path) -> None:
    nodes = [
        node("Div", ["x", "half"], "doubled"),
        node("Sub", ["doubled", "one"], "centred"),
        node("Pad", ["centred", "pads"], "padded"),
        node("Conv", ["padded", "w"], "conv", strides=[2, 2]),
        node("Mul", ["conv", "gain"], "scaled"),
        node("Add", ["scaled", "shift"], "shifted"),
        node("Relu", ["shifted"], "act"),
        node("Conv", ["act", "d"], "depthwise", pads=[1, 1, 1, 1], group=4),
        node("Add", ["depthwise", "act"], "sum"),
        node("Concat", ["sum", "act"], "joined", axis=1),
        node("AveragePool", ["joined"], "half_size", kernel_shape=[2, 2], strides=[2, 2]),
        node("AveragePool", ["half_size"], "mean", kernel_shape=[2, 2]),
        node("Squeeze", ["mean", "axes"], "flat"),
        node("Gemm", ["flat", "m"], "y", transB=1),
    ]
    constants = {
        "half": np.full((), 0.5, np.float32), "one": np.ones((1, 3, 1, 1), np.float32),
        "pads": ints(0, 0, 0, 0, 0, 0, 1, 1), "w": drawn(4, 3, 3, 3), "d": drawn(8, 1, 3, 3)[:4],
        "gain": drawn(1, 4, 1, 1) + 2, "shift": drawn(4, 1, 1), "axes": ints(2, 3),
        "m": drawn(5, 8),
    }  # fmt: skip
    network = check(write_onnx(tmp_path / "net.onnx", nodes, constants), (8, 8, 3))
    assert network.gain == (2.0, 2.0, 2.0)
    assert network.offset == (-1.0, -1.0, -1.0)
    assert network.normalisation(None) == Normalisation((0.5,) * 3, (0.5,) * 3)


def test_what_was_given_and_what_the_file_does_join_to_one_normalisation() -> None:
    bytes_in = Normalisation((0.0,), (1 / 255,))
    module = torch.fx.GraphModule(torch.nn.Module(), torch.fx.Graph())
    keras = FloatNetwork(module, (8, 8, 3), 5, (1 / 127.5,) * 3, (-1.0,) * 3)
    joined = keras.normalisation(bytes_in)
    assert joined is not None
    assert joined.mean == (0.5, 0.5, 0.5)
    assert joined.deviation == pytest.approx((0.5, 0.5, 0.5))
    scaled = FloatNetwork(module, (8, 8, 3), 5, (1 / 255,) * 3, (0.0,) * 3)
    assert scaled.normalisation(bytes_in) is None
    with pytest.raises(ConfigError, match="mean has 2 channels, expected 3"):
        keras.normalisation(Normalisation((0.5, 0.5), (1.0, 1.0)))
    with pytest.raises(ConfigError, match="see --input"):
        keras.normalisation(Normalisation((0.0,), (1.0,)))


def chain(kind: str, *further: str, **attributes: object) -> list[onnx.NodeProto]:
    """Return a convolution, the node to try, and an end."""
    return [
        node("Conv", ["x", "w"], "conv", pads=[1, 1, 1, 1]),
        node(kind, ["conv", *further], "odd", **attributes),
        node("GlobalAveragePool", ["odd"], "mean"),
        node("Flatten", ["mean"], "y"),
    ]


CONSTANTS = {
    "w": drawn(4, 3, 3, 3), "two": np.full((), 2, np.float32), "wide": drawn(4, 8, 8),
    "axes": ints(1), "pads": ints(0, 1, 0, 0, 0, 0, 0, 0), "minus": np.full((), -1, np.float32),
    "five": ints(1, 5),
}  # fmt: skip


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (chain("Sigmoid"), r"node the_odd: operator Sigmoid is not supported, expected one of Add"),
        (chain("Clip", "minus", "two"), r"node the_odd: clips to -1\.0 \.\. 2\.0, expected from 0"),
        (chain("Add", "wide"), r"node the_odd: has constants of shape \(4, 8, 8\), expected one a"),
        (chain("Sub", "conv"), r"node the_odd: Sub of two values"),
        (chain("Softmax"), r"node the_mean: follows a Softmax, expected one at the end only"),
        (chain("ReduceMean", axes=[1]), r"node the_odd: averages axes \[1\], expected height"),
        (chain("Pad", "pads"), r"node the_odd: pads \[0, 1, 0, 0"),
        (chain("Reshape", "five"), r"node the_odd: reshapes \(4, 8, 8\) to \[1, 5\]"),
        (chain("Concat", "conv", axis=2), r"node the_odd: axis is 2, expected the channels"),
        (chain("Transpose", perm=[0, 2, 1, 3]), r"node the_odd: transposes \(4, 8, 8\) by"),
        (
            chain("MaxPool", kernel_shape=[3, 3], pads=[0, 0, 3, 3], strides=[2, 2]),
            "the_odd: pools",
        ),
        (chain("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1]), r"node the_odd: pools"),
        (chain("Gemm", "two"), r"node the_odd: weights are float32 of shape \(\), expected floats"),
        (chain("Conv", "conv"), r"node the_odd: input 'conv' varies, expected a constant"),
        (chain("Conv", "w"), r"node the_odd: weights are for 3 channels, expected 4 as it reads"),
    ],
)
def test_what_is_not_supported_is_named_with_its_node(
    nodes: list[onnx.NodeProto], message: str, tmp_path: Path
) -> None:
    path = write_onnx(tmp_path / "net.onnx", nodes, CONSTANTS)
    with pytest.raises(ConfigError, match=message) as caught:
        read_onnx(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_an_image_read_both_rescaled_and_as_it_is_is_refused(tmp_path: Path) -> None:
    nodes = [
        node("Mul", ["x", "two"], "doubled"),
        node("Conv", ["doubled", "w"], "left"),
        node("Conv", ["x", "w"], "right"),
        node("Add", ["left", "right"], "sum"),
        node("GlobalAveragePool", ["sum"], "y"),
    ]
    with pytest.raises(ConfigError, match="node the_right: reads the image both as it is and"):
        read_onnx(write_onnx(tmp_path / "net.onnx", nodes, CONSTANTS))


def test_weights_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    constants = {**CONSTANTS, "w": np.full((4, 3, 3, 3), np.nan, np.float32)}
    path = write_onnx(tmp_path / "net.onnx", chain("Relu"), constants)
    with pytest.raises(ConfigError, match="node the_conv: weight holds a value that is not finite"):
        read_onnx(path)


def test_a_size_left_open_must_be_given(tmp_path: Path) -> None:
    nodes = [*chain("Relu")]
    path = write_onnx(tmp_path / "net.onnx", nodes, CONSTANTS, shape=(1, 3, "h", "w"))
    with pytest.raises(ConfigError, match="leaves its size open, expected --shape"):
        read_onnx(path)
    assert read_onnx(path, shape=(8, 8, 3)).shape == (8, 8, 3)
    with pytest.raises(ConfigError, match=r"has shape \[0, 0, 3\], expected \[8, 8, 1\]"):
        read_onnx(path, shape=(8, 8, 1))


def test_cut_files_are_refused_in_one_line(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "net.onnx", chain("Relu"), CONSTANTS)
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 37), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(ConfigError) as caught:
            read_onnx(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="not a readable ONNX network"):
        read_onnx(tmp_path / "absent.onnx")


def test_weights_that_lie_beside_the_file_are_read(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "net.onnx", chain("Relu"), CONSTANTS)
    expected = read_onnx(path)
    model = onnx.load(str(path))
    onnx.save_model(
        model, str(path), save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    x = np.random.default_rng(0).random((1, 3, 8, 8)).astype(np.float32)
    np.testing.assert_array_equal(answer(read_onnx(path), x), answer(expected, x))
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(ConfigError, match="not a readable ONNX network"):
        read_onnx(path)


def test_constants_may_be_nodes(tmp_path: Path) -> None:
    held = onnx.helper.make_node(
        "Constant", [], ["w2"], value=numpy_helper.from_array(CONSTANTS["w"])
    )
    nodes = [held, *chain("Relu")]
    nodes[1].input[1] = "w2"
    check(write_onnx(tmp_path / "net.onnx", nodes, {}), (8, 8, 3))
