#!/usr/bin/env python3
"""Write with PyTorch torch_gru.golden, the reset-after GRU, which TensorFlow's contrib had and TensorFlow 2 has not,
and torch_ctc.golden, CTC losses with any blank, and those that TensorFlow refuses.

Needs PyTorch 1.13 and NumPy, here from Debian 12:

    apt-get install -y --no-install-recommends python3-torch
    /usr/bin/python3 tests/golden/make_torch_golden.py [--output FOLDER]

torch.nn.GRU itself, on one thread. The variables are those of CudnnCompatibleGRUCell, filled as the README says and then
given to PyTorch in its own layout; gradients come back the other way. The stored values are PyTorch's float32 results and
must agree with its float64 ones; of CTC they are the latter, as sums of many logarithms are not good in float32.
"""

import argparse
import os
import sys

import numpy as np
import torch
from container import OFFSET, Golden, Seeds, difference, fill, rnn_spec, variable_value

PINNED = "1.13"
FILE_INDEX = 4               # seeds of this file come after those of make_golden.py's four

# variant, units, input, batch, time, lengths
CASES = [
    ("ragged", 1, 1, 3, 4, (4, 0, 2)),
    ("ragged", 3, 2, 4, 9, (0, 9, 5, 1)),
    ("ragged", 7, 5, 5, 6, (6, 3, 0, 6, 2)),
    ("ragged", 17, 9, 2, 8, (8, 5)),
    ("ragged", 50, 1, 4, 7, (7, 0, 4, 1)),
    ("full", 1, 2, 1, 1, None),
    ("full", 3, 1, 2, 5, None),
    ("full", 7, 9, 1, 9, None),
    ("full", 17, 17, 5, 2, None),
    ("full", 50, 5, 3, 4, None),
    ("short", 3, 2, 3, 5, (2, 1, 3)),
]


def shapes(size, units):
    """CudnnCompatibleGRUCell's variables in the order it creates them."""
    return {"gates/kernel": (size + units, 2 * units), "gates/bias": (2 * units,),
            "candidate/input_projection/kernel": (size, units), "candidate/input_projection/bias": (units,),
            "candidate/hidden_projection/kernel": (units, units), "candidate/hidden_projection/bias": (units,)}


def to_torch(w, size, units):
    """weight_ih, weight_hh [3H, ...] and bias_ih, bias_hh [3H], in the order r, u, n; the gates have one bias."""
    gates = w["gates/kernel"]
    return [np.concatenate([gates[:size], w["candidate/input_projection/kernel"]], 1).T,
            np.concatenate([gates[size:], w["candidate/hidden_projection/kernel"]], 1).T,
            np.concatenate([w["gates/bias"], w["candidate/input_projection/bias"]]),
            np.concatenate([np.zeros(2 * units), w["candidate/hidden_projection/bias"]])]


def from_torch(gradients, units):
    """The gradients of the variables from those of PyTorch's weights."""
    ih, hh, bias_ih, bias_hh = gradients
    assert difference(bias_ih[:2 * units], bias_hh[:2 * units]) < 1e-5
    return {"gates/kernel": np.concatenate([ih[:2 * units].T, hh[:2 * units].T]), "gates/bias": bias_ih[:2 * units],
            "candidate/input_projection/kernel": ih[2 * units:].T, "candidate/input_projection/bias": bias_ih[2 * units:],
            "candidate/hidden_projection/kernel": hh[2 * units:].T,
            "candidate/hidden_projection/bias": bias_hh[2 * units:]}


def run_gru(spec, dtype):
    """Outputs, final state and every gradient of one case; PyTorch sees only the rows that have steps."""
    seed, batch, time, size, units = (spec[key] for key in ("seed", "batch", "time", "input", "units"))

    def tensor(name, shape, scale):
        return torch.tensor(fill(seed + OFFSET[name], shape, spec[scale]).astype(dtype), requires_grad=True)

    variables = {name: variable_value(spec, k, shape) for k, (name, shape) in enumerate(shapes(size, units).items())}
    gru = torch.nn.GRU(size, units, batch_first=True).to(torch.float64 if dtype == np.float64 else torch.float32)
    weights = [gru.weight_ih_l0, gru.weight_hh_l0, gru.bias_ih_l0, gru.bias_hh_l0]
    with torch.no_grad():
        for weight, value in zip(weights, to_torch(variables, size, units)):
            weight.copy_(torch.tensor(np.ascontiguousarray(value).astype(dtype)))
    inputs = tensor("inputs", (batch, time, size), "scale_inputs")
    initial = tensor("initial_state", (batch, units), "scale_state")
    lengths = spec["lengths"] or [time] * batch
    live = [row for row in range(batch) if lengths[row]]
    packed = torch.nn.utils.rnn.pack_padded_sequence(inputs[live], [lengths[row] for row in live], batch_first=True,
                                                     enforce_sorted=False)
    packed_outputs, last = gru(packed, initial[live][None])
    unpacked = torch.nn.utils.rnn.pad_packed_sequence(packed_outputs, batch_first=True, total_length=time)[0]
    outputs = torch.zeros(batch, time, units, dtype=inputs.dtype).index_copy(0, torch.tensor(live), unpacked)
    final = initial.index_copy(0, torch.tensor(live), last[0])
    loss = (outputs * tensor("d_outputs", (batch, time, units), "scale_gradients")).sum()
    loss = loss + (final * tensor("d_final_state", (batch, units), "scale_gradients")).sum()
    loss.backward()
    spec["variables"] = list(variables)
    found = {"outputs": outputs, "final_state.0": final, "d_inputs": inputs.grad, "d_initial_state.0": initial.grad}
    found = {key: value.detach().numpy() for key, value in found.items()}
    gradients = from_torch([weight.grad.numpy() for weight in weights], units)
    return {**found, **{"d_" + name: value for name, value in gradients.items()}}


