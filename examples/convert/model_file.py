"""A model file in the making: the graph, its tensors in TF1's layouts, the proof that both are right, and the file.

Weights come in as [in, out] matrices with the gates side by side, whatever their order: it is given as a string, a
letter for a gate (i f g o of an LSTM, g the candidate; r z n of a GRU, n the candidate).
"""

import json
import os
import struct
import tempfile
import zlib

import numpy as np
import reference

TOLERANCE = 1e-4  # of the largest output: float32 against float64, far below what a wrong weight does
DTYPES = {np.dtype(np.float32): "F32", np.dtype(np.int64): "I64"}


class Refused(Exception):
    """What cannot be expressed, or is not what it should be; one line that names it."""


def blocks(array, order):
    """The gates of an array whose last axis has them side by side."""
    return dict(zip(order, np.split(np.asarray(array, np.float64), len(order), axis=-1)))


def ordered(array, order, wanted):
    parts = blocks(array, order)
    return np.concatenate([parts[gate] for gate in wanted], axis=-1)


# ==== Cells: what the graph says of them and their tensors below the scope

def basic_rnn(input_kernel, state_kernel, bias, activation):
    return ({"type": "basic_rnn", "num_units": state_kernel.shape[1], "activation": activation},
            {"basic_rnn_cell/kernel": np.concatenate([input_kernel, state_kernel]), "basic_rnn_cell/bias": bias})


