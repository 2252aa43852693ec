"""ONNX: the project's own node tests, graphs made by hand, and what PyTorch's exporter writes."""

import importlib.util
import itertools
import os
import warnings

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from suite import Suite, read, reference, same

suite = Suite("onnx")
generator = np.random.default_rng(1)
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
FOLDERS = ("/usr/share/libonnx-testdata/data/node",
           os.path.join(os.path.dirname(onnx.__file__), "backend/test/data/node"))

# ==== The ONNX project's own node tests: from Debian's libonnx-testdata, or from the onnx package


def node_test(folder, name):
    status, _, err = suite.command(os.path.join(folder, "model.onnx"), suite.output(name), "--test-data",
                                   os.path.join(folder, "test_data_set_0"))
    assert status == 0, err
    graph, tensors, tests = read(suite.output(name))
    tensor = onnx.TensorProto()
    with open(os.path.join(folder, "test_data_set_0/output_0.pb"), "rb") as file:
        tensor.ParseFromString(file.read())
    expected = numpy_helper.to_array(tensor)
    x, n, y = tests[-1]  # the project's own
    assert np.array_equal(np.sort(y, None), np.sort(expected, None)), "not the project's output"
    same(reference.run(graph, tensors, x, n)[0], y, "the project's output")


def node_tests():
    folder = next(folder for folder in FOLDERS if os.path.isdir(folder))
    names = sorted(name for name in os.listdir(folder)
                   if name.startswith(("test_lstm_", "test_gru_", "test_simple_rnn_", "test_rnn_")))
    print(f"# onnx: {len(names)} node tests of {folder}")
    for name in names:
        suite.run(f"the ONNX project's {name}", node_test, os.path.join(folder, name), name)
    suite.run("there are node tests", lambda: names.index("test_lstm_with_peepholes"))


# ==== Graphs made by hand

