#!/usr/bin/env python3
"""Write the golden vectors of this folder with TensorFlow itself.

Needs only Python 3.11 and PyPI:

    python3 -m venv /opt/golden-venv
    /opt/golden-venv/bin/pip install tensorflow-cpu==2.15.1 numpy==1.26.4
    /opt/golden-venv/bin/python tests/golden/make_golden.py [--output FOLDER] [FILE...]

FILE is any of cells, lstm_options, drivers, loss_optimizer; without one, all are written.

The cells and loops are TensorFlow 1's own, run in graph mode on one thread. The stored values are TensorFlow's
float32 results. Every case also runs in float64 and must agree with it, and LSTMCell's options
must agree with a second computation in NumPy that also keeps values away from the clip boundaries.
The README describes the format and the seeds.
"""

import argparse
import os
import sys
import warnings

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
warnings.filterwarnings("ignore")

import numpy as np
import tensorflow as tf
from container import OFFSET, SEED_STRIDE, Golden, Seeds, difference, fill, rnn_spec, scales, variable_value
from tensorflow.python.keras.layers.legacy_rnn import rnn_cell_impl as cells

v1 = tf.compat.v1

PINNED = "2.15.1"
CLIP_MARGIN = 1e-3           # no value lies closer to a clip boundary than this
ACTIVATIONS = {"tanh": tf.tanh, "sigmoid": tf.sigmoid, "relu": tf.nn.relu, "linear": tf.identity, "softmax": tf.nn.softmax}


def in_both_precisions(run, spec):
    """The arrays of a case as TensorFlow computes them in float32 and in float64."""
    return {k: np.asarray(v) for k, v in run(spec, np.float32).items()}, run(spec, np.float64)


def session():
    return v1.Session(config=v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1))


# ==== Recurrent cases

def make_cell(kind, units, spec):
    """One cell of the kind a spec names: lstm, gru, ... or residual_ and one of those."""
    if kind.startswith("residual_"):
        return cells.ResidualWrapper(make_cell(kind[len("residual_"):], units, spec))
    activation = ACTIVATIONS[spec.get("activation", "tanh")]
    forget_bias = spec.get("forget_bias", 1.0)
    if kind == "basic_rnn":
        return cells.BasicRNNCell(units, activation=activation)
    if kind == "basic_lstm":
        return cells.BasicLSTMCell(units, forget_bias=forget_bias, activation=activation)
    if kind == "gru":
        return cells.GRUCell(units, activation=activation)
    assert kind == "lstm", kind
    return cells.LSTMCell(units, use_peepholes=bool(spec.get("use_peepholes")), cell_clip=spec.get("cell_clip"),
                          num_proj=spec.get("num_proj"), proj_clip=spec.get("proj_clip"),
                          forget_bias=forget_bias, activation=activation)


def make_layers(layers, spec):
    """'lstm:7' is a cell, ['lstm:7', 'gru:5'] is a MultiRNNCell."""
    made = [make_cell(layer.split(":")[0], int(layer.split(":")[1]), spec) for layer in layers]
    return made[0] if len(made) == 1 else cells.MultiRNNCell(made)


def connect(spec, inputs, make_state):
    """Build the loop: named outputs, initial state leaves, final state leaves, and the scope levels above names."""
    lengths = spec.get("lengths")
    lengths = None if lengths is None else tf.constant(lengths, tf.int32)
    if spec["driver"] == "dynamic_rnn":
        layers = spec.get("layers") or [f"{spec['cell']}:{spec['units']}"]
        cell = make_layers(layers, spec)
        state = make_state(cell.state_size)
        outputs, final = v1.nn.dynamic_rnn(cell, inputs, sequence_length=lengths, initial_state=state)
        return {"outputs": outputs}, state, final, 2
    assert spec["driver"] == "bidirectional_dynamic_rnn"
    forward, backward = make_layers(spec["layers_fw"], spec), make_layers(spec["layers_bw"], spec)
    state = make_state((forward.state_size, backward.state_size))
    outputs, final = v1.nn.bidirectional_dynamic_rnn(forward, backward, inputs, sequence_length=lengths,
                                                     initial_state_fw=state[0], initial_state_bw=state[1])
    return {"outputs_fw": outputs[0], "outputs_bw": outputs[1]}, state, final, 1


