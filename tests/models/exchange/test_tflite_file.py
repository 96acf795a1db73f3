from pathlib import Path

import numpy as np
import pytest
import tflite
import torch
from datasets import found_or_message
from tflite_files import TfliteFile, convolve, depthwise, export_tflite

from adaptive.errors import ConfigError
from models.convert import convert
from models.exchange.tflite_file import read_tflite
from models.zoo.catalogue import NetworkConfig, build

RNG = np.random.default_rng(0)
SAME = tflite.Padding.SAME
RELU6 = tflite.ActivationFunctionType.RELU6


def drawn(*shape: int) -> np.ndarray:
    return RNG.normal(0.0, 0.5, shape).astype(np.float32)


def conv(file: TfliteFile, source: int, weight: int, bias: int, output: int, **options: int) -> int:
    given = {"StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1}
    return file.operator(
        "CONV_2D", [source, weight, bias], output, "Conv2DOptions", **(given | options)
    )


def answer(path: Path, x: np.ndarray) -> np.ndarray:
    """Run what was read on an image (H, W, C)."""
    network = read_tflite(path)
    gain, offset = (np.array(v, np.float32) for v in (network.gain, network.offset))
    with torch.no_grad():
        image = torch.from_numpy((x * gain + offset).transpose(2, 0, 1)[np.newaxis])
        return np.asarray(network.module(image)[0].numpy())


def test_a_network_answers_as_tensorflow_means_it(tmp_path: Path) -> None:
    file = TfliteFile()
    image = file.value("image", 1, 9, 8, 3)
    scale, minus = file.constant(np.float32([2.0])), file.constant(np.float32([1, 1, 1]))
    doubled = file.operator("MUL", [image, scale], file.value("doubled", 1, 9, 8, 3), "MulOptions")
    centred = file.operator(
        "SUB", [doubled, minus], file.value("centred", 1, 9, 8, 3), "SubOptions"
    )
    w, b = drawn(4, 3, 3, 3), drawn(4)
    stem = conv(
        file, centred, file.constant(w), file.constant(b), file.value("stem", 1, 5, 4, 4),
        Padding=SAME, StrideH=2, StrideW=2, FusedActivationFunction=RELU6,
    )  # fmt: skip
    d, e = drawn(1, 3, 3, 8), drawn(8)
    deep = file.operator(
        "DEPTHWISE_CONV_2D", [stem, file.constant(d), file.constant(e)],
        file.value("deep", 1, 5, 4, 8), "DepthwiseConv2DOptions", Padding=SAME, StrideH=1,
        StrideW=1, DepthMultiplier=2, DilationHFactor=1, DilationWFactor=1,
    )  # fmt: skip
    act = file.operator("RELU", [deep], file.value("act", 1, 5, 4, 8))
    joined = file.operator(
        "CONCATENATION", [act, stem], file.value("joined", 1, 5, 4, 12), "ConcatenationOptions",
        Axis=3,
    )  # fmt: skip
    pooled = file.operator(
        "MAX_POOL_2D", [joined], file.value("pooled", 1, 3, 2, 12), "Pool2DOptions", Padding=SAME,
        StrideH=2, StrideW=2, FilterHeight=2, FilterWidth=2,
    )  # fmt: skip
    flat = file.operator(
        "RESHAPE", [pooled, file.constant(np.int32([-1, 72]))], file.value("flat", 1, 72)
    )
    m, c = drawn(5, 72), drawn(5)
    logits = file.operator(
        "FULLY_CONNECTED", [flat, file.constant(m), file.constant(c)], file.value("logits", 1, 5),
        "FullyConnectedOptions",
    )  # fmt: skip
    head = file.operator("SOFTMAX", [logits], file.value("head", 1, 5), "SoftmaxOptions")
    path = file.write(tmp_path / "net.tflite", image, head)

    x = RNG.random((9, 8, 3)).astype(np.float32)
    y = np.clip(convolve(2 * x - 1, w, b, stride=2, same=True), 0, 6)
    z = np.concatenate([np.maximum(depthwise(y, d, e, stride=1), 0), y], axis=2)
    z = np.pad(z, ((0, 1), (0, 0), (0, 0)), constant_values=-np.inf)
    z = z.reshape(3, 2, 2, 2, 12).max(axis=(1, 3))
    np.testing.assert_allclose(answer(path, x), m @ z.ravel() + c, atol=1e-5)
    network = read_tflite(path)
    assert (network.shape, network.outputs) == ((9, 8, 3), 5)
    twin = convert(network.module, network.shape, normalisation=network.normalisation(None))
    pixels = np.rint(x * 255).astype(np.uint8)
    with torch.no_grad():
        found = twin.head_real(torch.from_numpy(pixels[np.newaxis]))[0].numpy()
    np.testing.assert_allclose(found, answer(path, (pixels / 255).astype(np.float32)), atol=2e-5)


@pytest.mark.parametrize("kind", ["resnet8", "mobilenet_v1_small"])
def test_networks_of_the_zoo_come_back_as_they_were(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    width = 0.25 if kind.startswith("mobilenet") else 1.0
    plain = build(NetworkConfig(kind, width), classes=7).eval()  # type: ignore[arg-type]
    path = export_tflite(convert(plain, (32, 32, 3)), tmp_path / "net.tflite")
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected, found = plain(x), read_tflite(path).module(x)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


def test_half_float_weights_and_computed_shapes_are_read(tmp_path: Path) -> None:
    file = TfliteFile()
    image = file.value("image", 1, 4, 4, 1)
    w, b = drawn(2, 3, 3, 1).astype(np.float16), drawn(2)
    wide = file.operator("DEQUANTIZE", [file.constant(w)], file.value("wide", 2, 3, 3, 1))
    stem = conv(file, image, wide, file.constant(b), file.value("stem", 1, 2, 2, 2), Padding=1)
    mean = file.operator(
        "AVERAGE_POOL_2D", [stem], file.value("mean", 1, 1, 1, 2), "Pool2DOptions", Padding=1,
        StrideH=2, StrideW=2, FilterHeight=2, FilterWidth=2,
    )  # fmt: skip
    size = file.operator("SHAPE", [mean], file.value("size", 4, kind="int32"))
    flat = file.operator("RESHAPE", [mean, size], file.value("flat", 1, 2))
    path = file.write(tmp_path / "net.tflite", image, flat)
    x = RNG.random((4, 4, 1)).astype(np.float32)
    expected = convolve(x, w.astype(np.float32), b, stride=1, same=False).mean(axis=(0, 1))
    np.testing.assert_allclose(answer(path, x), expected, atol=1e-5)


def one(
    tmp_path: Path, kind: str, table: str = "", weight: np.ndarray | None = None, **options: int
) -> Path:
    """Write a network of a convolution, the operator to try, and a mean."""
    file = TfliteFile()
    image = file.value("image", 1, 4, 4, 3)
    w, b = file.constant(drawn(4, 3, 3, 3) if weight is None else weight), file.constant(drawn(4))
    stem = conv(file, image, w, b, file.value("stem", 1, 4, 4, 4), Padding=SAME)
    odd = file.operator(kind, [stem], file.value("odd", 1, 4, 4, 4), table, **options)
    axes = file.constant(np.int32([1, 2]))
    head = file.operator("MEAN", [odd, axes], file.value("head", 1, 4), "ReducerOptions")
    return file.write(tmp_path / "net.tflite", image, head)


@pytest.mark.parametrize(
    ("kind", "table", "options", "message"),
    [
        ("LOGISTIC", "", {}, r"node 1 \(odd\): operator LOGISTIC is not supported, expected one"),
        ("HARD_SWISH", "", {}, "operator HARD_SWISH is not supported"),
        ("CUSTOM", "", {}, "operator CUSTOM is not supported"),
        ("SOFTMAX", "SoftmaxOptions", {}, r"node 2 \(head\): follows a SOFTMAX, expected one at"),
        ("CONCATENATION", "ConcatenationOptions", {"Axis": 1}, "axis is 1, expected the channels"),
        ("MAX_POOL_2D", "", {}, "has no options, expected Pool2DOptions"),
        (
            "AVERAGE_POOL_2D", "Pool2DOptions",
            {"StrideH": 1, "StrideW": 1, "FilterHeight": 3, "FilterWidth": 3, "Padding": 0},
            "node odd: pools with padding",
        ),
    ],
)  # fmt: skip
def test_what_is_not_supported_is_named_with_its_node(
    kind: str, table: str, options: dict[str, int], message: str, tmp_path: Path
) -> None:
    path = one(tmp_path, kind, table, **options)
    with pytest.raises(ConfigError, match=message) as caught:
        read_tflite(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_quantised_and_unreal_weights_are_refused(tmp_path: Path) -> None:
    path = one(tmp_path, "RELU", weight=np.ones((4, 3, 3, 3), np.int8))
    with pytest.raises(ConfigError, match=r"weights are int8 .*quantised networks are not read"):
        read_tflite(path)
    path = one(tmp_path, "RELU", weight=np.full((4, 3, 3, 3), np.inf, np.float32))
    with pytest.raises(ConfigError, match="node stem: weight holds a value that is not finite"):
        read_tflite(path)
    path = one(tmp_path, "RELU", weight=drawn(4, 3, 3, 2))
    with pytest.raises(ConfigError, match="node stem: weights are for 2 channels, expected 3"):
        read_tflite(path)


def test_an_activation_that_is_not_supported_is_refused(tmp_path: Path) -> None:
    file = TfliteFile()
    image = file.value("image", 1, 4, 4, 3)
    w, b = file.constant(drawn(4, 3, 3, 3)), file.constant(drawn(4))
    stem = conv(file, image, w, b, file.value("stem", 1, 4, 4, 4), FusedActivationFunction=4)
    with pytest.raises(ConfigError, match=r"node 0 \(stem\): activation 4 is fused, expected RELU"):
        read_tflite(file.write(tmp_path / "net.tflite", image, stem))


def test_cut_and_damaged_files_are_refused_in_one_line(tmp_path: Path) -> None:
    path = one(tmp_path, "RELU")
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for length in range(0, len(whole) - 4, 29):
        path.write_bytes(whole[:length])
        with pytest.raises(ConfigError) as caught:
            read_tflite(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)
    for _ in range(200):
        damaged = bytearray(whole)
        for at in rng.integers(8, len(whole), 4):
            damaged[at] = rng.integers(256)
        path.write_bytes(bytes(damaged))
        found = found_or_message(lambda: read_tflite(path))
        if isinstance(found, str):
            refused += 1
            assert "\n" not in found
    assert refused > 20
    with pytest.raises(ConfigError, match=r"absent\.tflite: No such file"):
        read_tflite(tmp_path / "absent.tflite")