class Graph:
    """Nodes in a row over x [time, batch, 3], or [batch, time, 3]."""

    def __init__(self, sizes=(None, None, 3), inputs=()):
        self.nodes, self.weights, self.last = [], [], "x"
        self.inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, sizes), *inputs]

    def weight(self, array):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def random(self, *shape):
        return self.weight((generator.standard_normal(shape) * 0.6).astype(np.float32))

    def node(self, kind, *more, inputs=None, outputs=1, **options):
        """A node over the last output; more: further inputs. Returns the names of its outputs."""
        names = [f"y{len(self.nodes)}_{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(kind, [self.last, *more] if inputs is None else inputs, names, **options))
        self.last = names[0]
        return names

    def recurrent(self, kind, width, units, ways=1, more=(), bias=True, **options):
        if ways == 2:
            options["direction"] = "bidirectional"
        rows = GATES[kind] * units
        weights = [self.random(ways, rows, width), self.random(ways, rows, units),
                   self.random(ways, 2 * rows) if bias else "", *more]
        return self.node(kind, *weights, outputs=3 if kind == "LSTM" else 2, hidden_size=units, **options)

    def integers(self, *values):
        return self.weight(np.array(values, np.int64))

    def save(self, name, *outputs, opset=13):
        path = suite.path(name.replace(" ", "_") + ".onnx")
        values = [helper.make_tensor_value_info(output, TensorProto.FLOAT, None) for output in outputs or (self.last,)]
        model = helper.make_model(helper.make_graph(self.nodes, "g", self.inputs, values, self.weights),
                                  opset_imports=[helper.make_opsetid("", opset)], ir_version=7)
        onnx.save(model, path)
        return path


def lengths_input():
    return helper.make_tensor_value_info("n", TensorProto.INT32, [None])


def made(name, graph, *options, lengths=False, **expected):
    suite.converts(name, graph.save(name), None, *options, lengths=lengths, **expected)


for kind, ways, (options, activation) in itertools.product(
        GATES, (1, 2), (({}, "tanh"), ({"activations": "Sigmoid"}, "sigmoid"), ({"activations": "Relu"}, "relu"))):
    if options:
        gates = {"LSTM": ["Sigmoid", "X", "X"], "GRU": ["Sigmoid", "X"], "RNN": ["X"]}[kind]
        options = {"activations": [options["activations"] if gate == "X" else gate for gate in gates] * ways}
    g = Graph(inputs=[lengths_input()])
    g.recurrent(kind, 3, 5, ways, more=["n"], **options)
    made(f"{kind} directions {ways} {activation}", g, lengths=True,
         type="rnn" if ways == 1 else "bidirectional_rnn", activation=activation)
for lbr, ways in itertools.product((0, 1), (1, 2)):
    g = Graph()
    g.recurrent("GRU", 3, 5, ways, linear_before_reset=lbr)
    if ways == 1:
        made(f"GRU linear_before_reset {lbr}", g, cell={
            "type": "cudnn_compatible_gru" if lbr else "gru", "num_units": 5, "activation": "tanh"})
    else:
        made(f"GRU directions 2 linear_before_reset {lbr}", g)
for ways in (1, 2):
    g = Graph()
    g.recurrent("LSTM", 3, 5, ways, more=["", "", "", g.random(ways, 15)], bias=False)
    made(f"peepholes directions {ways}", g, use_peepholes=True)

g = Graph()
g.recurrent("LSTM", 3, 5, 2)
g.node("Transpose", perm=[0, 2, 1, 3])
g.node("Reshape", g.integers(0, 0, -1))
g.recurrent("GRU", 10, 4)
g.node("Squeeze", g.integers(1))
g.node("MatMul", g.random(4, 6))
g.node("Add", g.random(6), inputs=[g.weight(generator.standard_normal(6).astype(np.float32)), g.last])
g.node("Dropout")
g.node("Relu")
g.node("Transpose", perm=[1, 0, 2])
g.node("MatMul", g.random(6, 2))
g.node("Softmax", axis=-1)
made("two layers and their plumbing", g)

g = Graph()
names = g.recurrent("LSTM", 3, 5, 2)
first, = g.node("Gather", g.weight(np.int64(0)), inputs=[names[1], g.weight(np.int64(0))], axis=0)
second, = g.node("Slice", inputs=[names[1], g.integers(-1), g.integers(9), g.integers(0)])
g.node("Squeeze", g.integers(0))
g.node("Concat", inputs=[first, g.last], axis=1)
g.node("Gemm", g.random(2, 10), g.random(2), transB=1, alpha=0.5, beta=2.0)
g.node("Sigmoid")
made("final outputs of both directions", g, **{"return": "last"})

g = Graph()
names = g.recurrent("GRU", 3, 4, 2)
halves = g.node("Split", axis=1, outputs=2)
g.node("Add", inputs=list(halves))
g.node("Squeeze", g.integers(1))
made("both directions added", g, merge="sum")

g = Graph()
g.recurrent("RNN", 3, 4)
g.node("Squeeze", g.integers(1))
g.node("Gather", g.weight(np.int64(-1)), axis=0)
g.node("Gemm", g.random(4, 1))
g.node("Squeeze", g.integers(1))
made("last step, and an output without an axis of its own", g, **{"return": "last"})

g = Graph()
g.recurrent("LSTM", 3, 5)
g.node("Squeeze", g.integers(1))
g.node("Transpose", perm=[1, 2, 0])
g.node("Relu")
g.node("Conv", g.random(4, 5, 1), g.random(4), kernel_shape=[1], strides=[1], pads=[0, 0])
g.node("Softmax", axis=1)
g.node("Conv", g.random(2, 4, 1))
g.node("Sigmoid")
g.node("Transpose", perm=[2, 0, 1])
made("convolutions of one step, and activations on the way", g)

g = Graph((None, 6, 3))
g.node("Transpose", perm=[1, 0, 2])
names = g.recurrent("RNN", 3, 4)
g.node("Squeeze", g.integers(1))
g.node("Slice", inputs=[g.last, g.integers(5), g.integers(6), g.integers(0)])
g.node("Reshape", g.integers(-1, 4))
made("the last of six steps, batch first", g, **{"return": "last"})

g = Graph((1, 1, 3))
names = g.recurrent("GRU", 3, 4)
made("one step and one row", g)

g = Graph()
g.node("Gemm", g.random(3, 4), inputs=[g.node("Reshape", g.integers(-1, 3))[0], g.random(3, 4)])
shape, = g.node("Shape", inputs=["x"])
lead, = g.node("Slice", inputs=[shape, g.integers(0), g.integers(2)])
whole, = g.node("Concat", inputs=[lead, g.integers(4)], axis=0)
g.node("Reshape", inputs=[g.nodes[1].output[0], whole])
g.node("Tanh")
g.recurrent("LSTM", 4, 3)
made("a matrix over flattened steps first", g)

state = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, None, 5]) for name in "hc"]
g = Graph(inputs=state)
names = g.recurrent("LSTM", 3, 5, more=["", "h", "c"])


def state_inputs():
    status, out, err = suite.command(g.save("states", *names), suite.output("states"))
    assert status == 0 and "'h' is left to initial_state" in out and "the output 'y0_0' of" in out, out + err


suite.run("initial states that are inputs are left to the caller", state_inputs)

# ==== What is refused


def refused(part, build, *options, sizes=(None, None, 3), inputs=(), opset=13):
    graph = Graph(sizes, inputs)
    build(graph)
    suite.refuses(part, graph.save("refused", opset=opset), *options)


