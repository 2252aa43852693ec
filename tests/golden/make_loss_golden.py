#!/usr/bin/env python3
"""Write losses.golden and ctc.golden with TensorFlow itself.

    /opt/golden-venv/bin/python tests/golden/make_loss_golden.py [--output FOLDER]

in the environment that make_golden.py describes. tf.losses computes in float32 whatever it is given, so its float64
side is the losses' op in float64, weighted and reduced here as tf.losses documents. contrib.seq2seq.sequence_loss is
gone from TensorFlow 2: its formula stands here in TensorFlow's operations, with the 1e-12 that TensorFlow 1 had at
first. CTC loss, greedy decoder and edit distance are TensorFlow's own ops.
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
from container import Golden, Seeds, fill

v1 = tf.compat.v1

PINNED = "2.15.1"
FILE_INDEX = 5               # seeds of these two files come after those of the other scripts
DELTA = 0.75                 # of the Huber loss
REDUCTIONS = {"none": v1.losses.Reduction.NONE, "sum": v1.losses.Reduction.SUM,
              "mean": v1.losses.Reduction.SUM_OVER_BATCH_SIZE,
              "by_nonzero": v1.losses.Reduction.SUM_BY_NONZERO_WEIGHTS, "over_weights": v1.losses.Reduction.MEAN}


def session():
    return v1.Session(config=v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1))


# ==== tf.losses: every loss, reduction and shape of weights

def tf_loss(op, labels, x, weights, reduction):
    if op == "huber_loss":
        return v1.losses.huber_loss(labels, x, weights=weights, delta=DELTA, reduction=reduction)
    return getattr(v1.losses, op)(labels, x, weights=weights, reduction=reduction)


def plain_losses(op, labels, x):
    """The unreduced losses, in the precision of x."""
    if op == "softmax_cross_entropy":
        return tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=x)
    if op == "sparse_softmax_cross_entropy":
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=x)
    if op == "sigmoid_cross_entropy":
        return tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=x)
    error = x - labels
    size = tf.abs(error)
    if op == "huber_loss":
        return tf.where(size <= DELTA, error * error / 2, DELTA * size - DELTA * DELTA / 2)
    return error * error if op == "mean_squared_error" else size


def reduced(losses, weights, reduction):
    weighted = losses * weights
    weights = weights * tf.ones_like(losses)
    if reduction == "none":
        return weighted
    divisor = {"sum": 1.0, "mean": float(np.prod(losses.shape)), "over_weights": tf.reduce_sum(weights),
               "by_nonzero": tf.reduce_sum(tf.cast(tf.not_equal(weights, 0), losses.dtype))}[reduction]
    return tf.math.divide_no_nan(tf.reduce_sum(weighted), tf.cast(divisor, losses.dtype))


def loss_inputs(spec, dtype):
    """Logits or predictions, labels and weights of a case."""
    shape, op = (spec["batch"], spec["width"]), spec["op"]
    x = fill(spec["seed"], shape, spec["scale_x"])
    labels = fill(spec["seed"] + 1, shape, spec["scale_labels"])
    if op == "sparse_softmax_cross_entropy":
        labels = np.array(spec["indices"], np.int32)
    elif "cross_entropy" in op:
        labels = np.abs(labels)
    rows = "softmax" in op
    shapes = {"none": (), "scalar": (), "row": shape[:1] if rows else (shape[0], 1), "column": (1, shape[1]),
              "element": shape, "zeros": shape[:1] if rows else (shape[0], 1)}
    weights = fill(spec["seed"] + 2, shapes[spec["weights"]] or (1,), 1.0) + np.float32(0.25)
    weights.reshape(-1)[1::3] = 0
    weights = {"none": np.float32(1), "zeros": 0 * weights}.get(spec["weights"], weights)
    weights = weights.reshape(shapes[spec["weights"]])
    return tf.constant(x.astype(dtype)), tf.constant(labels if labels.dtype == np.int32 else labels.astype(dtype)), \
        tf.constant(weights.astype(dtype)), weights


def run_loss(spec, dtype):
    with tf.Graph().as_default(), session() as run:
        x, labels, weights, stored = loss_inputs(spec, dtype)
        if dtype == np.float32:
            loss = tf_loss(spec["op"], labels, x, weights, REDUCTIONS[spec["reduction"]])
        else:
            loss = reduced(plain_losses(spec["op"], labels, x), weights, spec["reduction"])
        results = run.run({"loss": tf.reshape(loss, [-1]), "d": v1.gradients(loss, x)[0]})
    return results if spec["weights"] == "none" else {"weights": stored.reshape(-1), **results}


def make_losses(golden, seeds):
    for op in ("softmax_cross_entropy", "sparse_softmax_cross_entropy", "sigmoid_cross_entropy", "mean_squared_error",
               "absolute_difference", "huber_loss"):
        shapes = ("none", "scalar", "row", "zeros") + (() if "softmax" in op else ("column", "element"))
        for weights in shapes:
            for reduction in REDUCTIONS:
                batch, width = (4, 19) if len(golden.header) % 2 else (5, 3)
                spec = {"op": op, "reduction": reduction, "weights": weights, "batch": batch, "width": width,
                        "delta": DELTA if op == "huber_loss" else None,
                        "indices": [(5 * b + 2) % width for b in range(batch)] if op.startswith("sparse") else None,
                        "seed": seeds.take(), "scale_x": 4.0 if "cross_entropy" in op else 1.0, "scale_labels": 1.0}
                golden.add(f"{op}_{weights}_{reduction}", spec, run_loss(spec, np.float32), run_loss(spec, np.float64))


# ==== sequence_loss

AVERAGES = {"both": None, "timesteps": [1], "batch": [0], "neither": []}


def run_sequence_loss(spec, dtype):
    batch, time, classes = spec["batch"], spec["time"], spec["classes"]
    weights = np.ones((batch, time), np.float32)
    if spec["weighted"]:
        weights = fill(spec["seed"] + 1, (batch, time), 1.0) + np.float32(0.25)
        weights.reshape(-1)[1::5] = 0
    stored = weights
    if spec["lengths"]:
        weights = weights * (np.arange(time) < np.array(spec["lengths"])[:, None])
    with tf.Graph().as_default(), session() as run:
        logits = tf.constant(fill(spec["seed"], (batch, time, classes), spec["scale_x"]).astype(dtype))
        targets = tf.constant(np.array(spec["targets"], np.int32).reshape(batch, time))
        weights = tf.constant(weights.astype(dtype))
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=logits) * weights
        axis = AVERAGES[spec["average"]]
        if axis != []:
            loss = tf.reduce_sum(loss, axis) / (tf.reduce_sum(weights, axis) + 1e-12)
        results = run.run({"loss": tf.reshape(loss, [-1]), "d_logits": v1.gradients(loss, logits)[0]})
    return {"weights": stored, **results} if spec["weighted"] else results


def make_sequence_losses(golden, seeds):
    for average in AVERAGES:
        for weighted in (0, 1):
            for batch, time, classes, lengths in [(4, 6, 5, None), (4, 6, 5, (6, 0, 3, 1)), (1, 1, 2, None),
                                                  (3, 5, 21, (2, 5, 4))]:
                seed = seeds.take()
                spec = {"op": "sequence_loss", "average": average, "weighted": weighted, "batch": batch, "time": time,
                        "classes": classes, "lengths": lengths, "seed": seed, "scale_x": 1.0,
                        "targets": [(7 * k + k * k) % classes for k in range(batch * time)]}
                name = f"sequence_loss_{average}_{'weights' if weighted else 'plain'}_{batch}x{time}" \
                    + ("_ragged" if lengths else "")
                golden.add(name, spec, run_sequence_loss(spec, np.float32), run_sequence_loss(spec, np.float64))


# ==== CTC, in float64: in float32 TensorFlow's sums of logarithms leave its own gradients off by 4e-5 after 60 frames.
# Its blank is the last class; it refuses empty labels, and gives an infinite loss where repeated labels have too few
# frames: torch_ctc.golden has those cases.

# name, time, classes, frames of each row, labels of each row, options
CTC_CASES = [
    ("one_frame", 1, 2, (1,), ((0,),), {}),
    ("just_enough", 3, 4, (3, 3, 2), ((0, 1, 2), (1, 1), (2, 0)), {}),
    ("ragged", 12, 5, (12, 7, 4, 9, 1), ((0, 1, 2, 3), (2, 2, 0), (3,), (1, 0, 1, 0, 1), (2,)), {}),
    ("repeats", 10, 3, (10, 9, 5), ((0, 0, 0, 0), (1, 1, 0, 0, 1, 1), (1, 1, 1)), {}),
    ("many_classes", 8, 40, (8, 6), ((38, 0, 17, 17), (5, 6)), {}),
    ("long", 60, 6, (60, 41), ((0, 1, 2, 2, 3, 4, 0, 0, 1, 3) * 2, (4, 3, 2, 1, 0)), {}),
    ("large_logits", 9, 4, (9, 8), ((0, 1, 1), (2,)), {"scale_x": 16.0}),
    ("collapse", 6, 4, (6, 6, 5), ((0, 0, 1, 1), (2, 2, 2), (0, 1, 0)), {"collapse": 1}),
    ("no_merge", 6, 4, (6, 4, 3), ((0, 0, 1, 1), (2, 2, 2), (0, 1, 0)), {"no_merge": 1}),
    ("collapse_no_merge", 6, 4, (6, 6, 4), ((0, 0, 1, 1), (2, 2, 2), (0, 1, 0)), {"collapse": 1, "no_merge": 1}),
    ("ignored", 5, 4, (5, 2, 5), ((0, 1), (2, 1, 0), (1,)), {"ignore": 1}),
]


def sparse(rows):
    indices = [(b, k) for b, row in enumerate(rows) for k in range(len(row))]
    values = [label for row in rows for label in row]
    width = max([1] + [len(row) for row in rows])
    indices = np.array(indices, np.int64).reshape(-1, 2)
    return tf.SparseTensor(indices, tf.constant(values, tf.int32), [len(rows), width])


def run_ctc(spec, rows, dtype):
    shape = (spec["batch"], spec["time"], spec["classes"])
    with tf.Graph().as_default(), session() as run:
        logits = tf.constant(fill(spec["seed"], shape, spec["scale_x"]).astype(dtype))
        losses = v1.nn.ctc_loss(sparse(rows), logits, list(spec["lengths"]), time_major=False,
                                preprocess_collapse_repeated=bool(spec["collapse"]),
                                ctc_merge_repeated=not spec["no_merge"],
                                ignore_longer_outputs_than_inputs=bool(spec["ignore"]))
        return run.run({"losses": losses, "d_logits": v1.gradients(losses, logits)[0]})


def ctc_spec(seeds, time, classes, lengths, rows, options):
    spec = {"batch": len(rows), "time": time, "classes": classes, "blank": classes - 1, "lengths": lengths,
            "label_lengths": [len(row) for row in rows], "collapse": 0, "no_merge": 0, "ignore": 0,
            "seed": seeds.take(), "scale_x": 4.0, **options}
    return {**spec, "labels": [label for row in rows for label in row]}


def make_ctc(golden, seeds):
    for name, time, classes, lengths, rows, options in CTC_CASES:
        spec = {"op": "ctc_loss", **ctc_spec(seeds, time, classes, lengths, rows, options)}
        exact = run_ctc(spec, rows, np.float64)
        golden.add(f"ctc_{name}", spec, {key: value.astype(np.float32) for key, value in exact.items()}, exact)


# ==== Greedy decoding and edit distance

def run_decode(spec, dtype):
    shape = (spec["batch"], spec["time"], spec["classes"])
    with tf.Graph().as_default(), session() as run:
        logits = fill(spec["seed"], shape, spec["scale_x"])
        logits = np.round(logits).astype(dtype) # equal logits, repeated classes and blanks
        decoded, sums = tf.nn.ctc_greedy_decoder(tf.constant(logits.transpose(1, 0, 2)), list(spec["lengths"]),
                                                 merge_repeated=bool(spec["merge"]), blank_index=spec["blank"])
        found = run.run({"decoded": tf.sparse.to_dense(decoded[0], -1), "neg_sum_logits": sums[:, 0]})
    dense = np.full((spec["batch"], spec["time"]), -1, np.float32)
    dense[:, :found["decoded"].shape[1]] = found["decoded"]
    return {"decoded": dense, "neg_sum_logits": found["neg_sum_logits"]}


def make_decodes(golden, seeds):
    for time, classes, lengths, merge, blank in [(1, 2, (1,), 1, 1), (20, 3, (20, 0, 13, 5), 1, 2),
                                                 (20, 3, (20, 0, 13, 5), 0, 2), (30, 4, (30, 29), 1, 0),
                                                 (30, 2, (30, 17, 1), 1, 1), (12, 9, (12, 12, 6), 0, 4)]:
        spec = {"op": "ctc_greedy_decoder", "batch": len(lengths), "time": time, "classes": classes, "blank": blank,
                "merge": merge, "lengths": lengths, "seed": seeds.take(), "scale_x": 2.0}
        golden.add(f"decode_{time}x{classes}_{merge}_{blank}", spec, run_decode(spec, np.float32),
                   run_decode(spec, np.float64))


# hypothesis and truth of each row
DISTANCES = [((), (1,)), ((1,), (1,)), ((1, 2, 3), (1, 3)), ((1, 3), (1, 2, 3)), ((4, 5, 6, 7), (5, 6, 7, 4)),
             ((1, 2, 1, 2, 1, 2), (2, 1, 2, 1, 2, 1)), ((1, 1, 1, 1), (1,)), ((1,), (2, 2, 2, 2, 2)),
             ((11, 9, 20, 20, 5, 14), (19, 9, 20, 20, 9, 14, 7)), ((), ()), ((5, 5), ())]


def make_distances(golden):
    hypotheses, truths = zip(*DISTANCES)
    for normalize in (0, 1):
        with tf.Graph().as_default(), session() as run:
            found = run.run(tf.edit_distance(sparse(hypotheses), sparse(truths), normalize=bool(normalize)))
        if normalize:            # the container has no infinity; the C test knows this one
            assert np.isinf(found[-1])
            found[-1] = -1
        spec = {"op": "edit_distance", "normalize": normalize, "batch": len(DISTANCES)}
        for name, rows in (("hypothesis", hypotheses), ("truth", truths)):
            spec[name + "_lengths"] = [len(row) for row in rows]
            spec[name] = [label for row in rows for label in row]
        golden.add(f"edit_distance_{normalize}", spec, {"distance": found}, {"distance": found})


def main():
    parser = argparse.ArgumentParser(description="Write losses.golden and ctc.golden with TensorFlow.")
    parser.add_argument("--output", default=os.path.dirname(os.path.abspath(__file__)), help="folder to write to")
    arguments = parser.parse_args()
    if tf.__version__ != PINNED:
        sys.exit(f"TensorFlow {PINNED} is wanted, this is {tf.__version__}")
    v1.disable_eager_execution()
    v1.logging.set_verbosity(v1.logging.ERROR)
    losses, ctc, seeds = Golden("losses"), Golden("ctc"), Seeds(FILE_INDEX)
    make_losses(losses, seeds)
    make_sequence_losses(losses, seeds)
    losses.write(arguments.output)
    make_ctc(ctc, seeds)
    make_decodes(ctc, seeds)
    make_distances(ctc)
    ctc.write(arguments.output)


if __name__ == "__main__":
    main()
