"""Computes the counting program's figures anew, from the model that it saved and the data that it cached.

Usage: recompute_counting.py PROGRAM, or a wrapper's words and then the program. Prints TAP.

test_loss, test_accuracy and lab_metric are functions of the model and the test set. train_loss is the mean over the steps of
the last epoch of each step's loss before the step, by weights that no file holds, but where
* the learning rate is too small to move a weight: then those that are saved stood before each step;
* an epoch is one step, and training goes on from a checkpoint: its weights stood before the first step of the line that
  comes next.
"""

import json
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time

import numpy

TOLERANCE = 1e-4  # relative
PRINTED = 5.1e-5  # what rounding a loss to four decimals may add
program = sys.argv[1:]
number = failures = 0


def check(description, expected, found, tolerance=TOLERANCE):
    global number, failures
    number += 1
    good = bool(abs(expected - found) <= tolerance * abs(expected) + (PRINTED if tolerance else 0.0))
    failures += not good
    print(f"{'ok' if good else 'not ok'} {number} - {description}: {expected:.6f}, printed {found:.6f}", flush=True)


def read_tensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    del header["__metadata__"]
    return {
        name: numpy.frombuffer(data[slice(*t["data_offsets"])], "<f4").reshape(t["shape"]).astype(float)
        for name, t in header.items()
        if t["dtype"] == "F32"
    }


def read_data(path):
    with open(path, "rb") as file:
        magic, version, bits, seed, checksum = struct.unpack("<8sIIQQ", file.read(32))
        sequences = numpy.frombuffer(file.read(), "<u4")
    assert (magic, version, len(sequences)) == (b"SYNTHSEQ", 1, 2**bits)
    return sequences[:, None] >> numpy.arange(bits)[::-1] & 1


def sigmoid(x):
    return 1 / (1 + numpy.exp(-x))


def lstm(kernel, bias, inputs):
    units = len(bias) // 4
    c = h = numpy.zeros((len(inputs), units))
    outputs = []
    for t in range(inputs.shape[1]):
        i, j, f, o = numpy.split(numpy.concatenate([inputs[:, t], h], 1) @ kernel + bias, 4, 1)
        c = sigmoid(f + 1) * c + sigmoid(i) * numpy.tanh(j)
        h = sigmoid(o) * numpy.tanh(c)
        outputs.append(h)
    return numpy.stack(outputs, 1)


def outputs(tensors, data):
    """Of the last layer at every step."""
    layers = [name[: -len("kernel")] for name in tensors if name.startswith("rnn/") and name.endswith("kernel")]
    x = data[:, :, None].astype(float)
    for layer in sorted(layers):
        x = lstm(tensors[layer + "kernel"], tensors[layer + "bias"], x)
    return x


def probabilities(tensors, data):
    z = outputs(tensors, data)[:, -1] @ tensors["dense/kernel"] + tensors["dense/bias"]
    e = numpy.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def mean_loss(tensors, data):
    return -numpy.log(probabilities(tensors, data)[numpy.arange(len(data)), data.sum(1)]).mean()


def command(folder, options):
    fixed = f"--bits 10 --cache {folder}/data --save {folder}/model --threads 1 --quiet"
    return [*program, *fixed.split(), *options.split()]


def train(folder, options):
    words = subprocess.run(command(folder, options), check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    result = dict(word.split("=") for word in words[words.index("result") + 1 :])
    return result, read_tensors(f"{folder}/model"), read_data(f"{folder}/data")


def check_test_set(folder, options):
    result, tensors, data = train(folder, options)
    test = data[int(result["train"]) :]
    assert len(test) == int(result["test"])
    p = probabilities(tensors, test)
    ones = test.sum(1)
    one_hot = numpy.eye(p.shape[1])[ones]
    check(f"test_loss of {options}", mean_loss(tensors, test), float(result["test_loss"]))
    check(f"test_accuracy of {options}", (p.argmax(1) == ones).mean(), float(result["test_accuracy"]))
    # rint takes halves to the even neighbour
    check(f"lab_metric of {options}", (numpy.rint(p) == one_hot).mean(), float(result["lab_metric"]))


def check_report(folder):
    """The report's answers by class; its means and correlations of each unit at the number of ones that were seen."""
    options = "--units 6 --layers 2 --batch 16 --epochs 2 --learning-rate 0.01"
    result, tensors, data = train(folder, f"{options} --report {folder}/report.html")
    test = data[int(result["train"]) :]
    seen, h = test.cumsum(1), outputs(tensors, test)
    with open(f"{folder}/report.html", encoding="utf-8") as file:
        page = file.read()
    matrix = page[page.index('<table class="confusion"') :].split("<tr><th>")[2:]
    printed = [[int(n or 0) for n in re.findall(r"<td[^>]*>(\d*)</td>", row)] for row in matrix]
    answers = numpy.zeros((11, 11), int)
    numpy.add.at(answers, (test.sum(1), probabilities(tensors, test).argmax(1)), 1)
    check("answers of the report that are others", 0, numpy.abs(answers - printed).sum(), 0)
    cells = re.findall(r"<title>unit (\d+), (\d+) seen: (-?[\d.]+) \(r (-?[\d.]+)\)</title>", page)
    found, expected = [], []
    for unit, ones, mean, r in cells:
        values = h[:, :, int(unit)]
        found += [float(mean), float(r)]
        expected += [values[seen == int(ones)].mean(), numpy.corrcoef(values.ravel(), seen.ravel())[0, 1]]
    check("units and counts of the report", 6 * (seen.max() + 1), len(cells), 0)
    worst = numpy.abs(numpy.subtract(found, expected)).max()
    check("the farthest of their means and correlations, beside 1", 1, 1 + max(worst - 5.1e-4, 0), 0)


def check_still_weights(folder):
    result, tensors, data = train(folder, "--units 8 --batch 100 --train 750 --epochs 2 --learning-rate 1e-30")
    check("train_loss while the weights stand still", mean_loss(tensors, data[:700]), float(result["train_loss"]))


def check_next_epoch(folder):
    """An epoch is one step of 500 sequences; an interrupt leaves a checkpoint after any of them."""
    options = f"--units 8 --batch 500 --train 500 --epochs 3000 --learning-rate 0.01 --checkpoint {folder}/checkpoint"
    with subprocess.Popen(command(folder, options), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        while not os.path.exists(f"{folder}/checkpoint") and run.poll() is None:
            time.sleep(0.01)
        time.sleep(0.2)
        run.send_signal(signal.SIGINT)
    tensors = read_tensors(f"{folder}/checkpoint")
    resumed = command(folder, f"{options} --resume {folder}/checkpoint")
    with subprocess.Popen(resumed, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as run:
        line = next(line for line in run.stdout if line.startswith("epoch "))
        run.send_signal(signal.SIGINT)
        run.stdout.read()
    epoch, loss = line.split(",")[0].split(": loss ")
    check(f"the loss of {epoch}", mean_loss(tensors, read_data(f"{folder}/data")[:500]), float(loss))


for figures in (
    lambda folder: check_test_set(folder, "--units 16 --batch 32 --epochs 8 --learning-rate 0.01"),
    lambda folder: check_test_set(folder, "--units 8 --layers 2 --batch 16 --epochs 4 --seed 3 --train 600"),
    check_report,
    check_still_weights,
    check_next_epoch,
):
    with tempfile.TemporaryDirectory() as temporary:
        figures(temporary)
print(f"1..{number}")
sys.exit(failures > 0)