def run_rnn(spec, dtype):
    """Outputs, final state and every gradient of one recurrent case."""
    seed, batch = spec["seed"], spec["batch"]

    def constant(offset, shape, scale):
        return tf.constant(fill(seed + offset, shape, scale).astype(dtype))

    def make_state(sizes):
        leaves = [constant(OFFSET["initial_state"] + k, (batch, width), spec["scale_state"])
                  for k, width in enumerate(tf.nest.flatten(sizes))]
        return tf.nest.pack_sequence_as(sizes, leaves)

    with tf.Graph().as_default(), session() as run:
        inputs = constant(OFFSET["inputs"], (batch, spec["time"], spec["input"]), spec["scale_inputs"])
        outputs, initial, final, levels = connect(spec, inputs, make_state)
        assert len(tf.nest.flatten(initial)) <= 6, "seeds of the states would meet others"
        results = dict(outputs)
        loss = 0.0
        for name, value in outputs.items():
            loss += tf.reduce_sum(value * constant(OFFSET["d_" + name], value.shape, spec["scale_gradients"]))
        for k, leaf in enumerate(tf.nest.flatten(final)):
            results[f"final_state.{k}"] = leaf
            loss += tf.reduce_sum(leaf * constant(OFFSET["d_final_state"] + k, leaf.shape, spec["scale_gradients"]))
        variables = v1.trainable_variables()
        names = [v.name.removesuffix(":0").split("/", levels)[levels] for v in variables]
        sources = {"d_inputs": inputs}
        sources.update((f"d_initial_state.{k}", leaf) for k, leaf in enumerate(tf.nest.flatten(initial)))
        sources.update(("d_" + name, variable) for name, variable in zip(names, variables))
        results.update(zip(sources, v1.gradients(loss, list(sources.values()))))
        run.run([v.assign(variable_value(spec, k, v.shape).astype(dtype)) for k, v in enumerate(variables)])
        spec["variables"] = names
        return run.run(results)


# variant, activation, forget_bias, units, input, batch, time, lengths
CELL_CASES = [
    ("ragged", "tanh", 1.0, 1, 1, 3, 4, (4, 0, 2)),
    ("ragged", "tanh", 1.0, 3, 2, 4, 9, (0, 9, 5, 1)),
    ("ragged", "tanh", 1.0, 7, 5, 5, 6, (6, 3, 0, 6, 2)),
    ("ragged", "tanh", 1.0, 17, 9, 2, 8, (8, 5)),
    ("ragged", "tanh", 1.0, 50, 1, 4, 7, (7, 0, 4, 1)),
    ("ragged", "tanh", 1.0, 130, 130, 3, 5, (0, 5, 3)),
    ("full", "tanh", 0.0, 1, 2, 1, 1, None),
    ("full", "tanh", 0.0, 3, 1, 2, 5, None),
    ("full", "tanh", 0.0, 7, 9, 1, 9, None),
    ("full", "tanh", 0.0, 17, 17, 5, 2, None),
    ("full", "tanh", 0.0, 50, 5, 3, 4, None),
    ("full", "tanh", 0.0, 130, 1, 1, 3, None),
    ("relu", "relu", -0.5, 1, 9, 2, 3, (3, 1)),
    ("sigmoid", "sigmoid", -0.5, 3, 5, 3, 6, (2, 6, 0)),
    ("linear", "linear", -0.5, 7, 2, 4, 5, None),
    ("relu", "relu", -0.5, 17, 1, 3, 7, (7, 0, 6)),
    ("sigmoid", "sigmoid", -0.5, 50, 9, 2, 3, (1, 3)),
    ("short", "tanh", 1.0, 3, 2, 3, 5, (2, 1, 3)),
    ("empty", "tanh", 1.0, 3, 2, 2, 4, (0, 0)),
]


def make_cells(golden, seeds):
    for cell in ("basic_rnn", "basic_lstm", "lstm", "gru"):
        for variant, activation, forget_bias, units, size, batch, time, lengths in CELL_CASES:
            spec = rnn_spec(seeds.take(), size + units, cell=cell, input=size, units=units, batch=batch, time=time,
                            lengths=lengths, activation=activation,
                            forget_bias=forget_bias if "lstm" in cell else None)
            golden.add(f"{cell}_{units}_{variant}", spec, *in_both_precisions(run_rnn, spec))


# ==== LSTMCell's options

# input, batch, time, lengths, num_proj by units
OPTION_SIZES = {
    1: (2, 4, 5, (5, 0, 3, 4), 2),
    3: (2, 3, 6, None, 2),
    7: (5, 4, 5, (0, 5, 2, 4), 3),
    17: (9, 3, 4, None, 18),
    50: (6, 3, 4, (4, 1, 3), 13),
    130: (3, 2, 3, (3, 1), 9),
}
# use_peepholes, cell_clip, projection, proj_clip, forget_bias, activation
OPTIONS = {
    "peepholes": (1, None, False, None, 1.0, "tanh"),
    "cell_clip": (None, 0.5, False, None, 1.0, "tanh"),
    "proj": (None, None, True, None, 0.0, "tanh"),
    "proj_clip": (None, None, True, 0.25, 1.0, "tanh"),
    "peepholes_cell_clip": (1, 0.5, False, None, -0.5, "sigmoid"),
    "peepholes_proj": (1, None, True, None, 1.0, "relu"),
    "cell_clip_proj": (None, 0.5, True, None, 1.0, "linear"),
    "all": (1, 0.5, True, 0.25, 1.0, "tanh"),
}


