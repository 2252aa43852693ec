"""The .golden container, the numbers that both sides can make, and the keys of recurrent cases; README.md describes them."""

import os

import numpy as np

FLOAT64_TOLERANCE = 2e-5     # a framework's own rounding in float32, relative to an array's largest value
SEED_STRIDE = 64             # seeds of one case; see OFFSET
OFFSET = {"inputs": 0, "initial_state": 1, "d_outputs_bw": 7, "d_outputs": 8, "d_outputs_fw": 8,
          "d_final_state": 9, "variables": 16}


def fill(seed, shape, scale):
    """Float32 values in [-scale, scale), exact, from a 32-bit mix of the seed and the element's index."""
    with np.errstate(over="ignore"):
        h = np.arange(int(np.prod(shape)), dtype=np.uint32) * np.uint32(0x85EBCA77)
        h += np.uint32(seed * 0x9E3779B1 & 0xFFFFFFFF)
        h = (h ^ h >> np.uint32(16)) * np.uint32(0x7FEB352D)
        h = (h ^ h >> np.uint32(15)) * np.uint32(0x846CA68B)
        h ^= h >> np.uint32(16)
    return (((h >> np.uint32(8)).astype(np.int64) - 2**23) * 2.0**-23 * scale).astype(np.float32).reshape(shape)


def difference(a, b):
    """max|a-b| / max|b|: the measure golden_difference() uses."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.size == 0:
        return 0.0
    scale = np.max(np.abs(b))
    return float(np.max(np.abs(a - b)) / scale if scale else np.max(np.abs(a)))


class Seeds:
    """Hands out the seed of each case; a file's seeds start apart from another's."""

    def __init__(self, file_index):
        self.next = SEED_STRIDE * 256 * (file_index + 1)

    def take(self):
        self.next += SEED_STRIDE
        return self.next


# ==== The container

class Golden:
    """Collects cases and writes one .golden file."""

    def __init__(self, name):
        self.name, self.header, self.blob, self.count, self.worst = name, ["golden 1"], [], 0, (0.0, "-")

    def add(self, name, spec, arrays, reference):
        """Store one case after comparing its float32 arrays with the float64 ones."""
        keys = " ".join(f"{key}={text(value)}" for key, value in spec.items() if value is not None)
        self.header.append(f"case {name} {keys}")
        for key, values in arrays.items():
            assert values.dtype == np.float32, (name, key, values.dtype)
            assert np.all(np.isfinite(values)), (name, key)
            gap = difference(values, reference[key])
            assert gap <= FLOAT64_TOLERANCE, (self.name, name, key, gap)
            self.worst = max(self.worst, (gap, f"{name} {key}"))
            self.header.append(f"array {key} {values.ndim} " + " ".join(map(str, values.shape)))
            self.blob.append(np.ascontiguousarray(values, "<f4").tobytes())
        self.count += 1

    def write(self, folder):
        path = os.path.join(folder, self.name + ".golden")
        with open(path, "wb") as file:
            file.write(("\n".join(self.header) + "\n\n").encode("ascii"))
            file.write(b"".join(self.blob))
        print(f"{self.name}: {self.count} cases, {os.path.getsize(path)} bytes, "
              f"furthest from float64: {self.worst[0]:.1e} ({self.worst[1]})")


def text(value):
    """A value of the case line: a bool is 0 or 1, a list has commas, a number reads back exactly."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(text, value))
    return str(int(value) if isinstance(value, bool) else value)


# ==== Recurrent cases

def scales(width):
    """Keys that keep sums over `width` products near one."""
    return {"scale_inputs": 1.0, "scale_state": 1.0, "scale_matrices": 2.0 ** min(0, -round(np.log2(width) / 2 - 1)),
            "scale_vectors": 0.5, "scale_gradients": 1.0}


def rnn_spec(seed, width, **keys):
    return {"driver": "dynamic_rnn", **keys, "seed": seed, **scales(width)}


def variable_value(spec, index, shape):
    scale = spec["scale_matrices"] if len(shape) > 1 else spec["scale_vectors"]
    return fill(spec["seed"] + OFFSET["variables"] + index, shape, scale)
