"""TensorFlow 1 checkpoints, run by TensorFlow's own cells and dynamic_rnn (TensorFlow 1, or 2 with Keras 2)."""

import json
import os

import numpy as np
import reference
from model_file import Network, Refused, random_inputs, save

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

v1 = tf.compat.v1
RNNCell = v1.nn.rnn_cell.RNNCell
ACTIVATIONS = {"tanh": tf.tanh, "sigmoid": tf.sigmoid, "relu": tf.nn.relu, "linear": tf.identity,
               "softmax": tf.nn.softmax}


# ==== The graph, as far as names and shapes tell it

def is_slot(name, shapes):
    """An optimizer's or a moving average's: rnn/lstm_cell/kernel/Adam is one where rnn/lstm_cell/kernel is."""
    return not shapes[name] or name.rpartition("/")[0] in shapes


def tree_of(shapes):
    """Names as nested dicts; the leaves are shapes."""
    tree = {}
    for name, shape in shapes.items():
        *path, leaf = name.split("/")
        node = tree
        for part in path:
            node = node.setdefault(part, {})
        node[leaf] = shape
    return tree


def width_of(node, *path):
    """The last dimension of a variable below node, or None."""
    for part in path:
        node = node.get(part) if isinstance(node, dict) else None
    return node[-1] if isinstance(node, (list, tuple)) and node else None


def infer_cell(node):
    """The cell whose variables are below a scope, and the name below the scope, or None."""
    if isinstance(node.get("multi_rnn_cell"), dict):
        inner = [node["multi_rnn_cell"].get(f"cell_{k}") for k in range(len(node["multi_rnn_cell"]))]
        found = [infer_cell(cell) if isinstance(cell, dict) else None for cell in inner]
        return ({"type": "multi_rnn", "cells": [cell for cell, _ in found]}, "multi_rnn_cell") if all(found) else None
    for kind in reference.CELLS:
        own = node.get(kind + "_cell")
        if kind == "multi_rnn" or not isinstance(own, dict):
            continue
        cell = {"type": kind}
        units = width_of(own, "bias")
        if kind == "gru":
            units = width_of(own, "candidate", "bias")
        elif kind == "cudnn_compatible_gru":
            units = width_of(own, "candidate", "input_projection", "bias")
        elif kind == "layer_norm_basic_lstm" and units is None:
            units = width_of(own, "state", "gamma")
        elif kind != "basic_rnn" and units is not None:
            units //= 4
            if kind == "layer_norm_basic_lstm":
                cell["layer_norm"] = False
        if units is None:
            return None
        cell["num_units"] = units
        if kind == "lstm" and "w_f_diag" in own:
            cell["use_peepholes"] = True
        if kind == "lstm" and width_of(own, "projection", "kernel"):
            cell["num_proj"] = width_of(own, "projection", "kernel")
        return cell, kind + "_cell"
    return None


def infer_layers(node, scope=""):
    """The layers of a tree in no order."""
    below = f"{scope}/" if scope else ""
    fw, bw = (infer_cell(node[way]) if isinstance(node.get(way), dict) else None for way in ("fw", "bw"))
    if fw and bw:
        return [{"type": "bidirectional_rnn", "scope": scope, "forward": fw[0], "backward": bw[0]}]
    found = infer_cell(node) if scope else None
    layers = [{"type": "rnn", "scope": scope, "cell": found[0]}] if found else []
    if scope and len(node.get("kernel", ())) == 2 and not isinstance(node["kernel"], dict):
        layers.append({"type": "dense", "scope": scope, "units": node["kernel"][1], "use_bias": "bias" in node})
    for name, inner in node.items():
        if isinstance(inner, dict) and not (found and name == found[1]):
            layers += infer_layers(inner, below + name)
    return layers


def input_width(layer, shapes):
    """What the first matrix of a layer takes."""
    whole = reference.complete_one(layer, reference.LAYERS, layer["scope"])
    if layer["type"] == "dense":
        return shapes[layer["scope"] + "/kernel"][0]
    variables, _, _ = reference.layout({"input_size": 1, "layers": [whole]})
    name = next(name for name in variables if name.endswith("kernel"))
    return shapes[name][0] - variables[name][0] + 1 if name in shapes and shapes[name] else 0


def chains(layers, shapes, width=None):
    """The orders in which each layer takes what the one before it gives."""
    if not layers:
        yield []
    for k, layer in enumerate(layers):
        size = input_width(layer, shapes)
        if size < 1 or width not in (None, size):
            continue
        whole = reference.complete_one(layer, reference.LAYERS, layer["scope"])
        output = reference.layout({"input_size": size, "layers": [whole]})[2]
        for rest in chains(layers[:k] + layers[k + 1:], shapes, output):
            yield [layer] + rest