def after_lstm(kind, *more, ways=1, **options):
    def build(g):
        g.recurrent("LSTM", 3, 3, ways)
        g.node("Squeeze", g.integers(1)) if ways == 1 else None
        g.node(kind, *(one(g) for one in more), **options)
    return build


one_state = np.ones((1, 1, 5), np.float32)
for part, options in (("clip, which", {"clip": 3.0}), ("input_forget", {"input_forget": 1}),
                      ("direction=reverse", {"direction": "reverse"}),
                      ("activations hardsigmoid", {"activations": ["HardSigmoid", "Tanh", "Tanh"]}),
                      ("activations sigmoid, tanh, relu", {"activations": ["Sigmoid", "Tanh", "Relu"]}),
                      ("activations sigmoid, elu, elu", {"activations": ["Sigmoid", "Elu", "Elu"]})):
    refused(part, lambda g, options=options: g.recurrent("LSTM", 3, 5, **options))
refused("initial_h is not zero", lambda g: g.recurrent("LSTM", 3, 5, more=["", g.weight(one_state)]),
        sizes=(None, 1, 3))
refused("initial_c is not zero", lambda g: g.recurrent("LSTM", 3, 5, more=["", "", g.weight(one_state)]),
        sizes=(None, 1, 3))
refused("sequence_lens is a constant", lambda g: g.recurrent("GRU", 3, 5, more=[g.weight(np.array([2, 1], np.int32))]),
        sizes=(4, 2, 3))
refused("W or R does not have the shape", lambda g: g.recurrent("LSTM", 4, 5))
refused("B has the shape (1, 20), expected (1, 40)", lambda g: g.node(
    "LSTM", g.random(1, 20, 3), g.random(1, 20, 5), g.random(1, 20), hidden_size=5))
refused("P has the shape (1, 5), expected (1, 15)", lambda g: g.node(
    "LSTM", g.random(1, 20, 3), g.random(1, 20, 5), "", "", "", "", g.random(1, 5), hidden_size=5))
refused("hidden_size=4, and R has 5", lambda g: g.node("GRU", g.random(1, 15, 3), g.random(1, 15, 5), hidden_size=4))
refused("axis 1 is not that of the features", lambda g: g.node("Conv", g.random(3, 3, 1)))
for options, shape in (({}, (3, 3, 2)), ({"strides": [2]}, (3, 3, 1)), ({"pads": [0, 1]}, (3, 3, 1)),
                       ({"group": 3}, (3, 1, 1))):
    refused("sees more than one place", lambda g, options=options, shape=shape: (
        g.recurrent("LSTM", 3, 3), g.node("Squeeze", g.integers(1)), g.node("Transpose", perm=[1, 2, 0]),
        g.node("Conv", g.random(*shape), **options)))
refused("is not over the features", lambda g: (
    g.recurrent("LSTM", 3, 3), g.node("Transpose", perm=[0, 1, 3, 2]), g.node("Softmax", axis=-1)))
refused("Mul 'y", after_lstm("Mul", lambda g: g.weight(np.float32(2))))
refused("LayerNormalization", after_lstm("LayerNormalization", lambda g: g.random(3)), opset=17)
refused("two signals", lambda g: (g.recurrent("LSTM", 3, 3), g.node("Squeeze", g.integers(1)), g.node("Add", "x")))
refused("adds a constant", after_lstm("Add", lambda g: g.random(3)))
refused("multiplies from the left", lambda g: g.node("MatMul", inputs=[g.random(3, 3), "x"]))
refused("is not over the features", after_lstm("Softmax", axis=0))
refused("is not over the features", after_lstm("Softmax"), opset=11)
refused("turns it around", after_lstm("Slice", lambda g: g.integers(-1), lambda g: g.integers(-99),
                                      lambda g: g.integers(0), lambda g: g.integers(-1)))
refused("not the last in each direction", after_lstm("Gather", lambda g: g.weight(np.int64(1)), axis=0))
refused("not the last in each direction", after_lstm("Gather", lambda g: g.weight(np.int64(-1)), axis=0, ways=2))
refused("gathers more than one", after_lstm("Gather", lambda g: g.integers(0, 1), axis=0))
refused("takes apart an axis of features", after_lstm("Gather", lambda g: g.weight(np.int64(1)), axis=2))
refused("past the end of rows", lambda g: (g.recurrent("RNN", 3, 3, more=["n"]),
                                           g.node("Gather", g.weight(np.int64(-1)), axis=0)), inputs=[lengths_input()])
refused("uses the directions", lambda g: (g.recurrent("LSTM", 3, 3, 2), g.node("Gather", g.weight(np.int64(0)), axis=1),
                                          g.node("Relu")))