# name, time, classes, blank, frames of each row, labels of each row, options
CTC_CASES = [
    ("one_frame", 1, 2, 0, (1, 1), ((1,), ()), {}),
    ("just_enough", 4, 4, 0, (3, 3, 4), ((1, 2, 3), (2, 2), (3, 3, 1)), {}),
    ("ragged", 12, 5, 0, (12, 7, 4, 9, 1), ((1, 2, 3, 4), (2, 2, 1), (), (1, 3, 1, 3, 1), (2,)), {}),
    ("middle_blank", 9, 5, 2, (9, 4, 8), ((0, 1, 3, 4), (4,), (3, 3, 0, 0)), {}),
    ("last_blank", 9, 5, 4, (9, 4, 8), ((0, 1, 3, 2), (), (3, 3, 0, 0)), {}),
    ("empty", 6, 3, 0, (6, 2), ((), ()), {}),
    ("long", 80, 6, 0, (80, 33), ((1, 2, 3, 3, 4, 5) * 3, (5, 5, 5, 5, 4, 3, 3, 1)), {}),
    ("zero_infinity", 5, 4, 0, (5, 2, 3, 5), ((1, 2), (1, 2, 3), (1, 1, 1), (3,)), {"ignore": 1}),
]


def run_ctc(spec, rows):
    """Losses of the rows and the gradient of their sum, in float64."""
    shape = (spec["batch"], spec["time"], spec["classes"])
    logits = torch.tensor(fill(spec["seed"], shape, spec["scale_x"]).astype(np.float64), requires_grad=True)
    labels = torch.zeros(spec["batch"], max([1] + spec["label_lengths"]), dtype=torch.long)
    for k, row in enumerate(rows):
        labels[k, :len(row)] = torch.tensor(row)
    losses = torch.nn.functional.ctc_loss(logits.log_softmax(2).transpose(0, 1), labels, torch.tensor(spec["lengths"]),
                                          torch.tensor(spec["label_lengths"]), blank=spec["blank"], reduction="none",
                                          zero_infinity=bool(spec["ignore"]))
    losses.sum().backward()
    return {"losses": losses.detach().numpy(), "d_logits": logits.grad.numpy()}


def make_ctc(golden, seeds):
    for name, time, classes, blank, lengths, rows, options in CTC_CASES:
        spec = {"op": "ctc_loss", "batch": len(rows), "time": time, "classes": classes, "blank": blank,
                "lengths": lengths, "label_lengths": [len(row) for row in rows],
                "labels": [label for row in rows for label in row] or None, "collapse": 0, "no_merge": 0, "ignore": 0,
                "seed": seeds.take(), "scale_x": 4.0, **options}
        exact = run_ctc(spec, rows)
        golden.add(f"ctc_{name}", spec, {key: value.astype(np.float32) for key, value in exact.items()}, exact)


def main():
    parser = argparse.ArgumentParser(description="Write torch_gru.golden and torch_ctc.golden with PyTorch.")
    parser.add_argument("--output", default=os.path.dirname(os.path.abspath(__file__)), help="folder to write to")
    arguments = parser.parse_args()
    if not torch.__version__.startswith(PINNED):
        sys.exit(f"PyTorch {PINNED} is wanted, this is {torch.__version__}")
    torch.set_num_threads(1)
    golden, seeds = Golden("torch_gru"), Seeds(FILE_INDEX)
    for variant, units, size, batch, time, lengths in CASES:
        spec = rnn_spec(seeds.take(), size + units, cell="cudnn_compatible_gru", input=size, units=units, batch=batch,
                        time=time, lengths=lengths)
        golden.add(f"gru_{units}_{variant}", spec, run_gru(spec, np.float32), run_gru(spec, np.float64))
    golden.write(arguments.output)
    ctc = Golden("torch_ctc")
    make_ctc(ctc, seeds)
    ctc.write(arguments.output)


if __name__ == "__main__":
    main()
