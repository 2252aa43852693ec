"""ONNX graphs, run by onnxruntime or by ONNX's own reference."""

import os

import numpy as np
import onnx
from model_file import Refused, check, random_inputs, save
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx_graph import FEATURES, PARTS, Tracer, inputs_of


# ==== The graph's own outputs

class Runner:
    """Runs the graph by onnxruntime if it is there and takes it, or else by ONNX's own reference, which knows less."""

    def __init__(self, model, tracer, output, values):
        self.tracer, self.output, self.values = tracer, output, values
        self.model = onnx.ModelProto()
        self.model.CopyFrom(model)
        for info in [*self.model.graph.input, *self.model.graph.output]:  # other sizes than those written down may do
            for dim in info.type.tensor_type.shape.dim:
                dim.Clear()
        del self.model.graph.value_info[:]
        self.ran = False

    def candidates(self):
        try:
            import onnxruntime
        except ImportError:
            pass
        else:
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 4
            try:
                session = onnxruntime.InferenceSession(self.model.SerializeToString(), options,
                                                       ["CPUExecutionProvider"])
                yield lambda feeds: session.run([self.output], feeds)[0]
            except Exception:  # its exceptions have no class in common
                pass
        evaluator = ReferenceEvaluator(self.model)
        yield lambda feeds: evaluator.run([self.output], feeds)[0]

    def feeds(self, inputs, lengths):
        tracer, feeds = self.tracer, {}
        batch, time, _ = inputs.shape
        for info in inputs_of(self.model.graph):
            if info.name == tracer.data.name:
                first = tracer.batch == "axis 0" or tracer.batch is None
                value = inputs if first else inputs.transpose(1, 0, 2)
            elif info.name == tracer.lengths:
                value = np.full(batch, time) if lengths is None else lengths
            elif info.name in self.values:
                value = self.values[info.name]
            else:
                value = np.zeros([d if d else batch for d in declared(info, self.tracer.graph)])
            feeds[info.name] = np.ascontiguousarray(
                value, helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type))
        return feeds

    def outputs(self, run_graph, inputs, lengths, rows):
        """[batch, time, width], or [batch, width]; `rows` rows at a time."""
        pieces = []
        for k in range(0, len(inputs), rows):
            x = inputs[k:k + rows]
            y = run_graph(self.feeds(x, None if lengths is None else lengths[k:k + rows]))
            pieces.append(straight(self.tracer, np.asarray(y), x.shape[0], x.shape[1]))
        return np.concatenate(pieces)


def declared(info, graph):
    """The sizes that the graph declares for an input, 0 for an unknown one."""
    original = next(other for other in graph.input if other.name == info.name)
    return [dim.dim_value for dim in original.type.tensor_type.shape.dim]


def straight(tracer, y, batch, time):
    """The graph's output array as [batch, time, width], or [batch, width]."""
    batch_label, time_label = tracer.batch or "axis 0", tracer.time or "axis 1"
    sizes = {batch_label: batch, time_label: time}
    atoms = [(label, sizes.get(label, size)) for axis in tracer.output.axes for label, size in axis]
    y = y.reshape([size for _, size in atoms])
    labels = [label for label, _ in atoms]
    order = [labels.index(label) for label in (batch_label, time_label, PARTS, FEATURES) if label in labels]
    return y.transpose(order).reshape((batch, tracer.network.width) if tracer.output.final
                                      else (batch, time, tracer.network.width))


def make_tests(model, tracer, output, values, sizes):
    """Tests of whatever sizes the graph takes: any, or those that it declares."""
    batch, time = sizes if tracer.batch in (None, "axis 0") else sizes[::-1]
    attempts = [(((1, 5), (3, 8), (4, 9)), 4)]
    rows = batch or 1
    for times in (5, 8, 9), (time,) * 3:
        if times[0]:
            attempts.append((tuple((-(-3 // rows) * rows, t) for t in times), rows))
    runner, reasons = Runner(model, tracer, output, values), []
    for run_graph in runner.candidates():
        for shapes, rows in attempts:
            inputs = random_inputs(tracer.network.input_size, tracer.lengths is not None, shapes)
            try:
                tests = [(x, n, runner.outputs(run_graph, x, n, rows)) for x, n in inputs]
            except Exception as error:  # onnxruntime's exceptions have no class in common
                reasons.append(Refused(f"neither onnxruntime nor onnx.reference runs the graph: {error}"))
                continue
            try:
                check(tracer.network, tests)
                return tests
            except Refused as error:  # a graph that means the last step may say which one that is
                reasons.append(error)
                runner.ran = True
        if runner.ran:
            break
    raise next((reason for reason in reasons if "differs" in str(reason)), reasons[0])


# ==== Files

def read_tensor(path):
    tensor = onnx.TensorProto()
    with open(path, "rb") as file:
        tensor.ParseFromString(file.read())
    return numpy_helper.to_array(tensor)


def read_folder(folder, graph):
    """Values of the graph's inputs by name, and of its outputs in order: ONNX's own test data."""
    inputs = {}
    for k, info in enumerate(graph.input):
        path = os.path.join(folder, f"input_{k}.pb")
        if os.path.exists(path):
            inputs[info.name] = read_tensor(path)
    paths = [os.path.join(folder, f"output_{k}.pb") for k in range(len(graph.output))]
    return inputs, [read_tensor(path) if os.path.exists(path) else None for path in paths]


def recorded_test(tracer, given, output):
    """The folder's inputs and output as a self-test."""
    x = given[tracer.data.name].astype(np.float32)
    x = x if tracer.batch in (None, "axis 0") else x.transpose(1, 0, 2)
    lengths = given[tracer.lengths] if tracer.lengths else None
    return x, lengths, straight(tracer, output, x.shape[0], x.shape[1])


def main(path, output, output_name=None, test_data=None):
    model = onnx.load(path)
    if model.functions:
        from onnx import inliner
        model = inliner.inline_local_functions(model)
    graph = model.graph
    if not inputs_of(graph) or not graph.output:
        raise Refused(f"{path}: the graph has no input or no output")
    names = [info.name for info in graph.output]
    name = names[0] if output_name is None else output_name
    if name not in names:
        raise Refused(f"--output-name: the graph's outputs are {', '.join(names)}")
    given, expected = read_folder(test_data, graph) if test_data else ({}, [None] * len(names))
    data = inputs_of(graph)[0]
    sizes = list(given[data.name].shape) if data.name in given else declared(data, graph)
    if len(sizes) != 3 or not sizes[2]:
        raise Refused(f"the input {data.name!r} has the sizes {sizes}, expected three of which the last is known")
    taken = {size for tensor in graph.initializer for size in tensor.dims}
    unknown = (size for size in (101, 103, 107, 109, 113, 127, 131, 137) if size not in taken)
    values = {key: value for key, value in given.items() if key != data.name}
    tracer = Tracer(model, name, [size or next(unknown) for size in sizes], values)
    tests = make_tests(model, tracer, name, values, sizes[:2])
    if expected[names.index(name)] is not None:
        tests.append(recorded_test(tracer, given, expected[names.index(name)]))
    said = save(output, tracer.network, tests)
    notes = [f"the output {name!r} of {', '.join(names)}"] if len(names) > 1 else []
    notes += [f"{state!r} is left to initial_state" for state in sorted(set(tracer.zeros.values()))]
    return "\n".join([said, *notes])