refused("is not that of the features", lambda g: (g.recurrent("LSTM", 3, 3, 2), g.node("Relu")))
refused("cuts across the axes", after_lstm("Reshape", lambda g: g.integers(3, -1)))
refused("takes for time", lambda g: (g.recurrent("LSTM", 3, 3), g.node("Squeeze", g.integers(1)),
                                     g.node("Transpose", perm=[1, 0, 2]), g.recurrent("LSTM", 3, 3)))
refused("not one chain", lambda g: (g.recurrent("LSTM", 3, 3), g.node("Squeeze", g.integers(1)), g.node(
    "Concat", inputs=[g.last, "x"], axis=2), g.node("MatMul", g.random(6, 2))))
refused("'gain' has no value", lambda g: g.node("MatMul", "gain"),
        inputs=[helper.make_tensor_value_info("gain", TensorProto.FLOAT, [3, 3])])
refused("the cell state", lambda g: g.node("Relu", inputs=[g.recurrent("LSTM", 3, 3)[2]]))
refused("of the domain 'mine'", lambda g: g.node("Relu", domain="mine"))
refused("expected three of which the last is known", lambda g: g.node("Relu"), sizes=(None, 3))
refused("expected three of which the last is known", lambda g: g.node("Relu"), sizes=(None, None, None))
refused("the graph's outputs are", lambda g: g.node("Relu"), "--output-name", "z")
refused("too large", lambda g: g.node("MatMul", inputs=["x", g.node("ConstantOfShape", inputs=[
    g.integers(1 << 40, 3)])[0]]))

plain = Graph()
plain.recurrent("LSTM", 3, 5)
file = plain.save("plain")
plain.save("net")
suite.documented()
suite.wrong_gates_are_found(file)
suite.damaged_files_are_refused(file)
suite.same_bytes(file)
node_tests()


# ==== What PyTorch's exporter writes

def exported():
    import torch
    from torch import nn
    torch.manual_seed(1)

    class Net(nn.Module):
        def __init__(self, rnn, function, width):
            super().__init__()
            self.rnn, self.fc, self.function = rnn, nn.Linear(width, 2), function

        def forward(self, x, *more):
            return self.function(self, x, *more)

    def packed(net, x, n):
        y, _ = net.rnn(nn.utils.rnn.pack_padded_sequence(x, n, batch_first=True))
        return net.fc(nn.utils.rnn.pad_packed_sequence(y, batch_first=True)[0])

    def halves(net, x):
        y, _ = net.rnn(x)
        return net.fc(y[..., :5] + y[..., 5:])

    def both_ends(net, x):
        h = net.rnn(x)[1][0]
        return net.fc(torch.cat([h[-2], h[-1]], 1))

    first, two = {"batch_first": True}, {"batch_first": True, "bidirectional": True}
    cases = {"sequence": (nn.LSTM(3, 5, 2), lambda net, x: net.fc(net.rnn(x)[0]), 5),
             "last step": (nn.GRU(3, 5, **first), lambda net, x: net.fc(net.rnn(x)[0][:, -1]).softmax(-1), 5),
             "final state": (nn.LSTM(3, 5, 2, **first), lambda net, x: net.fc(net.rnn(x)[1][0][-1]).sigmoid(), 5),
             "bidirectional": (nn.LSTM(3, 5, 2, **two), lambda net, x: net.fc(net.rnn(x)[0]).relu(), 10),
             "both ends": (nn.LSTM(3, 5, 2, **two), both_ends, 10),
             "halves added": (nn.GRU(3, 5, **two), halves, 5),
             "zero states": (nn.RNN(3, 5, **first),
                             lambda net, x: net.fc(net.rnn(x, torch.zeros(1, x.size(0), 5))[0]), 5),
             "packed": (nn.LSTM(3, 5, **two), packed, 10)}
    for (name, (rnn, function, width)), dynamic in itertools.product(cases.items(), (True, False)):
        if name == "packed" and dynamic:
            continue  # the exporter writes the batch's size into its zeros
        file = suite.path("exported.onnx")
        net = Net(rnn, function, width).eval()
        more = (torch.tensor([6, 5, 3, 1]),) if name == "packed" else ()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(net, (torch.randn(4, 6, 3), *more), file, input_names=["x", "n"][:1 + len(more)],
                              dynamic_axes={"x": {0: "a", 1: "b"}} if dynamic else None, opset_version=13)

        def original(x, net=net, rnn=rnn):
            with torch.no_grad():
                turn = (lambda a: a) if rnn.batch_first else (lambda a: a.transpose(0, 1))
                return turn(net(turn(torch.from_numpy(x)))).numpy()

        suite.converts(f"exported {name} {'of any size' if dynamic else 'of one size'}", file,
                       None if more else original, lengths=bool(more))


if importlib.util.find_spec("torch"):
    exported()
else:
    print("# onnx: no PyTorch, so what it exports is not tested")
suite.wrong_usage()
suite.end()
