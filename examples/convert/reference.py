"""What the graph of a model file computes, in float64 NumPy: the formulas of docs/cells.md, written to be read.

    outputs, final_state = run(graph, tensors, inputs, sequence_length)

graph is that of a model file (a dict), tensors maps its names to arrays. State leaves stand in the file's order: layer
by layer, forward before backward, c before h. Input past a row's length is never read.
"""

import numpy as np

LAYER_NORM_EPSILON = 1e-12  # TensorFlow's
NORMS = ("input", "transform", "forget", "output", "state")
REQUIRED = object()

CELLS = {
    "basic_rnn": {"num_units": REQUIRED, "activation": "tanh"},
    "basic_lstm": {"num_units": REQUIRED, "activation": "tanh", "forget_bias": 1.0},
    "lstm": {"num_units": REQUIRED, "activation": "tanh", "forget_bias": 1.0, "use_peepholes": False, "cell_clip": None,
             "num_proj": None, "proj_clip": None},
    "gru": {"num_units": REQUIRED, "activation": "tanh"},
    "cudnn_compatible_gru": {"num_units": REQUIRED, "activation": "tanh"},
    "layer_norm_basic_lstm": {"num_units": REQUIRED, "activation": "tanh", "forget_bias": 1.0, "layer_norm": True},
    "multi_rnn": {"cells": REQUIRED},
    "residual": {"cell": REQUIRED},
}
LAYERS = {
    "rnn": {"scope": "rnn", "cell": REQUIRED, "return": "sequence"},
    "bidirectional_rnn": {"scope": "bidirectional_rnn", "forward": REQUIRED, "backward": REQUIRED, "merge": "concat",
                          "return": "sequence"},
    "dense": {"scope": "dense", "units": REQUIRED, "activation": "linear", "use_bias": True},
}
WORDS = {"merge": ("concat", "sum"), "return": ("sequence", "last")}
OPTIONAL_WIDTHS = ("num_proj",)
CLIPS = ("cell_clip", "proj_clip")
RESERVED = ("selftest", "checkpoint")


class GraphError(ValueError):
    """A graph that is not one, or tensors that do not fit it; the text names the culprit."""


def sigmoid(z):
    return 0.5 * (1.0 + np.tanh(0.5 * z))


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True, initial=-np.inf))
    return e / e.sum(axis=-1, keepdims=True)


ACTIVATIONS = {"tanh": np.tanh, "sigmoid": sigmoid, "relu": lambda z: np.maximum(z, 0.0), "linear": lambda z: z,
               "softmax": softmax}


# ==== The graph with every key in its place