def lstm_shapes(spec):
    """LSTMCell's variables in the order it creates them."""
    units, output = spec["units"], spec.get("num_proj") or spec["units"]
    shapes = {"kernel": (spec["input"] + output, 4 * units), "bias": (4 * units,)}
    if spec.get("use_peepholes"):
        shapes.update({name: (units,) for name in ("w_f_diag", "w_i_diag", "w_o_diag")})
    if spec.get("num_proj"):
        shapes["projection/kernel"] = (units, spec["num_proj"])
    return shapes


def lstm_in_numpy(spec):
    """Outputs, final state and the values before each clip, live rows only, computed in float64 without TensorFlow."""
    seed, batch, time, units = spec["seed"], spec["batch"], spec["time"], spec["units"]
    width = spec.get("num_proj") or units
    w = {name: variable_value(spec, k, shape).astype(np.float64)
         for k, (name, shape) in enumerate(lstm_shapes(spec).items())}
    act = {"tanh": np.tanh, "sigmoid": sigmoid, "relu": lambda v: np.maximum(v, 0), "linear": lambda v: v}[spec["activation"]]
    cell_clip, proj_clip = spec.get("cell_clip") or np.inf, spec.get("proj_clip") or np.inf
    x = fill(seed + OFFSET["inputs"], (batch, time, spec["input"]), spec["scale_inputs"]).astype(np.float64)
    c = fill(seed + OFFSET["initial_state"], (batch, units), spec["scale_state"]).astype(np.float64)
    m = fill(seed + OFFSET["initial_state"] + 1, (batch, width), spec["scale_state"]).astype(np.float64)
    peephole = {gate: w.get(f"w_{gate}_diag", 0.0) for gate in "fio"}
    outputs, cells_before, outputs_before = np.zeros((batch, time, width)), [], []
    for t in range(time):
        live = np.array([t < n for n in spec.get("lengths") or [time] * batch])[:, None]
        i, j, f, o = np.split(np.concatenate([x[:, t], m], 1) @ w["kernel"] + w["bias"], 4, 1)
        raw = sigmoid(f + spec["forget_bias"] + peephole["f"] * c) * c + sigmoid(i + peephole["i"] * c) * act(j)
        clipped = np.clip(raw, -cell_clip, cell_clip)
        out = sigmoid(o + peephole["o"] * clipped) * act(clipped)
        out = out @ w["projection/kernel"] if spec.get("num_proj") else out
        cells_before.append(raw[live[:, 0]])
        outputs_before.append(out[live[:, 0]])
        out = np.clip(out, -proj_clip, proj_clip)
        outputs[:, t] = np.where(live, out, 0)
        c, m = np.where(live, clipped, c), np.where(live, out, m)
    return {"outputs": outputs, "final_state.0": c, "final_state.1": m}, \
        [(np.concatenate(v).ravel(), clip) for v, clip in ((cells_before, cell_clip), (outputs_before, proj_clip))]


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def clips_well(spec):
    """Some values are clipped, some are not, and none is near the boundary."""
    for values, clip in lstm_in_numpy(spec)[1]:
        excess = np.abs(values) - clip
        if np.isfinite(clip) and (np.min(np.abs(excess)) < CLIP_MARGIN or np.all(excess > 0) or np.all(excess < 0)):
            return False
    return True


def make_lstm_options(golden, seeds):
    for units, (size, batch, time, lengths, num_proj) in OPTION_SIZES.items():
        for name, (peepholes, cell_clip, projection, proj_clip, forget_bias, activation) in OPTIONS.items():
            spec = rnn_spec(0, size + units, cell="lstm", input=size, units=units, batch=batch, time=time,
                            lengths=lengths, activation=activation, forget_bias=forget_bias, use_peepholes=peepholes,
                            cell_clip=cell_clip, num_proj=num_proj if projection else None, proj_clip=proj_clip)
            spec["seed"] = seeds.take()
            while not clips_well(spec):
                spec["seed"] = seeds.take()
            arrays, reference = in_both_precisions(run_rnn, spec)
            assert spec["variables"] == list(lstm_shapes(spec)), spec
            for key, values in lstm_in_numpy(spec)[0].items():
                assert difference(reference[key], values) < 1e-12, (units, name, key)
            golden.add(f"lstm_{units}_{name}", spec, arrays, reference)


