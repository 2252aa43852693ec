"""The counting example's recipe for other libraries: the same data in the same order, the same schedule, the same clock.

A network has `train(inputs, labels, learning_rate)`, which makes one step, and `predict(inputs) -> classes`.
inputs[batch][bits][1] are float32, labels[batch] are whole numbers.
"""

import argparse
import time

import numpy

# Of examples/counting: the size of a training step, the width of the LSTM, Adam's rate; and after how many steps, a tenth
# of its epoch, the test set is looked at, which is not timed.
BATCH, UNITS, LEARNING_RATE, STEPS_A_LOOK, PREDICT_BATCH, GOAL = 128, 50, 1e-3, 655, 4096, 0.999


def read_cache(path):
    """The shuffled sequences that examples/counting keeps: a header of 32 bytes, in which the bits stand at byte 12."""
    with open(path, "rb") as file:
        header = file.read(32)
        sequences = numpy.frombuffer(file.read(), "<u4")
    bits = int.from_bytes(header[12:16], "little")
    if header[:8] != b"SYNTHSEQ" or sequences.size != 1 << bits:
        raise SystemExit(path + " is not a cache of the counting example")
    return sequences, bits


def expand(sequences, bits):
    places = numpy.arange(bits - 1, -1, -1, dtype=numpy.uint32)  # the most significant first
    inputs = (sequences[:, None] >> places & 1).astype(numpy.float32)
    return inputs[:, :, None], inputs.sum(1).astype(numpy.int64)


def accuracy(network, inputs, labels):
    right = 0
    for at in range(0, len(labels), PREDICT_BATCH):
        right += int((network.predict(inputs[at : at + PREDICT_BATCH]) == labels[at : at + PREDICT_BATCH]).sum())
    return right / len(labels)


def run(library, version, create):
    """create(bits, classes, threads) -> network. Prints the line that counting.sh shows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cache", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--train", type=int)
    options = parser.parse_args()
    sequences, bits = read_cache(options.cache)
    train = options.train or int(0.8 * sequences.size)
    inputs, labels = expand(sequences[:train], bits)
    test = expand(sequences[train:], bits)
    network = create(bits, bits + 1, options.threads)

    clock = time.perf_counter if options.threads > 1 else time.process_time  # as system.c's
    steps_per_epoch = train // BATCH
    steps = options.epochs * steps_per_epoch
    looks = max(1, steps // STEPS_A_LOOK)
    seconds = seconds_to_goal = reached = 0.0
    step = 0
    for look in range(1, looks + 1):
        begin = clock()
        while step < look * steps // looks:
            at = step % steps_per_epoch * BATCH
            rate = LEARNING_RATE * min(1.0, 3 * (steps - step) / steps)  # falls to 0 over the last third
            network.train(inputs[at : at + BATCH], labels[at : at + BATCH], rate)
            step += 1
        seconds += clock() - begin
        reached = accuracy(network, *test)
        if reached >= GOAL and not seconds_to_goal:
            seconds_to_goal = seconds
    goal = "%.1f" % seconds_to_goal if seconds_to_goal else "-"
    print("%-12s %-16s %7d %12.0f %10.1f %16s %9.3f %%" % (library, version, options.threads, steps * BATCH / seconds,
                                                      seconds, goal, 100 * reached), flush=True)
