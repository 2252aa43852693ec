"""ONNX Runtime: a model of one recurrent operator and a dense layer, by its own I/O binding. It does not train."""

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from worker import CLASSES, STREAM_STEPS, Unsupported

OPERATORS = {"lstm": "LSTM", "gru": "GRU", "cudnn_compatible_gru": "GRU", "basic_rnn": "RNN"}
ORDERS = {"lstm": "iofj", "gru": "urc", "cudnn_compatible_gru": "urc", "basic_rnn": "h"}


def describe():
    return onnxruntime.__version__, "-"


def make_model(p):
    """Inputs X [time, batch, input] and, of streams, h and c; outputs Y or, of batches, last and logits."""
    kernel, recurrent, bias, hidden_bias = p.by_gates(ORDERS[p.cell])
    constants = {"W": kernel.T[None], "R": recurrent.T[None], "B": numpy.concatenate([bias, hidden_bias])[None]}
    inputs = [helper.make_tensor_value_info("X", TensorProto.FLOAT, [p.time, p.batch, p.input])]
    states = ["h", "c"] if p.cell == "lstm" else ["h"]
    attributes = {"hidden_size": p.units}
    if "gru" in p.cell:
        attributes["linear_before_reset"] = int(p.cell == "cudnn_compatible_gru")
    arguments = ["X", "W", "R", "B", ""]
    nodes = []
    if p.is_stream:
        arguments += states
        state_shape = [1, p.batch, p.units]
        inputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, state_shape) for name in states]
        results = ["Y"] + [name + "_next" for name in states]
        outputs = [helper.make_tensor_value_info("Y", TensorProto.FLOAT, [p.time, 1, p.batch, p.units])]
        outputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, state_shape) for name in results[1:]]
    else:
        results = ["", "Y_h"]
        if p.ragged:
            constants["lengths"] = p.lengths
            arguments[4] = "lengths"
        constants.update(axis=numpy.array([0]), K=p.dense_kernel, b=p.dense_bias)
        nodes = [helper.make_node("Squeeze", ["Y_h", "axis"], ["last"])]
        nodes += [helper.make_node("Gemm", ["last", "K", "b"], ["logits"])]
        outputs = [helper.make_tensor_value_info("last", TensorProto.FLOAT, [p.batch, p.units])]
        outputs += [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [p.batch, CLASSES])]
    nodes.insert(0, helper.make_node(OPERATORS[p.cell], arguments, results, **attributes))
    tensors = [numpy_helper.from_array(numpy.ascontiguousarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "rnn", inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)


class Model:
    def __init__(self, p):
        self.p = p
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = p.threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.force_spinning_stop", "1")  # no spinning between the turns
        model = make_model(p).SerializeToString()
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.answers = self.answer()


class Inference(Model):
    def answer(self):
        self.binding = self.session.io_binding()
        self.binding.bind_cpu_input("X", numpy.ascontiguousarray(self.p.inputs.swapaxes(0, 1)))
        for output in self.session.get_outputs():
            self.binding.bind_output(output.name)
        self.run(1)
        return self.binding.copy_outputs_to_cpu()

    def run(self, calls):
        for _ in range(calls):
            self.session.run_with_iobinding(self.binding)


class Stream(Model):
    """Two bindings for each input; the second reads the state that the first writes."""

    def bind(self, x, state, next_state):
        binding = self.session.io_binding()
        binding.bind_cpu_input("X", x)
        binding.bind_ortvalue_output("Y", self.output)
        for name, value in state.items():
            binding.bind_ortvalue_input(name, value)
            binding.bind_ortvalue_output(name + "_next", next_state[name])
        return binding

    def answer(self):
        p = self.p

        def zeros(*shape):
            return onnxruntime.OrtValue.ortvalue_from_numpy(numpy.zeros(shape, numpy.float32))

        names = ["h", "c"] if p.cell == "lstm" else ["h"]
        even, odd = ({name: zeros(1, p.batch, p.units) for name in names} for _ in range(2))
        self.output = zeros(p.time, 1, p.batch, p.units)
        steps = list(range(0, STREAM_STEPS, p.time)) * 2
        self.bindings = []
        for k, step in enumerate(steps):
            states = (odd, even) if k % 2 else (even, odd)
            self.bindings.append(self.bind(p.inputs[step : step + p.time], *states))
        self.at = 0
        outputs = []
        for _ in range(STREAM_STEPS // p.time):
            self.run(1)
            outputs.append(self.output.numpy().copy())
        return outputs

    def run(self, calls):
        bindings, session = self.bindings, self.session
        for _ in range(calls):
            session.run_with_iobinding(bindings[self.at])
            self.at = (self.at + 1) % len(bindings)


def create(p):
    if p.kind == "train":
        raise Unsupported("ONNX Runtime does not train")
    return Inference(p) if p.kind == "infer" else Stream(p)
