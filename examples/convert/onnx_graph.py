"""What an ONNX graph of LSTM, GRU, RNN, Gemm, MatMul and activations means, with what exporters put between them.

The graph is followed from its input to one output. Of each value that depends on the input it is known what its axes
are, so that a Transpose, Reshape, Squeeze, Gather, Slice, Split or Concat is taken for what it does, or refused; values
that do not depend on the input are computed.
"""

import dataclasses
import math

import numpy as np
import onnx
from model_file import Network, Refused, basic_rnn, gru, lstm
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

ACTIVATIONS = {"Tanh": "tanh", "Sigmoid": "sigmoid", "Relu": "relu", "Softmax": "softmax"}
CELL_ACTIVATIONS = {"tanh": "tanh", "sigmoid": "sigmoid", "relu": "relu"}
RECURRENT = {"LSTM": 4, "GRU": 3, "RNN": 1}  # gates
RECURRENT_ATTRIBUTES = ("activations", "activation_alpha", "activation_beta", "clip", "direction", "hidden_size",
                        "input_forget", "layout", "linear_before_reset", "output_sequence")
NOT_FOLDED = ("If", "Loop", "Scan", "RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike",
              "Multinomial", "Bernoulli")
MOST_FOLDED = 1 << 26  # values of one constant
FEATURES, PARTS = "features", "directions"


@dataclasses.dataclass(frozen=True)
class Signal:
    """A value that depends on the input.

    An axis is a tuple of atoms (label, size) that it enumerates, the first one slowest; () has one element. Labels are
    "axis 0" and "axis 1" of the graph's input, FEATURES, and PARTS: the (layer, direction) pairs of `parts` in order.
    A direction is 0 (forward), 1 (backward) or "sum". final: of time, only each row's last output is left.
    """

    axes: tuple
    parts: tuple
    final: bool = False

    def sizes(self):
        return [math.prod(size for _, size in axis) for axis in self.axes]


class Lengths:
    """The graph's input of sequence lengths."""


class Unusable(str):
    """Why a value cannot be used."""


def called(node):
    return f"{node.op_type} {node.name or (node.output[0] if node.output else '')!r}"


def attributes(node):
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def without(axes, k):
    return axes[:k] + axes[k + 1:]