def infer(shapes):
    layers = infer_layers(tree_of(shapes))
    if not layers:
        raise Refused("no variables of a known cell or dense layer; describe the network by --graph")
    orders = []
    for order in chains(layers, shapes):
        orders.append(order)
        if len(orders) == 2:
            raise Refused("the order of the layers is not certain: "
                          + " or ".join(", ".join(layer["scope"] for layer in order) for order in orders)
                          + "; describe the network by --graph")
    if not orders:
        raise Refused(f"the layers {', '.join(layer['scope'] for layer in layers)} do not follow each other in any "
                      "order; describe the network by --graph")
    graph = {"input_size": input_width(orders[0][0], shapes), "layers": orders[0]}
    variables = reference.layout(reference.complete(graph))[0]
    for name in shapes:
        if name not in variables:
            raise Refused(f"the variable {name!r} is not one of a known cell or dense layer; "
                          "describe the network by --graph")
    return graph


# ==== The graph, as it is given

def without_repeats(pairs):
    for key, _ in pairs:
        if sum(key == other for other, _ in pairs) > 1:
            raise Refused(f"the key {key!r} is repeated")
    return dict(pairs)


def read_graph(path):
    try:
        with open(path, encoding="utf-8") as file:
            graph = json.load(file, object_pairs_hook=without_repeats)
        reference.complete(graph)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from error
    except (Refused, ValueError, RecursionError) as error:
        raise Refused(f"{path}: {error}") from error
    return graph


def every_cell(description):
    """The cells in a layer or cell, itself included."""
    yield description
    inner = [description.get(key) for key in ("cell", "forward", "backward")] + description.get("cells", [])
    for cell in inner:
        if cell:
            yield from every_cell(cell)


def pairs(words, option):
    for word in words:
        name, separator, value = word.partition("=")
        if not separator or not name or not value:
            raise Refused(f"{option} takes NAME=VALUE, not {word!r}")
        yield name, value


def apply_options(graph, forget_bias, activations, last):
    for layer in graph["layers"]:
        for cell in every_cell(layer):
            if forget_bias is not None and "forget_bias" in reference.CELLS.get(cell["type"], {}):
                cell.setdefault("forget_bias", forget_bias)
    for scope, name in pairs(activations, "--activation"):
        layer = next((layer for layer in graph["layers"] if layer["type"] == "dense" and layer["scope"] == scope), None)
        if layer is None:
            raise Refused(f"--activation: there is no dense layer {scope!r}")
        layer["activation"] = name
    if last:
        recurrent = [layer for layer in graph["layers"] if layer["type"] != "dense"]
        if not recurrent:
            raise Refused("--last: there is no recurrent layer")
        recurrent[-1]["return"] = "last"
    return reference.complete(graph)


# ==== TensorFlow's own outputs

class CudnnCompatibleGRUCell(RNNCell):
    """contrib's, which TensorFlow 2 has dropped: its formula and names in TensorFlow's operations."""

    def __init__(self, units, activation):
        super().__init__()
        self.units, self.activation = units, activation

    state_size = output_size = property(lambda self: self.units)

    def call(self, inputs, state):
        def affine(scope, x, width):
            with v1.variable_scope(scope):
                return tf.matmul(x, v1.get_variable("kernel", (x.shape[1], width))) + v1.get_variable("bias", (width,))

        r, u = tf.split(tf.sigmoid(affine("gates", tf.concat([inputs, state], 1), 2 * self.units)), 2, 1)
        with v1.variable_scope("candidate"):
            c = self.activation(affine("input_projection", inputs, self.units)
                                + r * affine("hidden_projection", state, self.units))
        h = (1 - u) * c + u * state
        return h, h


class LayerNormBasicLSTMCell(RNNCell):
    """contrib's, likewise."""

    def __init__(self, units, forget_bias, activation, layer_norm):
        super().__init__()
        self.units, self.forget_bias, self.activation, self.layer_norm = units, forget_bias, activation, layer_norm

    state_size = property(lambda self: v1.nn.rnn_cell.LSTMStateTuple(self.units, self.units))
    output_size = property(lambda self: self.units)

    def norm(self, name, x):
        if not self.layer_norm:
            return x
        with v1.variable_scope(name):
            gamma, beta = v1.get_variable("gamma", (self.units,)), v1.get_variable("beta", (self.units,))
        mean, variance = tf.nn.moments(x, 1, keepdims=True)
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, reference.LAYER_NORM_EPSILON)

    def call(self, inputs, state):
        x = tf.concat([inputs, state.h], 1)
        z = tf.matmul(x, v1.get_variable("kernel", (x.shape[1], 4 * self.units)))
        if not self.layer_norm:
            z += v1.get_variable("bias", (4 * self.units,))
        i, j, f, o = (self.norm(name, gate) for name, gate in zip(reference.NORMS, tf.split(z, 4, 1)))
        c = state.c * tf.sigmoid(f + self.forget_bias) + tf.sigmoid(i) * self.activation(j)
        c = self.norm("state", c)
        h = self.activation(c) * tf.sigmoid(o)
        return h, v1.nn.rnn_cell.LSTMStateTuple(c, h)