# ==== Stacks, residuals and two directions

# name, driver, layers (forward), layers (backward), input, batch, time, lengths, further keys
ONE, TWO = "dynamic_rnn", "bidirectional_dynamic_rnn"
DRIVER_CASES = [
    ("multi_lstm_gru_3", ONE, ["lstm:3", "gru:3"], None, 2, 4, 5, (5, 0, 3, 1), {}),
    ("multi_lstm_gru_7", ONE, ["lstm:7", "gru:3"], None, 5, 3, 6, None, {}),
    ("multi_gru_lstm_17", ONE, ["gru:17", "lstm:7"], None, 1, 3, 4, (2, 4, 0), {}),
    ("multi_lstm_lstm_17", ONE, ["lstm:17", "lstm:17"], None, 9, 2, 5, (5, 3), {"forget_bias": 0.0}),
    ("multi_three_3", ONE, ["gru:3", "basic_rnn:7", "basic_lstm:3"], None, 5, 3, 7, (7, 4, 0), {}),
    ("multi_three_17", ONE, ["lstm:17", "gru:7", "lstm:3"], None, 2, 4, 4, None, {}),
    ("multi_options_7", ONE, ["lstm:7", "lstm:17"], None, 3, 3, 5, (1, 5, 0),
     {"use_peepholes": 1, "num_proj": 5, "forget_bias": -0.5}),
    ("residual_gru_3", ONE, ["residual_gru:3"], None, 3, 4, 6, (6, 0, 2, 5), {}),
    ("residual_lstm_7", ONE, ["residual_lstm:7"], None, 7, 3, 4, None, {}),
    ("residual_basic_rnn_17", ONE, ["residual_basic_rnn:17"], None, 17, 2, 5, (5, 2), {}),
    ("residual_proj_7", ONE, ["residual_lstm:7"], None, 3, 3, 5, (3, 5, 0), {"num_proj": 3}),
    ("multi_residual_3", ONE, ["lstm:3", "residual_gru:3"], None, 2, 4, 6, (0, 6, 3, 1), {}),
    ("multi_residual_7", ONE, ["lstm:7", "residual_lstm:7", "residual_lstm:7"], None, 4, 3, 5, (5, 0, 3), {}),
    ("multi_residual_17", ONE, ["residual_gru:17", "residual_lstm:17"], None, 17, 2, 4, None, {}),
    ("bidirectional_lstm_3", TWO, ["lstm:3"], ["lstm:3"], 2, 4, 5, (5, 0, 3, 1), {}),
    ("bidirectional_lstm_3_full", TWO, ["lstm:3"], ["lstm:3"], 5, 2, 6, None, {}),
    ("bidirectional_lstm_7_full", TWO, ["lstm:7"], ["lstm:7"], 5, 3, 4, None, {"forget_bias": 0.0}),
    ("bidirectional_lstm_17", TWO, ["lstm:17"], ["lstm:7"], 9, 3, 6, (4, 6, 1), {}),
    ("bidirectional_gru_3_full", TWO, ["gru:3"], ["gru:3"], 1, 3, 4, None, {}),
    ("bidirectional_gru_7", TWO, ["gru:7"], ["gru:7"], 5, 5, 6, (6, 3, 0, 6, 2), {}),
    ("bidirectional_gru_17_full", TWO, ["gru:17"], ["gru:3"], 2, 2, 5, None, {}),
    ("bidirectional_mixed_7", TWO, ["lstm:7"], ["gru:3"], 4, 3, 5, (2, 5, 4), {}),
    ("bidirectional_multi_7", TWO, ["lstm:7", "gru:3"], ["gru:7", "lstm:3"], 3, 3, 5, (5, 0, 3), {}),
    ("multi_lstm_gru_1", ONE, ["lstm:1", "gru:1"], None, 1, 3, 4, (4, 0, 2), {}),
    ("multi_lstm_gru_50", ONE, ["lstm:50", "gru:17"], None, 5, 3, 4, (1, 4, 0), {}),
    ("multi_gru_lstm_130", ONE, ["gru:130", "lstm:9"], None, 3, 2, 3, (3, 2), {}),
    ("residual_gru_1", ONE, ["residual_gru:1"], None, 1, 3, 4, (2, 4, 0), {}),
    ("residual_gru_50", ONE, ["residual_gru:50"], None, 50, 2, 4, (4, 3), {}),
    ("residual_basic_rnn_130", ONE, ["residual_basic_rnn:130"], None, 130, 2, 3, None, {}),
    ("bidirectional_lstm_1", TWO, ["lstm:1"], ["lstm:1"], 1, 3, 4, (4, 0, 2), {}),
    ("bidirectional_gru_50", TWO, ["gru:50"], ["lstm:17"], 5, 3, 4, (1, 4, 0), {}),
    ("bidirectional_lstm_130", TWO, ["lstm:130"], ["gru:3"], 3, 2, 3, (3, 2), {}),
]