def lstm(input_kernel, state_kernel, bias, order, activation="tanh", peepholes=None, projection=None):
    """peepholes: gate letter to vector; projection [H, P]. The forget bias of foreign weights is in their bias."""
    cell = {"type": "lstm", "num_units": state_kernel.shape[1] // 4, "activation": activation, "forget_bias": 0.0}
    tensors = {"lstm_cell/kernel": ordered(np.concatenate([input_kernel, state_kernel]), order, "igfo"),
               "lstm_cell/bias": ordered(bias, order, "igfo")}
    if peepholes is not None:
        cell["use_peepholes"] = True
        tensors.update({f"lstm_cell/w_{gate}_diag": peepholes[gate] for gate in "ifo"})
    if projection is not None:
        cell["num_proj"] = projection.shape[1]
        tensors["lstm_cell/projection/kernel"] = projection
    return cell, tensors


def gru(input_kernel, state_kernel, input_bias, state_bias, order, reset_after, activation="tanh"):
    """reset_after: the reset gate multiplies the product and its bias, not the state."""
    units = state_kernel.shape[1] // 3
    x, h, bx, bh = (blocks(a, order) for a in (input_kernel, state_kernel, input_bias, state_bias))
    gates = {"gates/kernel": np.block([[x["r"], x["z"]], [h["r"], h["z"]]]),
             "gates/bias": np.concatenate([bx["r"] + bh["r"], bx["z"] + bh["z"]])}
    if reset_after:
        kind = "cudnn_compatible_gru"
        candidate = {"candidate/input_projection/kernel": x["n"], "candidate/input_projection/bias": bx["n"],
                     "candidate/hidden_projection/kernel": h["n"], "candidate/hidden_projection/bias": bh["n"]}
    else:
        kind = "gru"
        candidate = {"candidate/kernel": np.concatenate([x["n"], h["n"]]), "candidate/bias": bx["n"] + bh["n"]}
    return ({"type": kind, "num_units": units, "activation": activation},
            {f"{kind}_cell/{name}": a for name, a in {**gates, **candidate}.items()})


# ==== The network

class Network:
    """Layers in the order in which they run."""

    def __init__(self, input_size):
        self.input_size = self.width = input_size
        self.layers = []
        self.tensors = {}

    @property
    def graph(self):
        return {"input_size": self.input_size, "layers": self.layers}

    def scope(self, kind):
        """TF1's names: dense, dense_1, ..."""
        count = sum(layer["type"] == kind for layer in self.layers)
        return f"{kind}_{count}" if count else kind

    def add(self, layer, tensors):
        """tensors: name below the layer's scope to array."""
        self.layers.append(layer)
        self.tensors.update({f"{layer['scope']}/{name}": np.array(a, np.float64) for name, a in tensors.items()})
        for name, shape in self.measure().items():
            if self.tensors[name].shape != shape:
                raise Refused(f"{name} has the shape {self.tensors[name].shape}, expected {shape}")

    def measure(self):
        """Finds the width of what the network gives; returns the shapes of its tensors."""
        variables, _, self.width = reference.layout(reference.complete(self.graph))
        return variables

    def recurrent(self, cells, merge="concat"):
        """cells: one (cell, tensors), or two: forward and backward."""
        if len(cells) == 1:
            self.add({"type": "rnn", "scope": self.scope("rnn"), "cell": cells[0][0]}, cells[0][1])
            return
        tensors = {f"{way}/{name}": a for way, cell in zip(("fw", "bw"), cells) for name, a in cell[1].items()}
        self.add({"type": "bidirectional_rnn", "scope": self.scope("bidirectional_rnn"), "forward": cells[0][0],
                  "backward": cells[1][0], "merge": merge}, tensors)

    def dense(self, kernel, bias=None, activation="linear"):
        tensors = {"kernel": kernel} if bias is None else {"kernel": kernel, "bias": bias}
        self.add({"type": "dense", "scope": self.scope("dense"), "units": kernel.shape[1], "activation": activation,
                  "use_bias": bias is not None}, tensors)

    def activation(self, name):
        """Of the dense layer before it, or else of one whose kernel is the identity."""
        last = self.layers[-1] if self.layers else None
        if last and last["type"] == "dense" and last["activation"] == "linear":
            last["activation"] = name
        else:
            self.dense(np.eye(self.width), activation=name)

    def last_recurrent(self):
        return next((layer for layer in reversed(self.layers) if layer["type"] != "dense"), None)

    def return_last(self):
        layer = self.last_recurrent()
        if layer is None:
            raise Refused("the last output: there is no recurrent layer")
        layer["return"] = "last"

    def gives_last(self):
        """Whether it gives [batch, width], not a sequence."""
        return (self.last_recurrent() or {}).get("return") == "last"


def random_inputs(width, with_lengths, shapes=((1, 5), (3, 8), (4, 9)), shortest=1):
    """Inputs [batch, time, width] of self-tests; with_lengths: the last ones have rows of every kind of length."""
    generator = np.random.default_rng(20181105)
    tests = []
    for batch, time in shapes:
        inputs = generator.standard_normal((batch, time, width)).astype(np.float32)
        lengths = None
        if with_lengths and (batch, time) == shapes[-1]:
            lengths = generator.integers(shortest, time + 1, batch)
            lengths[0], lengths[-1] = time, shortest
        tests.append((inputs, lengths))
    return tests


# ==== The file

def check(network, tests):
    """The largest difference to the framework, in parts of the largest output; Refused beyond TOLERANCE."""
    worst = 0.0
    for k, (inputs, lengths, outputs) in enumerate(tests):
        with np.errstate(all="ignore"):
            computed = reference.run(network.graph, network.tensors, inputs, lengths)[0]
            if computed.shape != outputs.shape:
                raise Refused(f"self-test {k}: the framework's outputs have the shape {outputs.shape}, "
                              f"the model's {computed.shape}")
            largest = np.abs(outputs).max(initial=0.0)
            difference = np.abs(computed - outputs).max(initial=0.0)
        if not difference <= TOLERANCE * largest:
            raise Refused(f"self-test {k}: the model differs from the framework by {difference:.3g}, "
                          f"the largest output being {largest:.3g}")
        worst = max(worst, difference / largest if largest else 0.0)
    return worst


def container(tensors, metadata):
    """The bytes of a safetensors file: header, data; the same for the same tensors."""
    header, data, at = {}, [], 0
    for name in sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name)):
        array = np.ascontiguousarray(tensors[name])
        header[name] = {"dtype": DTYPES[array.dtype], "shape": list(tensors[name].shape),
                        "data_offsets": [at, at + array.nbytes]}
        data.append(array.astype(array.dtype.newbyteorder("<")).tobytes())
        at += array.nbytes
    checksum = 0
    for piece in data:
        checksum = zlib.crc32(piece, checksum)
    metadata = {**metadata, "lstm.checksum": f"crc32:{checksum:08x}"}
    text = json.dumps({"__metadata__": metadata, **header}, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return [struct.pack("<Q", len(text)) + text] + data


def write_whole(path, pieces):
    """Renamed to its place when it is complete."""
    path = os.path.realpath(path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise Refused(f"{path}: not a regular file")
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=os.path.basename(path) + ".", dir=os.path.dirname(path))
        with open(handle, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from error
    finally:
        if temporary is not None:
            os.unlink(temporary)


def save(path, network, tests):
    """Checks and writes a model file; returns what to say. tests: (inputs, lengths or None, the source's outputs)."""
    with np.errstate(over="ignore"):
        network.tensors = {name: a.astype(np.float32) for name, a in network.tensors.items()}
    worst = check(network, tests)
    tensors = dict(network.tensors)
    for k, (inputs, lengths, outputs) in enumerate(tests):
        tensors[f"selftest/{k}/inputs"] = np.asarray(inputs, np.float32)
        tensors[f"selftest/{k}/outputs"] = np.asarray(outputs, np.float32)
        if lengths is not None:
            tensors[f"selftest/{k}/sequence_length"] = np.asarray(lengths, np.int64)
    graph = json.dumps(network.graph)
    write_whole(path, container(tensors, {"lstm.format": "model", "lstm.version": "1", "lstm.model": graph}))
    parameters = sum(a.size for a in network.tensors.values())
    return (f"{graph}\n{path}: {parameters} parameters, {len(tests)} self-tests, "
            f"largest difference {worst:.1e} of the largest output")