def tf_cell(cell):
    """TensorFlow's cell for a complete description."""
    cells, kind = v1.nn.rnn_cell, cell["type"]
    if kind == "multi_rnn":
        return cells.MultiRNNCell([tf_cell(inner) for inner in cell["cells"]])
    if kind == "residual":
        return cells.ResidualWrapper(tf_cell(cell["cell"]))
    units, activation = cell["num_units"], ACTIVATIONS[cell["activation"]]
    if kind == "basic_rnn":
        return cells.BasicRNNCell(units, activation=activation)
    if kind == "basic_lstm":
        return cells.BasicLSTMCell(units, forget_bias=cell["forget_bias"], activation=activation)
    if kind == "gru":
        return cells.GRUCell(units, activation=activation)
    if kind == "cudnn_compatible_gru":
        return CudnnCompatibleGRUCell(units, activation)
    if kind == "layer_norm_basic_lstm":
        return LayerNormBasicLSTMCell(units, cell["forget_bias"], activation, cell["layer_norm"])
    return cells.LSTMCell(units, use_peepholes=cell["use_peepholes"], cell_clip=cell["cell_clip"],
                          num_proj=cell["num_proj"], proj_clip=cell["proj_clip"], forget_bias=cell["forget_bias"],
                          activation=activation)


def at_length(outputs, lengths):
    """outputs[b, lengths[b] - 1]; those of an empty row are all zero."""
    return tf.gather(outputs, tf.maximum(lengths - 1, 0), batch_dims=1)


def tf_layer(layer, x, lengths):
    scope = layer["scope"]
    if layer["type"] == "dense":
        with v1.variable_scope(scope):
            y = tf.tensordot(x, v1.get_variable("kernel", (x.shape[-1], layer["units"])), 1)
            if layer["use_bias"]:
                y += v1.get_variable("bias", (layer["units"],))
        return ACTIVATIONS[layer["activation"]](y)
    if layer["type"] == "rnn":
        y, _ = v1.nn.dynamic_rnn(tf_cell(layer["cell"]), x, lengths, dtype=tf.float32, scope=scope)
        return at_length(y, lengths) if layer["return"] == "last" else y
    (fw, bw), _ = v1.nn.bidirectional_dynamic_rnn(tf_cell(layer["forward"]), tf_cell(layer["backward"]), x, lengths,
                                                  dtype=tf.float32, scope=scope)
    if layer["return"] == "last":
        fw, bw = at_length(fw, lengths), bw[:, 0]
    return fw + bw if layer["merge"] == "sum" else tf.concat([fw, bw], -1)


def evaluate(checkpoint, names, graph, tests):
    """What TensorFlow makes of each test. names: variable to what the checkpoint calls it."""
    with tf.Graph().as_default(), v1.Session() as session:
        inputs = v1.placeholder(tf.float32, (None, None, graph["input_size"]))
        lengths = v1.placeholder(tf.int32, (None,))
        y = inputs
        for layer in graph["layers"]:
            y = tf_layer(layer, y, lengths)
        v1.train.Saver({names[variable.op.name]: variable for variable in v1.global_variables()}).restore(
            session, checkpoint)
        return [session.run(y, {inputs: x, lengths: np.full(x.shape[0], x.shape[1]) if n is None else n})
                for x, n in tests]


def find(path):
    """The name that TensorFlow gives a checkpoint: of a folder, its latest."""
    if os.path.isdir(path):
        path = tf.train.latest_checkpoint(path) or path
    for end in (".index", ".meta"):
        path = path[:-len(end)] if path.endswith(end) else path
    if not os.path.isfile(path + ".index") and not os.path.isfile(path):
        raise Refused(f"{path}: no such checkpoint")
    return path


def main(path, output, graph=None, forget_bias=None, activation=(), last=False, rename=()):
    v1.logging.set_verbosity(v1.logging.ERROR)
    path = find(path)
    reader = tf.train.load_checkpoint(path)
    names = {}
    renamed = list(pairs(rename, "--rename"))
    for name in sorted(reader.get_variable_to_shape_map()):
        called = name
        for old, new in renamed:
            if called == old or called.startswith(old + "/"):
                called = new + called[len(old):]
        if called in names:
            raise Refused(f"--rename: two variables are called {called!r}")
        names[called] = name
    shapes = {called: tuple(reader.get_variable_to_shape_map()[name]) for called, name in names.items()}
    shapes = {name: shape for name, shape in shapes.items() if not is_slot(name, shapes)}
    graph = apply_options(read_graph(graph) if graph else infer(shapes), forget_bias, activation, last)

    network = Network(graph["input_size"])
    network.layers = graph["layers"]
    wanted = reference.layout(graph)[0]
    for name, shape in wanted.items():
        if shapes.get(name) != shape:
            raise Refused(f"the variable {name!r} has the shape {shapes[name]}, expected {shape}" if name in shapes else
                          f"the checkpoint has no variable {name!r}")
        network.tensors[name] = reader.get_tensor(names[name])
    tests = random_inputs(network.input_size, network.last_recurrent() is not None, shortest=0)
    outputs = evaluate(path, names, graph, tests)
    said = save(output, network, [(*test, y) for test, y in zip(tests, outputs)])
    left = [name for name in shapes if name not in wanted]
    return said + (f"\nnot used: {', '.join(left)}" if left else "")