def make_drivers(golden, seeds):
    for name, driver, forward, backward, size, batch, time, lengths, options in DRIVER_CASES:
        layers = {"layers": forward} if driver == ONE else {"layers_fw": forward, "layers_bw": backward}
        width = max(int(layer.split(":")[1]) for layer in forward)
        spec = {**rnn_spec(seeds.take(), size + width, input=size, batch=batch, time=time, lengths=lengths,
                           **layers, **options), "driver": driver}
        golden.add(name, spec, *in_both_precisions(run_rnn, spec))


# ==== Losses and the dense layer

def loss_labels(spec):
    """Labels as a float32 matrix, or class indices for the sparse loss."""
    shape, kind = (spec["batch"], spec["classes"]), spec["labels"]
    if kind == "sparse":
        return np.array(spec["indices"], np.int32)
    if kind == "one_hot":
        return np.eye(spec["classes"], dtype=np.float32)[spec["indices"]]
    unit = (fill(spec["seed"] + 1, shape, 1.0).astype(np.float64) + 1) / 2
    return (unit / unit.sum(1, keepdims=True) if kind == "soft" else unit).astype(np.float32)


def run_cross_entropy(spec, dtype):
    labels = loss_labels(spec)
    with tf.Graph().as_default(), session() as run:
        logits = tf.constant(fill(spec["seed"], (spec["batch"], spec["classes"]), spec["scale_logits"]).astype(dtype))
        if spec["op"] == "sparse_softmax_cross_entropy_with_logits":
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        else:
            loss = getattr(v1.nn, spec["op"])(labels=tf.constant(labels.astype(dtype)), logits=logits)
        results = {"loss": loss, "loss_sum": tf.reduce_sum(loss)[None], "loss_mean": tf.reduce_mean(loss)[None]}
        results["d_logits_sum"], = v1.gradients(results["loss_sum"], logits)
        results["d_logits_mean"], = v1.gradients(results["loss_mean"], logits)
        results = run.run(results)
    return results if labels.dtype == np.int32 else {"labels": labels, **results}


def run_mean_squared_error(spec, dtype):
    shape = (spec["batch"], spec["classes"])
    with tf.Graph().as_default(), session() as run:
        predictions = tf.constant(fill(spec["seed"], shape, spec["scale_predictions"]).astype(dtype))
        labels = tf.constant(fill(spec["seed"] + 1, shape, spec["scale_labels"]).astype(dtype))
        # tf.losses.mean_squared_error casts to float32, whatever it is given.
        loss = v1.losses.mean_squared_error(labels, predictions)[None] if dtype == np.float32 \
            else tf.reduce_mean(tf.square(predictions - labels))[None]
        return run.run({"loss_mean": loss, "d_predictions": v1.gradients(loss, predictions)[0]})


def run_dense(spec, dtype):
    with tf.Graph().as_default(), session() as run:
        inputs = tf.constant(fill(spec["seed"], (spec["batch"], spec["input"]), spec["scale_inputs"]).astype(dtype))
        outputs = v1.layers.dense(inputs, spec["units"], activation=ACTIVATIONS[spec["activation"]],
                                  use_bias=bool(spec["use_bias"]))
        weights = fill(spec["seed"] + OFFSET["d_outputs"], outputs.shape, spec["scale_gradients"]).astype(dtype)
        variables = v1.trainable_variables()
        spec["variables"] = [v.name.removesuffix(":0").removeprefix("dense/") for v in variables]
        gradients = v1.gradients(tf.reduce_sum(outputs * weights), [inputs] + variables)
        names = ["d_inputs"] + ["d_" + name for name in spec["variables"]]
        run.run([v.assign(variable_value(spec, k, v.shape).astype(dtype)) for k, v in enumerate(variables)])
        return run.run({"outputs": outputs, **dict(zip(names, gradients))})


# batch, classes, scale_logits
SOFTMAX_SIZES = [(1, 2, 1.0), (3, 5, 4.0), (5, 21, 8.0), (17, 3, 1.0), (2, 130, 4.0), (4, 7, 1024.0)]