def check_value(key, value, where, softmax_too):
    """One value of a layer or cell that is neither type nor cell."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if key in ("num_units", "units") or key in OPTIONAL_WIDTHS:
        fine = isinstance(value, int) and number and value >= 1 or key in OPTIONAL_WIDTHS and value is None
    elif key in CLIPS:
        fine = value is None or number and 0 < value < np.inf
    elif key == "forget_bias":
        fine = number and abs(value) <= np.finfo(np.float32).max
    elif key == "activation":
        fine = isinstance(value, str) and value in ACTIVATIONS and (softmax_too or value != "softmax")
    elif key in WORDS:
        fine = value in WORDS[key]
    elif key == "scope":
        fine = isinstance(value, str) and all(value.split("/")) and len(value.encode()) <= 255 and value.isprintable()
        fine = fine and value.split("/")[0] not in RESERVED
    else:
        fine = isinstance(value, bool)
    if not fine:
        raise GraphError(f"{where}: {key} {value!r}")


def complete_one(description, table, where):
    """A layer or cell with its defaults."""
    if not isinstance(description, dict):
        raise GraphError(f"{where}: {description!r} is not an object")
    kind = description.get("type")
    if not isinstance(kind, str) or kind not in table:
        raise GraphError(f"{where}: unknown type {kind!r}")
    for key in description:
        if key != "type" and key not in table[kind]:
            raise GraphError(f"{where}: unknown key {key!r}")
    whole = {"type": kind}
    for key, default in table[kind].items():
        whole[key] = value = description.get(key, default)
        if value is REQUIRED:
            raise GraphError(f"{where}: {key} is missing")
        if key == "cells":
            if not isinstance(value, list) or not value:
                raise GraphError(f"{where}: cells takes a list of cells")
            whole[key] = [complete_one(cell, CELLS, f"{where}.cells[{k}]") for k, cell in enumerate(value)]
        elif key in ("cell", "forward", "backward"):
            whole[key] = complete_one(value, CELLS, f"{where}.{key}")
        else:
            check_value(key, value, where, kind == "dense")
    return whole


def complete(graph):
    """The graph with its defaults, or GraphError."""
    if not isinstance(graph, dict) or not isinstance(graph.get("layers"), list) or not graph["layers"]:
        raise GraphError("the graph has no layers")
    for key in graph:
        if key not in ("input_size", "layers"):
            raise GraphError(f"unknown key {key!r}")
    size = graph.get("input_size")
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise GraphError(f"input_size {size!r}")
    layers = [complete_one(layer, LAYERS, f"layers[{k}]") for k, layer in enumerate(graph["layers"])]
    last = None
    for layer in layers:
        if sum(layer["scope"] == other["scope"] for other in layers) > 1:
            raise GraphError(f"the scope {layer['scope']!r} is used twice")
        if layer["type"] != "dense":
            if last:
                raise GraphError(f"{layer['scope']!r} follows {last!r}, which returns \"last\"")
            last = layer["scope"] if layer["return"] == "last" else None
    return {"input_size": size, "layers": layers}


# ==== Variables, states and widths

def cell_layout(cell, scope, width):
    """Variables (name to shape), widths of the state leaves and of the output of a complete cell."""
    kind = cell["type"]
    if kind == "multi_rnn":
        variables, states = {}, []
        for k, inner in enumerate(cell["cells"]):
            more, leaves, width = cell_layout(inner, f"{scope}/multi_rnn_cell/cell_{k}", width)
            variables.update(more)
            states += leaves
        return variables, states, width
    if kind == "residual":
        variables, states, output = cell_layout(cell["cell"], scope, width)
        if output != width:
            raise GraphError(f"{scope}: a residual cell's output is {output} wide, its input {width}")
        return variables, states, output
    h = cell["num_units"]
    output = cell.get("num_proj") or h
    rows = width + output
    if kind == "basic_rnn":
        shapes = {"kernel": (rows, h), "bias": (h,)}
    elif kind == "gru":
        shapes = {"gates/kernel": (rows, 2 * h), "gates/bias": (2 * h,), "candidate/kernel": (rows, h),
                  "candidate/bias": (h,)}
    elif kind == "cudnn_compatible_gru":
        shapes = {"gates/kernel": (rows, 2 * h), "gates/bias": (2 * h,),
                  "candidate/input_projection/kernel": (width, h), "candidate/input_projection/bias": (h,),
                  "candidate/hidden_projection/kernel": (h, h), "candidate/hidden_projection/bias": (h,)}
    else:
        shapes = {"kernel": (rows, 4 * h)}
        if cell.get("layer_norm"):
            shapes.update({f"{norm}/{name}": (h,) for norm in NORMS for name in ("gamma", "beta")})
        else:
            shapes["bias"] = (4 * h,)
        if cell.get("use_peepholes"):
            shapes.update({name: (h,) for name in ("w_i_diag", "w_f_diag", "w_o_diag")})
        if cell.get("num_proj"):
            shapes["projection/kernel"] = (h, output)
    states = [h] if kind in ("basic_rnn", "gru", "cudnn_compatible_gru") else [h, output]
    return {f"{scope}/{kind}_cell/{name}": shape for name, shape in shapes.items()}, states, output


def directions(layer):
    """The cells of a complete recurrent layer, each with its scope."""
    if layer["type"] == "rnn":
        return [(layer["cell"], layer["scope"])]
    return [(layer["forward"], layer["scope"] + "/fw"), (layer["backward"], layer["scope"] + "/bw")]


def layout(graph):
    """Variables (name to shape), widths of the state leaves and of the output of a complete graph."""
    variables, states, width = {}, [], graph["input_size"]
    for layer in graph["layers"]:
        if layer["type"] == "dense":
            variables[layer["scope"] + "/kernel"] = (width, layer["units"])
            if layer["use_bias"]:
                variables[layer["scope"] + "/bias"] = (layer["units"],)
            width = layer["units"]
            continue
        outputs = []
        for cell, scope in directions(layer):
            more, leaves, output = cell_layout(cell, scope, width)
            variables.update(more)
            states += leaves
            outputs.append(output)
        if layer.get("merge") == "sum" and outputs[0] != outputs[1]:
            raise GraphError(f"{layer['scope']!r} sums outputs of the widths {outputs[0]} and {outputs[1]}")
        width = outputs[0] if layer.get("merge") == "sum" else sum(outputs)
    return variables, states, width


# ==== One step of a cell

def normalise(w, name, z):
    mean = z.mean(axis=-1, keepdims=True)
    variance = ((z - mean) ** 2).mean(axis=-1, keepdims=True)
    return w(f"{name}/gamma") * (z - mean) / np.sqrt(variance + LAYER_NORM_EPSILON) + w(f"{name}/beta")


def lstm_step(cell, w, x, state):
    """basic_lstm, lstm and layer_norm_basic_lstm: the first lacks what the others add."""
    act = ACTIVATIONS[cell["activation"]]
    c, m = state
    gates = np.split(np.concatenate([x, m], axis=1) @ w("kernel"), 4, axis=1)
    norm = cell.get("layer_norm", False)
    if norm:
        gates = [normalise(w, name, z) for name, z in zip(NORMS, gates)]
    else:
        gates = [z + b for z, b in zip(gates, np.split(w("bias"), 4))]
    i, j, f, o = gates
    peepholes = cell.get("use_peepholes", False)
    if peepholes:
        i, f = i + w("w_i_diag") * c, f + w("w_f_diag") * c
    c = c * sigmoid(f + cell["forget_bias"]) + sigmoid(i) * act(j)
    if norm:
        c = normalise(w, "state", c)
    if cell.get("cell_clip") is not None:
        c = np.clip(c, -cell["cell_clip"], cell["cell_clip"])
    if peepholes:
        o = o + w("w_o_diag") * c
    m = sigmoid(o) * act(c)
    if cell.get("num_proj"):
        m = m @ w("projection/kernel")
        if cell["proj_clip"] is not None:
            m = np.clip(m, -cell["proj_clip"], cell["proj_clip"])
    return m, [c, m]


def gru_step(cell, w, x, state):
    act = ACTIVATIONS[cell["activation"]]
    h, = state
    r, u = np.split(sigmoid(np.concatenate([x, h], axis=1) @ w("gates/kernel") + w("gates/bias")), 2, axis=1)
    if cell["type"] == "gru":
        c = act(np.concatenate([x, r * h], axis=1) @ w("candidate/kernel") + w("candidate/bias"))
    else:
        c = act(x @ w("candidate/input_projection/kernel") + w("candidate/input_projection/bias")
                + r * (h @ w("candidate/hidden_projection/kernel") + w("candidate/hidden_projection/bias")))
    h = u * h + (1.0 - u) * c
    return h, [h]


def step(cell, scope, tensors, x, state):
    """The output and the next state, a list of leaves."""
    kind = cell["type"]
    if kind == "multi_rnn":
        after, at = [], 0
        for k, inner in enumerate(cell["cells"]):
            inner_scope = f"{scope}/multi_rnn_cell/cell_{k}"
            count = len(cell_layout(inner, inner_scope, x.shape[1])[1])
            x, leaves = step(inner, inner_scope, tensors, x, state[at:at + count])
            after += leaves
            at += count
        return x, after
    if kind == "residual":
        y, after = step(cell["cell"], scope, tensors, x, state)
        return x + y, after

    def w(name):
        return tensors[f"{scope}/{kind}_cell/{name}"]

    if kind == "basic_rnn":
        h = ACTIVATIONS[cell["activation"]](np.concatenate([x, state[0]], axis=1) @ w("kernel") + w("bias"))
        return h, [h]
    return (gru_step if "gru" in kind else lstm_step)(cell, w, x, state)


# ==== Sequences

def unroll(cell, scope, tensors, inputs, lengths, state, backward):
    """Outputs [batch, time, width], zero past the lengths; state, a list of leaves, becomes the final one."""
    batch, time, width = inputs.shape
    outputs = np.zeros((batch, time, cell_layout(cell, scope, width)[2]))
    for t in reversed(range(time)) if backward else range(time):
        rows = t < lengths
        y, after = step(cell, scope, tensors, inputs[rows, t], [leaf[rows] for leaf in state])
        outputs[rows, t] = y
        for leaf, new in zip(state, after):
            leaf[rows] = new
    return outputs


def run_layer(layer, tensors, x, lengths, state):
    """A recurrent layer over x [batch, time, width]; state, a list of leaves, becomes the final one."""
    batch, time, width = x.shape
    outputs, at = [], 0
    for k, (cell, scope) in enumerate(directions(layer)):
        count = len(cell_layout(cell, scope, width)[1])
        y = unroll(cell, scope, tensors, x, lengths, state[at:at + count], k == 1)
        at += count
        if layer["return"] == "last":
            full = np.zeros((batch, 1, y.shape[2])) if time == 0 else y
            y = full[:, 0] if k == 1 else full[np.arange(batch), np.maximum(lengths - 1, 0)]
        outputs.append(y)
    return sum(outputs) if layer.get("merge") == "sum" else np.concatenate(outputs, axis=-1)


def run(graph, tensors, inputs, sequence_length=None, initial_state=None):
    """Outputs [batch, time, width], or [batch, width] of "last", and the list of final states."""
    graph = complete(graph)
    variables, widths, _ = layout(graph)
    for name, shape in variables.items():
        if name not in tensors:
            raise GraphError(f"the tensor {name!r} is missing")
        if tuple(tensors[name].shape) != shape:
            raise GraphError(f"the tensor {name!r} has the shape {tuple(tensors[name].shape)}, expected {shape}")
    for name in tensors:
        if name not in variables and name.split("/")[0] not in RESERVED:
            raise GraphError(f"the tensor {name!r} is not used")
    tensors = {name: np.asarray(tensors[name], np.float64) for name in variables}
    x = np.asarray(inputs, np.float64)
    batch, time, _ = x.shape
    lengths = np.full(batch, time) if sequence_length is None else np.asarray(sequence_length)
    if initial_state is None:
        initial_state = [np.zeros((batch, width)) for width in widths]
    state = [np.array(leaf, np.float64) for leaf in initial_state]
    present = np.arange(time) < lengths[:, None]
    at = 0
    for k, layer in enumerate(graph["layers"]):
        if layer["type"] != "dense":
            count = sum(len(cell_layout(cell, scope, x.shape[2])[1]) for cell, scope in directions(layer))
            x = run_layer(layer, tensors, x, lengths, state[at:at + count])
            at += count
            continue
        before = all(other["type"] == "dense" for other in graph["layers"][:k])
        if before:
            x = np.where(present[:, :, None], x, 0.0)
        x = x @ tensors[layer["scope"] + "/kernel"]
        if layer["use_bias"]:
            x = x + tensors[layer["scope"] + "/bias"]
        x = ACTIVATIONS[layer["activation"]](x)
        if before:
            x = np.where(present[:, :, None], x, 0.0)
    return x, state
