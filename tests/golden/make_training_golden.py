#!/usr/bin/env python3
"""Write training.golden: whole training steps, and contrib's and Keras' AdamW, by TensorFlow itself.

Needs what make_golden.py needs, and is run like it:

    /opt/golden-venv/bin/python tests/golden/make_training_golden.py [--output FOLDER]

A network of LSTMCell, dynamic_rnn, a dense layer on the last h and softmax cross entropy takes ten steps of each optimizer;
what is stored are the weights after the first and the last. contrib's AdamW, which TensorFlow 2 has dropped, is its graph:
an assign_sub of the decay between the gradients and AdamOptimizer. The other AdamW is tf.keras.optimizers.AdamW. The stored
values are float32 results that agree with float64 ones; a problem whose steps amplify rounding gets other numbers.
"""

import argparse
import os
import sys

from make_golden import COUNT, OFFSET, PINNED, STEPS, cells, make_optimizer, run_steps, session

import numpy as np
import tensorflow as tf
from container import Golden, Seeds, difference, fill, rnn_spec, variable_value

v1 = tf.compat.v1

FILE_INDEX = 7               # seeds of this file are apart from those of the others
TRAINING_STEPS = 10
INPUTS = 32                  # the seed of step s is INPUTS + s further on
AGREEMENT = 2e-6             # of float32 and float64: a fifth of what the test allows

BATCH, TIME, INPUT, UNITS, CLASSES = 7, 6, 3, 11, 5
LENGTHS, INDICES = (6, 3, 1, 6, 0, 5, 4), (0, 3, 1, 4, 2, 3, 0)