class Tracer:
    """Follows a graph and makes the network."""

    def __init__(self, model, output, sizes, values):
        """sizes: of the data input; values: of other inputs, by name."""
        self.model, self.graph = model, model.graph
        self.network = Network(sizes[2])
        self.head = ((-1, 0),)         # the parts of what the latest layer gives
        self.time = self.batch = None  # labels, once a recurrent layer has told them
        self.lengths = None            # name of the graph's input of lengths, once it is used
        self.zeros = {}                # state inputs without a value, and what comes of them, to the input's name
        self.values = dict(values)
        for tensor in self.graph.initializer:
            self.values[tensor.name] = numpy_helper.to_array(tensor)
        self.data, *others = inputs_of(self.graph)
        for info in others:
            self.other_input(info, sizes)
        self.values[self.data.name] = Signal(
            ((("axis 0", sizes[0]),), (("axis 1", sizes[1]),), ((FEATURES, sizes[2]),)), self.head)
        for node in needed(self.graph, output):
            self.run(node)
        self.output = self.signal(output, None)
        self.whole(self.output, f"the output {output!r}")

    def other_input(self, info, sizes):
        """Sequence lengths, values that are given, or states: taken for zero if used as nothing else."""
        kind = info.type.tensor_type
        if len(kind.shape.dim) == 1 and kind.elem_type in (onnx.TensorProto.INT32, onnx.TensorProto.INT64):
            self.values[info.name] = Lengths()
        elif info.name not in self.values:
            shape = [d.dim_value or sizes[1] for d in kind.shape.dim]
            self.values[info.name] = np.zeros(shape, np.float32)
            self.zeros[info.name] = info.name

    # ---- Values

    def value(self, name, node):
        value = self.values.get(name)
        if value is None:
            raise Refused(f"{called(node) if node else 'the graph'}: {name!r} has no value")
        if isinstance(value, Unusable):
            raise Refused(f"{called(node) if node else 'the graph'}: {name!r} is {value}")
        return value

    def signal(self, name, node):
        value = self.value(name, node)
        if not isinstance(value, Signal):
            raise Refused(f"{called(node) if node else 'the graph'}: {name!r} does not depend on the input")
        return value

    def constant(self, node, k, state=False):
        """The array that is the node's input k, or None if there is none. state: an initial state may be zero."""
        if k >= len(node.input) or not node.input[k]:
            return None
        name = node.input[k]
        value = self.value(name, node)
        if not isinstance(value, np.ndarray):
            raise Refused(f"{called(node)}: {name!r} is not a constant")
        if name in self.zeros and not state:
            raise Refused(f"the graph's input {self.zeros[name]!r} has no value")
        return value

    def run(self, node):
        if node.domain not in ("", "ai.onnx"):
            raise Refused(f"{called(node)}: of the domain {node.domain!r}")
        names = [name for name in node.input if name]
        values = [self.value(name, node) for name in names]
        if node.op_type in RECURRENT:
            self.recurrent(node)
        elif all(isinstance(value, np.ndarray) for value in values):
            self.fold(node, names, values)
        elif any(isinstance(value, Lengths) for value in values):
            if node.op_type not in ("Cast", "Identity"):
                raise Refused(f"{called(node)}: uses the sequence lengths")
            self.values[node.output[0]] = values[0]
        elif node.op_type in ACTIVATIONS:
            self.activation(node)
        else:
            operation = getattr(self, "op_" + node.op_type, None)
            if operation is None:
                raise Refused(f"{called(node)}: cannot be expressed")
            results = operation(node)
            for name, result in zip(node.output, results if isinstance(results, list) else [results]):
                self.values[name] = result

    def fold(self, node, names, values):
        if node.op_type in NOT_FOLDED:
            raise Refused(f"{called(node)}: cannot be expressed")
        if node.op_type == "ConstantOfShape" and math.prod(map(int, values[0].ravel())) > MOST_FOLDED:
            raise Refused(f"{called(node)}: too large")
        unknown = helper.make_tensor_value_info
        graph = helper.make_graph(
            [node], "constant", [unknown(name, helper.np_dtype_to_tensor_dtype(value.dtype), None)
                                 for name, value in dict(zip(names, values)).items()],
            [unknown(name, onnx.TensorProto.FLOAT, None) for name in node.output if name])
        one = helper.make_model(graph, opset_imports=self.model.opset_import, ir_version=self.model.ir_version)
        try:
            results = ReferenceEvaluator(one).run(None, dict(zip(names, values)))
        except Exception as error:  # whatever NumPy says to sizes that do not fit
            raise Refused(f"{called(node)}: {error}") from error
        for name, result in zip([name for name in node.output if name], results):
            self.values[name] = np.asarray(result)
            zero = next((self.zeros[used] for used in names if used in self.zeros), None)
            if zero and self.values[name].dtype.kind == "f":
                self.zeros[name] = zero

    # ---- Layers

    def whole(self, signal, who):
        """The signal must be all that the latest layer gives; its layer is told how it is used."""
        layers = self.network.layers
        if signal.parts != self.head:
            layer = self.head[0][0]
            if signal.parts == ((layer, "sum"),):
                layers[layer]["merge"] = "sum"
                self.network.measure()
                self.head = signal.parts
            elif {part[0] for part in signal.parts} != {layer}:
                raise Refused(f"{who}: the graph is not one chain of layers")
            else:
                raise Refused(f"{who}: uses the directions of a bidirectional layer in another way than side by side, "
                              "forward first, or added")
        if signal.final:
            self.network.return_last()

    def take(self, node, k=0, axis=-1):
        """The signal that is a layer's input, with the features on that axis alone."""
        signal = self.signal(node.input[k], node)
        self.whole(signal, called(node))
        labels = [[label for label, _ in atoms] for atoms in signal.axes]
        own = labels.pop(axis) if -1 <= axis < len(labels) and labels else []
        if own not in ([FEATURES], [PARTS, FEATURES]) or [PARTS] in labels:
            which = "last axis" if axis == -1 else f"axis {axis}"
            raise Refused(f"{called(node)}: its input's {which} is not that of the features")
        return signal

    def dense(self, node, kernel, bias=None, axis=-1):
        signal = self.take(node, axis=axis)
        if kernel.ndim != 2 or kernel.shape[0] != self.network.width:
            raise Refused(f"{called(node)}: its matrix has the shape {kernel.shape}, its input "
                          f"{self.network.width} features")
        self.network.dense(kernel, bias)
        return self.layer_output(signal, axis)

    def layer_output(self, signal, axis=-1):
        """What the layer just made gives for an input with these axes, the features on that one."""
        self.head = ((len(self.network.layers) - 1, 0),)
        axes = list(signal.axes)
        axes[axis] = ((FEATURES, self.network.width),)
        return Signal(tuple(axes), self.head, signal.final)

    def op_MatMul(self, node):
        if isinstance(self.value(node.input[0], node), np.ndarray):
            raise Refused(f"{called(node)}: multiplies from the left")
        return self.dense(node, self.constant(node, 1))

    def op_Gemm(self, node):
        options = attributes(node)
        if options.get("transA", 0):
            raise Refused(f"{called(node)}: transA")
        kernel, bias = self.constant(node, 1).astype(np.float64), self.constant(node, 2)
        kernel = options.get("alpha", 1.0) * (kernel.T if options.get("transB", 0) else kernel)
        if bias is not None:
            bias = options.get("beta", 1.0) * self.bias_vector(node, bias, kernel.shape[-1])
        return self.dense(node, kernel, bias)

    def op_Conv(self, node):
        """A convolution that sees one place is a matrix over the features."""
        options, kernel = attributes(node), self.constant(node, 1)
        if kernel.size != math.prod(kernel.shape[:2]) or options.get("group", 1) != 1 or any(options.get("pads", ())) \
                or set(options.get("strides", ())) - {1}:
            raise Refused(f"{called(node)}: sees more than one place, leaves some out, or is in groups")
        return self.dense(node, kernel.reshape(kernel.shape[:2]).T, self.constant(node, 2), 1)

    def bias_vector(self, node, bias, width):
        if bias.ndim and (bias.size != bias.shape[-1] or bias.size not in (1, width)):
            raise Refused(f"{called(node)}: adds an array of the shape {bias.shape} to {width} features")
        return np.broadcast_to(bias.ravel(), width).astype(np.float64)

    def op_Add(self, node):
        values = [self.value(name, node) for name in node.input]
        if all(isinstance(value, Signal) for value in values):
            return self.sum_of(node, *values)
        k = 0 if isinstance(values[0], Signal) else 1
        signal, bias = values[k], self.constant(node, 1 - k)
        layer = self.network.layers[-1] if self.network.layers else {"type": None}
        if signal.parts != self.head or layer["type"] != "dense" or layer["activation"] != "linear":
            raise Refused(f"{called(node)}: adds a constant to what is not the product of a Gemm or MatMul")
        signal = self.take(node, k)
        name = layer["scope"] + "/bias"
        vector = self.bias_vector(node, bias, layer["units"])
        self.network.tensors[name] = self.network.tensors.get(name, 0.0) + vector
        layer["use_bias"] = True
        return signal

    def sum_of(self, node, a, b):
        layer = a.parts[0][0]
        if sorted(map(str, a.parts + b.parts)) != sorted(map(str, self.head)) or len(self.head) != 2 \
                or a.axes != b.axes or a.final != b.final:
            raise Refused(f"{called(node)}: adds two signals that are not the two directions of one layer")
        return Signal(a.axes, ((layer, "sum"),), a.final)

    def activation(self, node):
        axes = self.signal(node.input[0], node).axes
        place = next((k for k, axis in enumerate(axes) if FEATURES in (label for label, _ in axis)), -1)
        signal = self.take(node, axis=place)
        if node.op_type == "Softmax":
            rank = len(axes)
            opset = next(o.version for o in self.model.opset_import if o.domain in ("", "ai.onnx"))
            over = attributes(node).get("axis", -1 if opset >= 13 else 1) % rank
            if over != place or opset < 13 and over != rank - 1:
                raise Refused(f"{called(node)}: is not over the features")
        self.network.activation(ACTIVATIONS[node.op_type])
        self.values[node.output[0]] = self.layer_output(signal, place)

    def recurrent(self, node):
        signal, options = self.take(node), attributes(node)
        name, gates = called(node), RECURRENT[node.op_type]
        direction = options.get("direction", b"forward").decode()
        self.check_attributes(node, options, direction)
        if signal.final or len(signal.axes) != 3 or any(len(axis) != 1 for axis in signal.axes[:2]):
            raise Refused(f"{name}: its input is not [time, batch, features]")
        layout = options.get("layout", 0)
        time, batch = (signal.axes[k][0] for k in ((1, 0) if layout else (0, 1)))
        if self.time not in (None, time[0]):
            raise Refused(f"{name}: takes for time what an earlier layer takes for the batch")
        self.time, self.batch = time[0], batch[0]
        self.read_lengths(node, batch[1], time[1])
        for k, what in ((5, "initial_h"), (6, "initial_c")):
            state = self.constant(node, k, True)
            if state is not None and np.any(state):
                raise Refused(f"{name}: {what} is not zero")
        w, r, b, p = (self.constant(node, k) for k in (1, 2, 3, 7))
        ways = 2 if direction == "bidirectional" else 1
        if any(a is None or a.ndim != 3 or a.shape[0] != ways for a in (w, r)) or w.shape[2] != self.network.width \
                or r.shape[1:] != (gates * r.shape[2], r.shape[2]) or w.shape[1] != r.shape[1]:
            raise Refused(f"{name}: W or R does not have the shape of its kind")
        hidden = r.shape[2]
        if options.get("hidden_size", hidden) != hidden:
            raise Refused(f"{name}: hidden_size={options['hidden_size']}, and R has {hidden}")
        for what, array, size in ("B", b, 2 * gates * hidden), ("P", p, 3 * hidden):
            if array is not None and array.shape != (ways, size):
                raise Refused(f"{name}: {what} has the shape {array.shape}, expected {(ways, size)}")
        b = np.zeros((ways, 2 * w.shape[1])) if b is None else b
        cells = [cell_of(node, options, way, w[way], r[way], b[way], None if p is None else p[way])
                 for way in range(ways)]
        self.network.recurrent(cells)
        k = len(self.network.layers) - 1
        self.head = tuple((k, way) for way in range(ways))
        parts, features = ((PARTS, ways),) if ways > 1 else (), ((FEATURES, r.shape[2]),)
        time, batch = (time,), (batch,)
        results = [Signal((batch, time, parts, features) if layout else (time, parts, batch, features), self.head),
                   Signal((batch, parts, features) if layout else (parts, batch, features), self.head, True),
                   Unusable("the cell state, which a model file does not give")]
        self.values.update(zip(node.output, results))

    def check_attributes(self, node, options, direction):
        name = called(node)
        for key in options:
            if key not in RECURRENT_ATTRIBUTES:
                raise Refused(f"{name}: unknown attribute {key!r}")
        if direction not in ("forward", "bidirectional"):
            raise Refused(f"{name}: direction={direction}")
        if "clip" in options:
            raise Refused(f"{name}: clip, which clips the inputs of activations")
        if options.get("input_forget", 0):
            raise Refused(f"{name}: input_forget, which couples the gates")

    def read_lengths(self, node, batch, time):
        if len(node.input) < 5 or not node.input[4]:
            return
        lengths = self.value(node.input[4], node)
        if isinstance(lengths, Lengths):
            self.lengths = next(name for name, value in self.values.items() if value is lengths)
        elif not np.array_equal(np.broadcast_to(lengths, batch), np.full(batch, time)):
            raise Refused(f"{called(node)}: sequence_lens is a constant")

    # ---- Plumbing

    def op_Identity(self, node):
        return self.signal(node.input[0], node)

    def op_Dropout(self, node):
        training = self.constant(node, 2)
        if training is not None and training.any():
            raise Refused(f"{called(node)}: training_mode")
        return [self.signal(node.input[0], node), Unusable("a mask of dropout")]

    def op_Cast(self, node):
        if attributes(node)["to"] not in (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE):
            raise Refused(f"{called(node)}: casts a signal to something else than float")
        return self.signal(node.input[0], node)

    def op_Shape(self, node):
        options = attributes(node)
        sizes = self.signal(node.input[0], node).sizes()
        return np.array(sizes[options.get("start", 0):options.get("end", len(sizes))], np.int64)

    def op_Transpose(self, node):
        signal = self.signal(node.input[0], node)
        order = attributes(node).get("perm", range(len(signal.axes))[::-1])
        return dataclasses.replace(signal, axes=tuple(signal.axes[k] for k in order))

    def axes_argument(self, node):
        """The axes of Squeeze, Unsqueeze and the like: an attribute once, now an input."""
        axes = attributes(node).get("axes")
        return axes if axes is not None or len(node.input) < 2 else self.constant(node, 1).ravel().tolist()

    def op_Unsqueeze(self, node):
        signal = self.signal(node.input[0], node)
        places = self.axes_argument(node)
        rank = len(signal.axes) + len(places)
        places = {place % rank for place in places}
        rest = iter(signal.axes)
        return dataclasses.replace(signal, axes=tuple(() if k in places else next(rest) for k in range(rank)))

    def op_Squeeze(self, node):
        signal = self.signal(node.input[0], node)
        places, sizes = self.axes_argument(node), signal.sizes()
        if places is None:
            places = [k for k, size in enumerate(sizes) if size == 1]
        for k in sorted((place % len(sizes) for place in places), reverse=True):
            if sizes[k] != 1:
                raise Refused(f"{called(node)}: squeezes an axis of {sizes[k]}")
            signal = self.pick(node, signal, k, range(1), False)
        return signal

    def op_Gather(self, node):
        signal, index = self.signal(node.input[0], node), self.constant(node, 1)
        k = attributes(node).get("axis", 0) % len(signal.axes)
        if index.size != 1 or index.ndim > 1:
            raise Refused(f"{called(node)}: gathers more than one element")
        at = int(index.ravel()[0]) % signal.sizes()[k]
        return self.pick(node, signal, k, range(at, at + 1), index.ndim == 1)

    def op_Slice(self, node):
        signal, options = self.signal(node.input[0], node), attributes(node)
        if "starts" in options:
            starts, ends = options["starts"], options["ends"]
            places, steps = options.get("axes"), None
        else:
            starts, ends, places, steps = (None if a is None else a.ravel().tolist()
                                           for a in (self.constant(node, k) for k in range(1, 5)))
        places = range(len(starts)) if places is None else places
        steps = [1] * len(starts) if steps is None else steps
        for k, start, end, step in zip(places, starts, ends, steps):
            k %= len(signal.axes)
            signal = self.pick(node, signal, k, range(signal.sizes()[k])[start:end:step], True)
        return signal

    def op_Split(self, node):
        signal, options = self.signal(node.input[0], node), attributes(node)
        k = options.get("axis", 0) % len(signal.axes)
        size, count = signal.sizes()[k], len(node.output)
        given = options.get("split", self.constant(node, 1))
        each = [-(-size // count)] * count if given is None else [int(n) for n in given]
        ends = np.cumsum(each)
        return [self.pick(node, signal, k, range(size)[end - n:end], True) for n, end in zip(each, ends)]

    def pick(self, node, signal, k, chosen, keep):
        """Elements of axis k, a range. keep: an axis of one element stays one."""
        axis, axes = signal.axes[k], signal.axes
        size = signal.sizes()[k]
        parts, final, left = signal.parts, signal.final, ()
        labels = [label for label, _ in axis]
        whole = chosen == range(size)
        if whole and (keep or not axis):
            return signal if keep else dataclasses.replace(signal, axes=without(axes, k))
        each = size // len(parts) if labels[:1] == [PARTS] and size else 0
        if labels == [self.time]:
            self.check_step(node, signal, chosen, size)
            final = True
        elif whole and labels in (["axis 0"], ["axis 1"], [FEATURES]):
            pass  # an axis of one element, which is left out
        elif each and chosen.step == 1 and chosen.start % each == 0 and chosen.stop % each == 0 and len(chosen):
            parts = parts[chosen.start // each:chosen.stop // each]
            left = axis[1:] if len(parts) == 1 else ((PARTS, len(parts)),) + axis[1:]
        else:
            raise Refused(f"{called(node)}: takes apart an axis of {' x '.join(labels) or 'one'}")
        axes = axes[:k] + (left,) + axes[k + 1:] if keep or left else without(axes, k)
        return Signal(axes, parts, final)

    def check_step(self, node, signal, chosen, time):
        """Picking a step must be picking the last one in the direction of each part."""
        if len(chosen) != 1:
            raise Refused(f"{called(node)}: takes some steps of time, or turns it around")
        layer = self.network.last_recurrent()
        ways = {0, 1} if layer["type"] == "bidirectional_rnn" else {0}
        if signal.parts[0][0] == self.network.layers.index(layer):
            ways = {0, 1} if signal.parts[0][1] == "sum" else {part[1] for part in signal.parts}
        last, first = chosen[0] == time - 1, chosen[0] == 0
        if not all(first if way else last for way in ways):
            raise Refused(f"{called(node)}: takes a step of time that is not the last in each direction")
        if self.lengths and 0 in ways:
            raise Refused(f"{called(node)}: takes the last step, which is past the end of rows that are shorter")

    def op_Concat(self, node):
        signals = [self.signal(name, node) for name in node.input]
        first = signals[0]
        k = attributes(node)["axis"] % len(first.axes)
        if any(s.final != first.final or without(s.axes, k) != without(first.axes, k) for s in signals):
            raise Refused(f"{called(node)}: of signals of different shapes")
        features = {tuple(atom for atom in s.axes[k] if atom[0] != PARTS) for s in signals}
        if len(features) != 1 or any(label != FEATURES for tail in features for label, _ in tail):
            raise Refused(f"{called(node)}: along an axis that is neither the directions' nor the features'")
        parts = tuple(part for s in signals for part in s.parts)
        axis = ((PARTS, len(parts)),) + features.pop()
        return Signal(first.axes[:k] + (axis,) + first.axes[k + 1:], parts, first.final)

    def op_Flatten(self, node):
        signal = self.signal(node.input[0], node)
        sizes = signal.sizes()
        k = attributes(node).get("axis", 1)
        return self.regroup(node, signal, [math.prod(sizes[:k]), math.prod(sizes[k:])])

    def op_Reshape(self, node):
        signal, shape = self.signal(node.input[0], node), self.constant(node, 1).ravel().tolist()
        sizes = signal.sizes()
        if not attributes(node).get("allowzero", 0):
            shape = [sizes[k] if size == 0 and k < len(sizes) else size for k, size in enumerate(shape)]
        rest = math.prod(size for size in shape if size != -1)
        return self.regroup(node, signal, [math.prod(sizes) // rest if size == -1 and rest else size for size in shape])

    def regroup(self, node, signal, shape):
        """The same atoms in the same order on other axes; those of one element may stand anywhere, at best alone."""
        every = [atom for axis in signal.axes for atom in axis]
        atoms, single = ([atom for atom in every if (atom[1] == 1) == one] for one in (False, True))
        axes = []
        for size in shape:
            axis = []
            while atoms and math.prod(n for _, n in axis) < size:
                axis.append(atoms.pop(0))
            if math.prod(n for _, n in axis) != size:
                raise Refused(f"{called(node)}: reshapes {signal.sizes()} to {shape}, which cuts across the axes")
            axes.append(tuple(axis) if axis or not single else (single.pop(0),))
        if atoms or single and not axes:
            raise Refused(f"{called(node)}: reshapes {signal.sizes()} to {shape}, which cuts across the axes")
        for atom in single:
            axes[-1 if atom[0] == FEATURES else 0] += (atom,)
        return dataclasses.replace(signal, axes=tuple(axes))


def cell_of(node, options, way, w, r, b, p):
    """One direction's cell with its tensors."""
    kind = node.op_type
    defaults = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}[kind]
    names = [name.decode() for name in options.get("activations", [])] or defaults * 2
    names = [name.lower() for name in names[way * len(defaults):(way + 1) * len(defaults)]]
    if len(names) != len(defaults) or kind != "RNN" and names[0] != "sigmoid" or len(set(names[1:])) > 1 \
            or names[-1] not in CELL_ACTIVATIONS:
        raise Refused(f"{called(node)}: activations {', '.join(names)}")
    w, r = w.astype(np.float64).T, r.astype(np.float64).T
    wb, rb = np.split(b.astype(np.float64), 2)
    if kind == "RNN":
        return basic_rnn(w, r, wb + rb, names[0])
    if kind == "GRU":
        return gru(w, r, wb, rb, "zrn", bool(options.get("linear_before_reset", 0)), names[-1])
    peepholes = None if p is None else dict(zip("iof", np.split(p.astype(np.float64), 3)))
    return lstm(w, r, wb + rb, "iofg", names[-1], peepholes)


def inputs_of(graph):
    """The graph's inputs without a value of their own: old files list the initializers too."""
    own = {tensor.name for tensor in graph.initializer}
    return [info for info in graph.input if info.name not in own]


def needed(graph, output):
    """The nodes that the output depends on, in the graph's order."""
    names, nodes = {output}, []
    for node in reversed(graph.node):
        if names.intersection(node.output):
            nodes.insert(0, node)
            names.update(node.input)
    return nodes
