"""The recurrent part of a public voice-activity model, from its ONNX file, beside onnxruntime running the whole of it."""

import numpy as np
import onnx
import onnxruntime
from onnx import helper
from suite import Suite
from voice import compare, unpacked, windows

suite = Suite("onnx")
model = onnx.load(unpacked(suite, "silero_vad_16k_sequence.onnx"))
graph = model.graph
first, lstm = next((k, node) for k, node in enumerate(graph.node) if node.op_type == "LSTM")
features, states = lstm.input[0], [info for info in graph.input if info.name in (lstm.input[5], lstm.input[6])]


def tensor(name, sizes):
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, sizes)


def convert():
    """The graph from the LSTM on is a graph of its own."""
    part = helper.make_graph(graph.node[first:], "recurrent", [tensor(features, [None, 1, 128]), *states],
                             graph.output[:1], graph.initializer)
    onnx.save(helper.make_model(part, opset_imports=model.opset_import, ir_version=model.ir_version),
              suite.path("recurrent.onnx"))
    status, _, err = suite.command(suite.path("recurrent.onnx"), suite.output("voice"))
    assert status == 0, err


def run():
    graph.output.append(tensor(features, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {graph.input[0].name: windows(16000, 20)}
    feeds.update({state.name: np.zeros((1, 1, 128), np.float32) for state in states})
    probabilities, h, c, x = session.run([graph.output[0].name, *lstm.output[1:3], features], feeds)
    compare(suite, "voice", x[:, 0], probabilities.ravel(), (c, h))


suite.run("the recurrent part of a voice-activity model, from its ONNX graph", convert)
suite.run("its probabilities for a voice", run)
suite.end()