ADAM = {"learning_rate": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
CONTRIB = {**ADAM, "weight_decay": 0.01, "decay_by_rate": False}
KERAS = {**ADAM, "weight_decay": 0.1, "decay_by_rate": True}
RMSPROP = {"learning_rate": 0.1, "decay": 0.9, "momentum": 0.0, "epsilon": 1e-10}

TRAINING_CASES = [
    ("gradient_descent", "gradient_descent", {"learning_rate": 0.5}),
    ("momentum", "momentum", {"learning_rate": 0.1, "momentum": 0.9, "use_nesterov": False}),
    ("nesterov", "momentum", {"learning_rate": 0.1, "momentum": 0.9, "use_nesterov": True}),
    ("adagrad", "adagrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.1}),
    ("adadelta", "adadelta", {"learning_rate": 1.0, "rho": 0.95, "epsilon": 1e-6}),
    ("rmsprop", "rmsprop", {**RMSPROP, "centered": False}),
    ("rmsprop_momentum", "rmsprop", {**RMSPROP, "momentum": 0.9, "centered": False}),
    ("rmsprop_centered", "rmsprop", {**RMSPROP, "centered": True}),
    ("adam", "adam", ADAM),
    ("adamw", "adamw", CONTRIB),
    ("adamw_by_rate", "adamw", KERAS),
]

ADAMW_CASES = [
    ("adamw_steps", {**CONTRIB, "learning_rate": 0.001}),
    ("adamw_steps_other", {**CONTRIB, "beta1": 0.5, "beta2": 0.9, "epsilon": 1e-3, "weight_decay": 0.25}),
    ("adamw_by_rate_steps", {**KERAS, "learning_rate": 0.001}),
    ("adamw_by_rate_steps_other", {**KERAS, "beta1": 0.5, "beta2": 0.9, "epsilon": 1e-3, "weight_decay": 0.5}),
]


def keras_adamw(spec):
    return tf.keras.optimizers.AdamW(learning_rate=spec["learning_rate"], weight_decay=spec["weight_decay"],
                                     beta_1=spec["beta1"], beta_2=spec["beta2"], epsilon=spec["epsilon"])


# ==== Single steps with given gradients

def run_adamw(spec, dtype):
    weights = fill(spec["seed"], COUNT, spec["scale_weights"])
    gradients = [fill(spec["seed"] + step, COUNT, spec["scale_gradients"]) for step in range(1, STEPS + 1)]
    if not spec["decay_by_rate"]:
        return {"weights": run_steps({**spec, "optimizer": "adam"}, dtype, weights, gradients, spec["weight_decay"])}
    optimizer, variable, rows = keras_adamw(spec), tf.Variable(weights.astype(dtype)), []
    for gradient in gradients:
        optimizer.apply_gradients([(tf.constant(gradient.astype(dtype)), variable)])
        rows.append(variable.numpy())
    return {"weights": np.stack(rows)}


# ==== Training

def network(dtype):
    """A placeholder for the inputs, the loss, and the variables."""
    inputs = v1.placeholder(dtype, (BATCH, TIME, INPUT))
    state = v1.nn.dynamic_rnn(cells.LSTMCell(UNITS), inputs, sequence_length=tf.constant(LENGTHS, tf.int32), dtype=dtype)[1]
    logits = v1.layers.dense(state.h, CLASSES)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.constant(INDICES, tf.int32), logits=logits)
    return inputs, tf.reduce_mean(losses), v1.trainable_variables()


def graph_step(spec, dtype, variables, gradients):
    """What one step runs, in this order, given the gradients."""
    if spec["optimizer"] != "adamw":
        return [make_optimizer(spec, dtype).apply_gradients(zip(gradients, variables))]
    shrink = [v.assign_sub(spec["weight_decay"] * v, read_value=False) for v in variables]
    return [shrink, make_optimizer({**spec, "optimizer": "adam"}, dtype).apply_gradients(zip(gradients, variables))]


def keras_step(spec, start):
    """A function from gradients to the weights after the step; Keras works eagerly, on variables of its own."""
    optimizer, variables = keras_adamw(spec), [tf.Variable(value) for value in start]

    def step(gradients):
        optimizer.apply_gradients(zip(map(tf.constant, gradients), variables))
        return [v.numpy() for v in variables]
    return step


def train(spec, dtype):
    """The weights after each step, and the losses before them."""
    by_keras = spec["optimizer"] == "adamw" and spec["decay_by_rate"]
    with tf.Graph().as_default():
        inputs, loss, variables = network(dtype)
        spec["variables"] = [v.name.removesuffix(":0") for v in variables]
        gradients = v1.gradients(loss, variables)
        fed = [v1.placeholder(dtype, v.shape) for v in variables]
        assign = [v.assign(value, read_value=False) for v, value in zip(variables, fed)]
        steps = [] if by_keras else graph_step(spec, dtype, variables, fed)
        run = session()
        run.run(v1.global_variables_initializer())
    start = [variable_value(spec, k, v.shape).astype(dtype) for k, v in enumerate(variables)]
    run.run(assign, dict(zip(fed, start)))
    step_by_keras = keras_step(spec, start) if by_keras else None
    rows, losses = [], []
    for k in range(1, TRAINING_STEPS + 1):
        x = fill(spec["seed"] + INPUTS + k, (BATCH, TIME, INPUT), spec["scale_inputs"]).astype(dtype)
        value, found = run.run([loss, gradients], {inputs: x})
        for step in steps:
            run.run(step, dict(zip(fed, found)))
        if by_keras:
            run.run(assign, dict(zip(fed, step_by_keras(found))))
        losses.append(value)
        rows.append(run.run(variables))
    run.close()
    return rows, losses


def run_training(spec, dtype):
    rows, losses = train(spec, dtype)
    results = {f"{name}.{step}": rows[step - 1][k]
               for k, name in enumerate(spec["variables"]) for step in (1, TRAINING_STEPS)}
    return {**results, "losses": np.array(losses, dtype)}


def make_training(golden, seeds):
    for name, kind, keys in TRAINING_CASES:
        while True:
            spec = {"op": "training", "optimizer": kind, "batch": BATCH, "time": TIME, "input": INPUT, "units": UNITS,
                    "classes": CLASSES, "steps": TRAINING_STEPS, "lengths": LENGTHS, "indices": INDICES,
                    **rnn_spec(seeds.take(), INPUT + UNITS), **keys}
            arrays, reference = run_training(spec, np.float32), run_training(spec, np.float64)
            if max(difference(arrays[key], reference[key]) for key in arrays) <= AGREEMENT:
                break
        moved = difference(arrays[f"rnn/lstm_cell/kernel.{TRAINING_STEPS}"], arrays["rnn/lstm_cell/kernel.1"])
        assert moved > 0.01, ("the steps are lost in rounding", name, moved)
        golden.add(name, spec, arrays, reference)


def make_adamw(golden, seeds):
    for name, keys in ADAMW_CASES:
        spec = {"op": "optimizer", "optimizer": "adamw", "steps": STEPS, "count": COUNT, "seed": seeds.take(),
                "scale_weights": 1.0, "scale_gradients": 1.0, **keys}
        golden.add(name, spec, run_adamw(spec, np.float32), run_adamw(spec, np.float64))


def main():
    parser = argparse.ArgumentParser(description="Write training.golden with TensorFlow.")
    parser.add_argument("--output", default=os.path.dirname(os.path.abspath(__file__)), help="folder to write to")
    arguments = parser.parse_args()
    if tf.__version__ != PINNED:
        sys.exit(f"TensorFlow {PINNED} is wanted, this is {tf.__version__}")
    v1.logging.set_verbosity(v1.logging.ERROR)
    golden, seeds = Golden("training"), Seeds(FILE_INDEX)
    make_training(golden, seeds)
    make_adamw(golden, seeds)
    golden.write(arguments.output)


if __name__ == "__main__":
    main()
