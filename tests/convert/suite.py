"""What the tests of examples/convert share: run the converter, read what it wrote, compare. Prints "ok - ..." lines."""

import contextlib
import importlib.util
import io
import json
import os
import struct
import subprocess
import sys
import warnings
import zlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
warnings.filterwarnings("ignore")
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(ROOT, "examples/convert"))

import numpy as np
import reference
import to_lstm
from model_file import container, write_whole

MODES = (("--threads", "2"), ("--chunk", "1"), ("--chunk", "7"))
AGREEMENT = 2e-5  # of the largest output: two float32 implementations, one of them with approximate tanh
DTYPES = {"F32": "<f4", "I64": "<i8"}


def tensors_of(path):
    """Metadata and tensors of a file, taken apart by hand, and its data."""
    with open(path, "rb") as file:
        data = file.read()
    size, = struct.unpack("<Q", data[:8])
    header, data = json.loads(data[8:8 + size]), data[8 + size:]
    meta = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(data[start:end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return meta, tensors, data


def read(path):
    """Graph, tensors and self-tests of a model file, and that the official package, where it is there, reads the same."""
    meta, tensors, data = tensors_of(path)
    assert (meta["lstm.format"], meta["lstm.version"]) == ("model", "1"), meta
    assert meta["lstm.checksum"] == f"crc32:{zlib.crc32(data):08x}", "the checksum is wrong"
    if importlib.util.find_spec("safetensors"):
        from safetensors.numpy import load_file
        official = load_file(path)
        assert official.keys() == tensors.keys() and all(np.array_equal(official[k], tensors[k]) for k in tensors)
    tests = []
    while f"selftest/{len(tests)}/inputs" in tensors:
        tests.append([tensors.pop(f"selftest/{len(tests)}/{name}", None)
                      for name in ("inputs", "sequence_length", "outputs")])
    return json.loads(meta["lstm.model"]), tensors, tests


def same(computed, expected, what):
    """They agree; returns the largest difference, as a share of the largest value."""
    assert computed.shape == expected.shape, f"{what}: {computed.shape}, expected {expected.shape}"
    difference, largest = np.abs(computed - expected).max(), np.abs(expected).max()
    assert largest > 0 and difference <= AGREEMENT * largest, f"{what}: {difference} of {largest}"
    return difference / largest


def lstm_run(*words):
    """Status of the program that the test was given, and all that it said."""
    done = subprocess.run([sys.argv[2], *words], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


class Suite:
    def __init__(self, source):
        self.source, self.failures = source, 0
        self.folder = os.path.join(os.path.abspath(sys.argv[1]), source)
        os.makedirs(self.folder, exist_ok=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def output(self, name):
        return self.path(name.replace(" ", "_") + ".safetensors")

    def run(self, description, function, *arguments):
        """One line; function fails by raising."""
        try:
            function(*arguments)
        except Exception as error:  # a test that fails does not end the others
            self.failures += 1
            print(f"not ok - {self.source}: {description}")
            print("\n".join(f"# {line}" for line in f"{type(error).__name__}: {error}".splitlines()))
        else:
            print(f"ok - {self.source}: {description}")

    def command(self, *words):
        """Status, standard output and standard error of to_lstm.py."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = to_lstm.main([self.source, *words])
            except SystemExit as usage:
                status = usage.code
        return status, out.getvalue(), err.getvalue()

    def check(self, name, original, lengths=True):
        """The file replays its self-tests, and agrees with the original on inputs that the converter has not seen."""
        graph, tensors, tests = read(self.output(name))
        assert any(x.shape[0] > 1 for x, _, _ in tests), "no batch"
        assert any(n is not None for _, n, _ in tests) or not lengths, "no lengths"
        for k, (x, n, y) in enumerate(tests):
            same(reference.run(graph, tensors, x, n)[0], y, f"self-test {k}")
        if original is not None:
            x = np.random.default_rng(99).standard_normal((2, 6, graph["input_size"])).astype(np.float32)
            same(reference.run(graph, tensors, x)[0], np.asarray(original(x)), "the original")
        return graph

    def converts(self, name, file, original, *options, lengths=True, **expected):
        """original: a function of inputs [batch, time, width]. expected: keys of the first layer or its cell."""
        def test():
            status, out, err = self.command(file, self.output(name), *options)
            assert status == 0, err
            graph = self.check(name, original, lengths)
            layer = graph["layers"][0]
            for key, value in expected.items():
                found = layer.get(key, layer.get("cell", layer.get("forward", {})).get(key))
                assert found == value, f"{key} is {found!r}, expected {value!r} in {out}"
        self.run(name, test)

    def refuses(self, part, file, *options, name="refused", status=1):
        """One line that has `part` in it, and no output."""
        def test():
            output = self.output(name)
            result, out, err = self.command(file, output, *options)
            assert result == status and part in err, f"status {result}: {out}{err}"
            assert status != 1 or err.count("\n") == 1 and err.startswith("to_lstm.py: ") and not out, err
            assert not os.path.exists(output), "there is an output"
        self.run(f"refused: {part}", test)

    def wrong_gates_are_found(self, file, *options):
        """A wrong conversion is not written, and a file that is there stays as it is."""
        def test():
            import model_file
            right, output = model_file.ordered, self.output("guarded")
            with open(output, "w", encoding="ascii") as file_there:
                file_there.write("precious")
            model_file.ordered = lambda array, order, wanted: right(array, order, "gifo")
            try:
                status, _, err = self.command(file, output, *options)
            finally:
                model_file.ordered = right
            with open(output, encoding="ascii") as file_there:
                assert file_there.read() == "precious"
            os.unlink(output)
            assert status == 1 and "differs from the framework" in err, err
            assert not [n for n in os.listdir(self.folder) if n.startswith("guarded")], "something is left behind"
        self.run("gates in a wrong order are found before anything is written", test)

    def damaged_files_are_refused(self, good, *options):
        """Cut short, overwritten, empty, a folder, missing: one line each."""
        def test():
            with open(good, "rb") as file:
                data = file.read()
            for k, bad in enumerate((b"", data[:-len(data) // 3], b"\0" * len(data), b"{\n}\n" * 50, data[:64])):
                path = self.path(f"damaged{k}{os.path.splitext(good)[1]}")
                with open(path, "wb") as file:
                    file.write(bad)
                status, _, err = self.command(path, self.output("damaged"), *options)
                assert status == 1 and err.count("\n") == 1 and path in err, f"{k}: {status}: {err}"
            for path in (self.folder, self.path("missing")):
                status, _, err = self.command(path, self.output("damaged"), *options)
                assert status == 1 and err.count("\n") == 1 and path in err, f"{path}: {status}: {err}"
            for output in ("/dev/full", os.path.join(self.folder, "no/folder"), self.folder, good):
                status, _, err = self.command(good, output, *options)
                assert status == 1 and err.count("\n") == 1 and os.path.basename(output) in err, f"{output}: {err}"
            assert not os.path.exists(self.output("damaged"))
        self.run("damaged files and impossible outputs are refused in one line", test)

    def same_bytes(self, file, *options):
        def test():
            for name in ("once", "again"):
                assert self.command(file, self.output(name), *options)[0] == 0
            with open(self.output("once"), "rb") as a, open(self.output("again"), "rb") as b:
                assert a.read() == b.read()
        self.run("converting twice gives the same bytes", test)

    def results(self, model, tensors):
        """What lstm-run makes of a model and its inputs, by name: the same bits in every mode."""
        both_ways = any(layer["type"] == "bidirectional_rnn" for layer in read(model)[0]["layers"])
        inputs, result = self.path("inputs.safetensors"), self.path("outputs.safetensors")
        write_whole(inputs, container(tensors, {"lstm.format": "params", "lstm.version": "1"}))
        plain = None
        for mode in ((), *MODES):
            status, said = lstm_run(*mode, model, inputs, result)
            if both_ways and "--chunk" in mode:
                assert status == 1 and not os.path.exists(result), f"{mode}: {status}"
                continue
            assert status == 0, said
            found = tensors_of(result)[1]
            with open(result, "rb") as file:
                written = file.read()
            os.unlink(result)
            plain = plain or written
            assert written == plain, f"{' '.join(mode)}: other bits"
        os.unlink(inputs)
        return found

    def documented(self, **names):
        """The commands and Python lines of docs/convert.md that are about this source, in the cases' folder."""
        with open(os.path.join(ROOT, "docs/convert.md"), encoding="utf-8") as file:
            lines = file.read().splitlines()
        command = f"python3 examples/convert/to_lstm.py {self.source} "
        os.chdir(self.folder)
        commands = [line[len(command):].split() for line in lines if line.startswith(command)]
        assert commands
        for words in commands:
            self.run(f"docs: {' '.join(words)}", self.runs, words)
        for line in lines:
            if f"from_{self.source}(" in line:
                self.run(f"docs: {line}", self.executes, line, {**vars(to_lstm), **names})

    def executes(self, line, names):
        with contextlib.suppress(FileNotFoundError):
            os.unlink("net.safetensors")
        with contextlib.redirect_stdout(sys.stderr):
            exec(line, names)
        assert os.path.exists("net.safetensors")

    def runs(self, words):
        status, _, err = self.command(*words)
        assert status == 0, err

    def wrong_usage(self):
        for words in ((), ("a",), ("a", "b", "--none")):
            self.run(f"usage: {' '.join(words) or 'nothing'}", self.usage, words)

    def usage(self, words):
        status, out, err = self.command(*words)
        assert status == 2 and "usage:" in err and not out, f"{status} {err}"

    def end(self):
        sys.exit(self.failures > 0)
