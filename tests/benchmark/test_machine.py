"""The description of the machine, and what its arithmetic allows."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

from leadline.benchmark import arithmetic_limit, machine
from leadline.benchmark.multiply_adds import count_multiply_adds


def test_the_machine_is_described_in_plain_values():
    told = machine.describe_machine()
    assert json.loads(json.dumps(told)) == told
    assert told["cpu"]
    assert told["cores"] >= 1
    assert {"leadline", "numpy", "onnxruntime"} <= told["versions"].keys()


CPU_OF_A_PC = "processor : 0\nmodel name : Fast: CPU\nflags : fpu avx2 fma\n\nprocessor : 1\nmodel name : Other"
CPU_OF_A_PI = "processor\t: 0\nFeatures\t: fp asimd asimddp\n\nprocessor\t: 1\n\nModel\t\t: Raspberry Pi 5"


@pytest.mark.parametrize(
    ("text", "cpu", "instructions"),
    [
        (CPU_OF_A_PC, "Fast: CPU", ["avx2", "fma"]),
        (CPU_OF_A_PI, "Raspberry Pi 5", ["asimd", "asimddp"]),
    ],
)
def test_processors_of_x86_and_arm_are_read(monkeypatch, text, cpu, instructions):
    monkeypatch.setattr(machine, "_text", lambda path: text if path == "/proc/cpuinfo" else None)
    told = machine.describe_machine()
    assert (told["cpu"], told["instructions"], told["governor"]) == (cpu, instructions, None)


def test_the_limit_is_a_matrix_product():
    ends = [make_tensor_value_info(name, TensorProto.FLOAT, [None, None]) for name in "abc"]
    graph = make_graph([make_node("MatMul", ["a", "b"], ["c"])], "g", ends[:2], ends[2:])
    made = make_model(graph, opset_imports=[make_opsetid("", 13)], ir_version=8)
    assert onnx.load_from_string(arithmetic_limit._GRAPH) == made
    subject = arithmetic_limit.open_matrix_product(1)
    (product,) = subject.actions[arithmetic_limit.MATRIX_PRODUCT]()
    matrix = np.random.default_rng(0).random((arithmetic_limit.SIZE, arithmetic_limit.SIZE), np.float32)
    assert np.allclose(product, matrix @ matrix, rtol=1e-3)


def test_multiply_adds_of_an_onnx_file_are_those_of_its_shapes(tmp_path):
    def weights(name, *shape):
        return onnx.numpy_helper.from_array(np.zeros(shape, np.float32), name)

    nodes = [
        make_node("Conv", ["image", "plain"], ["a"], pads=[1, 1, 1, 1]),
        make_node("Relu", ["a"], ["b"]),
        make_node("Conv", ["b", "depthwise"], ["c"], group=8, pads=[1, 1, 1, 1]),
        make_node("ConvTranspose", ["c", "up"], ["d"], strides=[2, 2]),
        make_node("MatMul", ["d", "square"], ["e"]),
    ]
    kernels = [("plain", 8, 3, 3, 3), ("depthwise", 8, 1, 3, 3), ("up", 8, 4, 2, 2), ("square", 24, 24)]
    image = make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 10, 12])
    end = make_tensor_value_info("e", TensorProto.FLOAT, None)
    graph = make_graph(nodes, "five", [image], [end], [weights(*kernel) for kernel in kernels])
    onnx.save(make_model(graph, opset_imports=[make_opsetid("", 17)], ir_version=8), tmp_path / "five.onnx")
    pixels = 10 * 12
    expected = pixels * 8 * 3 * 9 + pixels * 8 * 9 + pixels * 8 * 4 * 4 + 4 * 4 * pixels * 24
    assert count_multiply_adds(tmp_path / "five.onnx", height=10, width=12) == expected