def make_losses(golden, seeds):
    for batch, classes, scale in SOFTMAX_SIZES:
        for labels in ("one_hot", "soft", "unnormalized", "sparse"):
            seed = seeds.take()
            hard = labels in ("one_hot", "sparse")
            op = ("sparse_" if labels == "sparse" else "") + "softmax_cross_entropy_with_logits"
            spec = {"op": op, "batch": batch, "classes": classes, "labels": labels,
                    "indices": [(5 * b + seed // SEED_STRIDE) % classes for b in range(batch)] if hard else None,
                    "extreme": 1 if scale > 100 else None, "seed": seed, "scale_logits": scale}
            golden.add(f"softmax_{labels}_{batch}x{classes}", spec, *in_both_precisions(run_cross_entropy, spec))
    for batch, classes, scale in [(1, 1, 1.0), (4, 3, 4.0), (3, 17, 16.0), (3, 7, 1024.0)]:
        spec = {"op": "sigmoid_cross_entropy_with_logits", "batch": batch, "classes": classes,
                "labels": "unnormalized", "extreme": 1 if scale > 100 else None,
                "seed": seeds.take(), "scale_logits": scale}
        golden.add(f"sigmoid_{batch}x{classes}", spec, *in_both_precisions(run_cross_entropy, spec))
    for batch, classes in [(1, 1), (4, 3), (5, 33)]:
        spec = {"op": "mean_squared_error", "batch": batch, "classes": classes, "seed": seeds.take(),
                "scale_predictions": 2.0, "scale_labels": 1.0}
        golden.add(f"mean_squared_error_{batch}x{classes}", spec, *in_both_precisions(run_mean_squared_error, spec))


def make_dense(golden, seeds):
    for activation in ("linear", "tanh", "sigmoid", "relu", "softmax"):
        for size, units, batch, use_bias in [(1, 1, 1, 1), (5, 3, 4, 1), (17, 7, 3, 0), (50, 21, 5, 1)]:
            spec = {"op": "dense", "activation": activation, "input": size, "units": units, "batch": batch,
                    "use_bias": use_bias, "seed": seeds.take(), **scales(size)}
            golden.add(f"dense_{activation}_{size}x{units}", spec, *in_both_precisions(run_dense, spec))


# ==== Optimizers

STEPS, COUNT = 20, 37

OPTIMIZER_CASES = [
    ("gradient_descent", "gradient_descent", {"learning_rate": 0.1}),
    ("momentum", "momentum", {"learning_rate": 0.01, "momentum": 0.9, "use_nesterov": False}),
    ("nesterov", "momentum", {"learning_rate": 0.01, "momentum": 0.9, "use_nesterov": True}),
    ("adagrad", "adagrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.1}),
    ("adagrad_other", "adagrad", {"learning_rate": 0.01, "initial_accumulator_value": 1.0}),
    ("adadelta", "adadelta", {"learning_rate": 0.001, "rho": 0.95, "epsilon": 1e-8, "scale_weights": 2.0**-16}),
    ("adadelta_one", "adadelta", {"learning_rate": 1.0, "rho": 0.95, "epsilon": 1e-8, "scale_weights": 2.0**-6}),
    ("adadelta_other", "adadelta", {"learning_rate": 0.5, "rho": 0.9, "epsilon": 1e-4}),
    ("rmsprop", "rmsprop", {"learning_rate": 0.01, "decay": 0.9, "momentum": 0.0, "epsilon": 1e-10, "centered": False}),
    ("rmsprop_momentum", "rmsprop",
     {"learning_rate": 0.01, "decay": 0.9, "momentum": 0.9, "epsilon": 1e-10, "centered": False}),
    ("rmsprop_centered", "rmsprop",
     {"learning_rate": 0.01, "decay": 0.9, "momentum": 0.0, "epsilon": 1e-10, "centered": True}),
    ("rmsprop_other", "rmsprop",
     {"learning_rate": 0.003, "decay": 0.5, "momentum": 0.5, "epsilon": 1e-3, "centered": True}),
    ("adam", "adam", {"learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}),
    ("adam_other", "adam", {"learning_rate": 0.01, "beta1": 0.5, "beta2": 0.9, "epsilon": 1e-3}),
    ("adam_small_gradients", "adam",
     {"learning_rate": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "scale_gradients": 2.0**-24}),
]


def make_optimizer(spec, dtype):
    """A TensorFlow 1 optimizer whose numbers are tensors of `dtype`: left as Python floats they become float32."""
    make = {"gradient_descent": v1.train.GradientDescentOptimizer, "momentum": v1.train.MomentumOptimizer,
            "adagrad": v1.train.AdagradOptimizer, "adadelta": v1.train.AdadeltaOptimizer,
            "rmsprop": v1.train.RMSPropOptimizer, "adam": v1.train.AdamOptimizer, "ftrl": v1.train.FtrlOptimizer}
    tensors = ("learning_rate", "momentum", "rho", "epsilon", "decay", "beta1", "beta2")
    keys = {key: tf.constant(spec[key], dtype) for key in tensors if key in spec}
    keys.update({key: spec[key] for key in ("initial_accumulator_value", "use_nesterov", "centered") if key in spec})
    return make[spec["optimizer"]](**keys)


def run_steps(spec, dtype, weights, gradients, decay=0.0):
    """The weights after each step; `decay` shrinks them before the step, as contrib's AdamW did."""
    with tf.Graph().as_default(), session() as run:
        variable = v1.get_variable("w", initializer=weights.astype(dtype))
        gradient = v1.placeholder(dtype, weights.shape)
        shrink = variable.assign_sub(decay * variable, read_value=False)
        step = make_optimizer(spec, dtype).apply_gradients([(gradient, variable)])
        run.run(v1.global_variables_initializer())
        rows = []
        for value in gradients:
            run.run(shrink)
            run.run(step, {gradient: value})
            rows.append(run.run(variable))
        return np.stack(rows)


def run_optimizer(spec, dtype):
    weights = fill(spec["seed"], COUNT, spec["scale_weights"])
    gradients = [fill(spec["seed"] + step, COUNT, spec["scale_gradients"]) for step in range(1, STEPS + 1)]
    rows = run_steps(spec, dtype, weights, gradients)
    assert difference(rows[-1], weights) > 0.01, ("the steps are lost in rounding", spec)
    return {"weights": rows}


def make_optimizers(golden, seeds):
    for name, kind, keys in OPTIMIZER_CASES:
        spec = {"op": "optimizer", "optimizer": kind, "steps": STEPS, "count": COUNT, "seed": seeds.take(),
                "scale_weights": 1.0, "scale_gradients": 1.0, **keys}
        golden.add(name, spec, *in_both_precisions(run_optimizer, spec))


def make_loss_optimizer(golden, seeds):
    make_losses(golden, seeds)
    make_dense(golden, seeds)
    make_optimizers(golden, seeds)


# ==== Tables of the design note, computed here in float64

LSTM_KERNEL, LSTM_BIAS = [[.1, .2, .3, .4], [.5, -.6, .7, -.8]], [.01, .02, .03, .04]
GRU_VALUES = {"gates/kernel": [[.1, .2], [.5, -.6]], "gates/bias": [1, 1],
              "candidate/kernel": [[.3], [.7]], "candidate/bias": [0]}

# name, cell, values by variable name, state leaves after each of x = 1, 0, 1
CELL_TABLE = [
    ("LSTM forget_bias 1", lambda: cells.LSTMCell(1), {},
     [[.114207281, .069167148], [.074232770, .036764319], [.162980732, .097130246]]),
    ("LSTM forget_bias 0", lambda: cells.LSTMCell(1, forget_bias=0.0), {},
     [[.114207281, .069167148], [.048353390, .023972659], [.135886679, .081530846]]),
    ("LSTM peepholes", lambda: cells.LSTMCell(1, use_peepholes=True),
     {"w_i_diag": [.11], "w_f_diag": [.12], "w_o_diag": [.13]},
     [[.114207281, .069568782], [.074341802, .036991442], [.163510344, .098257438]]),
    ("LSTM cell_clip .15", lambda: cells.LSTMCell(1, cell_clip=0.15), {},
     [[.114207281, .069167148], [.074232770, .036764319], [.15, .089513999]]),
    ("GRU", lambda: cells.GRUCell(1), GRU_VALUES, [[.067431650], [.058394747], [.120434094]]),
]
CUDNN_GRU = [[.106978139], [.146851015], [.240099463]]

ADAM = {"optimizer": "adam", "learning_rate": .001, "beta1": .9, "beta2": .999, "epsilon": 1e-8}
RMSPROP = {"optimizer": "rmsprop", "learning_rate": .01, "decay": .9, "momentum": 0.0, "epsilon": 1e-10}
# name, keys, decoupled decay, weights after g = .1, -.2, .3 from w = 1
OPTIMIZER_TABLE = [
    ("Adam", ADAM, 0, [.999000003, .999366106, .999022865]),
    ("RMSProp", RMSPROP, 0, [.998946493, 1.001162024, .997680259]),
    ("RMSProp centered", {**RMSPROP, "momentum": .9, "centered": True}, 0,
     [.998946434, 1.000213920, .997871946]),
    ("Adagrad", {"optimizer": "adagrad", "learning_rate": .01}, 0, [.996984887, 1.002148864, .996025140]),
    ("Adadelta", {"optimizer": "adadelta", "learning_rate": 1.0, "rho": .95, "epsilon": 1e-8}, 0,
     [.999552791, 1.000121322, .999436884]),
    ("Momentum", {"optimizer": "momentum", "learning_rate": .01, "momentum": .9}, 0, [.999, 1.0001, .99809]),
    ("Nesterov", {"optimizer": "momentum", "learning_rate": .01, "momentum": .9, "use_nesterov": True}, 0,
     [.9981, 1.00109, .996281]),
    ("AdamW", ADAM, .01, [.989000003, .979476106, .969338104]),
    ("Ftrl", {"optimizer": "ftrl", "learning_rate": .01}, 0, [.043522297, .048686275, .042562551]),
]


def cell_rows(make, values):
    """State leaves after x = 1, 0, 1 from zero, in float64."""
    with tf.Graph().as_default(), session() as run:
        cell = make()
        state, rows = cell.zero_state(1, tf.float64), []
        for x in (1.0, 0.0, 1.0):
            state = cell(tf.constant([[x]], tf.float64), state)[1]
            rows.append([leaf[0, 0] for leaf in tf.nest.flatten(state)])
        values = {"kernel": LSTM_KERNEL, "bias": LSTM_BIAS, **values}
        run.run([v.assign(values[v.name.removesuffix(":0").split("/", 1)[1]]) for v in v1.trainable_variables()])
        return run.run(rows)


def cudnn_gru_rows():
    """CudnnCompatibleGRUCell is gone from TensorFlow 2; Keras' GRUCell with reset_after has the same formula."""
    with tf.Graph().as_default(), session() as run:
        cell = tf.keras.layers.GRUCell(1, reset_after=True, recurrent_activation="sigmoid", dtype="float64")
        state, rows = [tf.zeros([1, 1], tf.float64)], []
        for x in (1.0, 0.0, 1.0):
            state = cell(tf.constant([[x]], tf.float64), state)[1]
            rows.append([tf.nest.flatten(state)[0][0, 0]])
        run.run([cell.kernel.assign([[.2, .1, .3]]), cell.recurrent_kernel.assign([[-.6, .5, .7]]),
                 cell.bias.assign([[1, 1, .05], [0, 0, .2]])])
        return run.run(rows)


def check(name, found, expected, tolerance):
    gap = float(np.max(np.abs(np.asarray(found) - np.asarray(expected))))
    print(f"  {name}: {np.ravel(found)} off by {gap:.1e}")
    assert gap <= tolerance, (name, found, expected)


def check_tables():
    """The hand-computed tables the C tests also use, against TensorFlow."""
    print("tables:")
    for name, make, values, expected in CELL_TABLE:
        check(name, cell_rows(make, values), expected, 6e-10)
    check("CudnnCompatibleGRU", cudnn_gru_rows(), CUDNN_GRU, 6e-10)
    for name, keys, decay, expected in OPTIMIZER_TABLE:
        rows = run_steps(keys, np.float64, np.ones(1), [[.1], [-.2], [.3]], decay)
        check(name, rows[:, 0], expected, 6e-10)
    probe = run_steps(ADAM, np.float64, np.zeros(1), [[1e-7]])
    check("Adam epsilon probe", probe, -2.40253e-4, 6e-10)



FILES = {"cells": make_cells, "lstm_options": make_lstm_options, "drivers": make_drivers,
         "loss_optimizer": make_loss_optimizer}


def main():
    parser = argparse.ArgumentParser(description="Write the golden vectors with TensorFlow.")
    parser.add_argument("--output", default=os.path.dirname(os.path.abspath(__file__)), help="folder to write to")
    parser.add_argument("files", nargs="*", metavar="FILE", help=", ".join(FILES))
    arguments = parser.parse_args()
    unknown = set(arguments.files) - set(FILES)
    if unknown:
        parser.error(f"no such file: {', '.join(sorted(unknown))}")
    if tf.__version__ != PINNED:
        sys.exit(f"TensorFlow {PINNED} is wanted, this is {tf.__version__}")
    v1.disable_eager_execution()
    v1.logging.set_verbosity(v1.logging.ERROR)
    check_tables()
    for index, (name, make) in enumerate(FILES.items()):
        if not arguments.files or name in arguments.files:
            golden = Golden(name)
            make(golden, Seeds(index))
            golden.write(arguments.output)


if __name__ == "__main__":
    main()
