"""Do the tests notice a fault in the inner loops? Plants faults, one at a time, into copies of lib/kernels and of the
loops around them, builds, and runs the suites until a test fails.

Usage: python3 tests/mutants/run.py [--seed N] [--faults N] [--jobs N] [--again FILE] [--trusting] [--list]

The faults are all that the operators below make of the source. Of these the seed chooses, by what a fault replaces by
what and not by where it stands, so that a change of the source moves few of them. Those of tests/mutants/equivalent.txt
no program could see, and that file says why; what of it no longer applies is named. --again plants those again that an
earlier output, FILE, says survived; --trusting does not first run the suites without a fault; --list only lists.

For each fault a line is printed, the last line is "N of M faults caught"; the exit status is 0 if that is 95 % of them.
What does not compile, or makes the same program, does not count. It works in build/mutants, at low priority.
"""

import argparse
import collections
import hashlib
import os
import queue
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
WORK = os.path.join(ROOT, "build", "mutants")

KERNELS = ["bodies.c", "cell_bodies.h", "dispatch.c", "functions.h", "logarithm.h", "loops.h", "loss_bodies.h",
           "product_bodies.h", "products_cblas.c", "tiles.h", "vector.h"]
LOOPS = ["cell.c", "cell_basic_rnn.c", "cell_coupled_lstm.c", "cell_dropout.c", "cell_gru.c", "cell_layer_norm_lstm.c",
         "cell_lstm.c", "cell_projection.c", "cell_residual.c", "dense.c", "dynamic_rnn.c", "dynamic_rnn_backward.c",
         "raw_rnn.c", "stream.c", "tape.c", "unroll.c"]

# Lines that check arguments or hand out memory are no inner loops; those that fetch ahead change no number.
BEGINS = {"lib/tape.c": "void lstm__tape_pack("}  # before it, the tape's memory is measured
LEFT_OUT = re.compile(r"status|lstm__fail|char \*|_take\b|take_|assert|prefetch|\bahead\b|\bLINE\b|^\s*t\.next = |"
                      r"max_|struct_size|->ops|_create|_retain|_destroy|made->|counting|config|references|"
                      r"LSTM_ACTIVATION_SOFTMAX")

# Suites that run kernels or the loops around them, about by their time, the kernels' own by cases.
FAST = """kernels/kernels embedding golden_losses golden cells custom_cell custom_activation raw_rnn cell_variables
cell_arguments clip sequence_array sequence_loss loss check_gradient optimizer training trainable wrappers zoneout
struct_size arguments array context graph params float_modes element_loss optimizer_rules model stream_state
bidirectional hosts dropout""".split()
SLOW = """ctc same_bits gradients stream model_stream dense kernels/accuracy ctc_paths rnn threads
kernels/products""".split()
ONLY = {"kernels/products": r"products|product_bodies|tiles|vector", "ctc": "lib/kernels/(loss|log)",
        "ctc_paths": "lib/kernels/(loss|log)"}  # of faults in files with such names

with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
    HAS_AVX512 = " avx512f" in cpuinfo.read()

Fault = collections.namedtuple("Fault", "file before after start end text")


# The source


def is_elsewhere(condition):
    """True of a condition of the preprocessor's for what is compiled, or run, on other machines only."""
    if "AVX512" in condition:
        return not HAS_AVX512 and "!defined" not in condition
    return re.search("NEON|WIN32|MINGW|__clang__", condition)


def without_comments(text):
    """The same, with blanks for comments, and for what other machines compile."""
    def blank(match):
        return match.group() if match.group()[0] == '"' else re.sub(r"[^\n]", " ", match.group())

    text = re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)
    lines, skipping, depth = text.split("\n"), None, 0
    for k, line in enumerate(lines):
        directive = re.match(r"\s*#\s*(\w+)(.*)", line)
        name = directive.group(1) if directive else ""
        if name in ("if", "ifdef", "ifndef"):
            depth += 1
        elif name in ("elif", "else", "endif") and skipping == depth:
            skipping = None
        if name in ("if", "ifdef", "elif") and skipping is None and is_elsewhere(directive.group(2)):
            skipping = depth
        if name == "endif":
            depth -= 1
        if skipping is not None or (name and name != "define"):
            lines[k] = " " * len(line)
    return "\n".join(lines)


def closing(code, at):
    """The place of the parenthesis that closes the one at `at`."""
    depth = 0
    for k in range(at, len(code)):
        depth += {"(": 1, ")": -1}.get(code[k], 0)
        if not depth:
            return k
    return None


def arguments(code, at):
    """The arguments between that parenthesis and the closing one."""
    end, depth, parts, first = closing(code, at), 0, [], at + 1
    if end is None:
        return None, []
    for k in range(at, end):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(code[k], 0)
        if depth == 1 and code[k] == ",":
            parts.append(code[first:k].strip())
            first = k + 1
    return end, parts + [code[first:end].strip()]


# The operators: each gives (start, end, replacement) for every place in the code where it applies.

PLANES = {"I": "F", "J": "I", "F": "I", "O": "F", "W_I": "W_F", "W_F": "W_I", "W_O": "W_I", "BEFORE": "AFTER",
          "AFTER": "BEFORE", "SHOWN": "AFTER", "C_J": "C_F", "C_F": "C_O", "C_O": "C_F", "C_BEFORE": "C_AFTER",
          "C_AFTER": "C_BEFORE", "C_SHOWN": "C_AFTER", "R": "U", "U": "R", "D_C": "BEFORE"}
SUBSTITUTIONS = [
    # bounds and conditions
    (r" < ", " <= "), (r" <= ", " < "), (r" > ", " >= "), (r" >= ", " > "), (r" == ", " != "), (r" != ", " == "),
    (r" && ", " || "), (r" \|\| ", " && "), (r" = 0(?=;|, \w+ = )", " = 1"),
    (r" < (?=[\w.>\[\]-]+;)", " + 1 < "), (r" \? ", " && 0 ? "),
    # places
    (r" \+ ", " - "), (r" - ", " + "), (r" \* ", " + "), (r" / ", " * "), (r" % ", " / "), (r" [+-] 1\b(?!\.)", ""),
    (r" \+= ", " -= "), (r" -= ", " += "), (r"(?<=[\w\]]) \+= ", " = "), (r"\b4 \* h\b", "3 * h"),
    (r"\b3 \* h\b", "2 * h"), (r"\b2 \* h\b", "h"), (r"\bactive\[t\]", "active[0]"),
    (r"(?<=\* )(t->|t\.)?ld\w+\b", "1"), (r"(?<=, )lanes(?=\)|,)", "VECTOR_WIDTH"),
    # arithmetic of vectors
    (r"\bplus(?=\()", "minus"), (r"\bminus(?=\()", "plus"), (r"\btimes(?=\()", "plus"), (r"\bover(?=\()", "times"),
    (r"\bminimum(?=\()", "maximum"), (r"\bmaximum(?=\()", "minimum"), (r"\bsigmoid(?=\()", "hyperbolic_tangent"),
    (r"\bhyperbolic_tangent(?=\()", "sigmoid"), (r"\bmagnitude(?=\()", ""), (r"\bwithout_denormals(?=\()", ""),
    (r"\bsquare_root(?=\()", ""), (r"\bsigmoid_derivative(?=\()", "tanh_derivative"),
    (r"_mm(256|512)_(add|sub|mul|div)_", lambda m: m.group().replace(
        m.group(2), {"add": "sub", "sub": "add", "mul": "div", "div": "mul"}[m.group(2)])),
    # gates, masks, weights, biases
    (r"\bat\[(%s)\]" % "|".join(PLANES), lambda m: "at[%s]" % PLANES[m.group(1)]),
    (r"\bgate_i\b(?! =)", "gate_f"), (r"\bgate_f\b(?! =)", "gate_i"), (r"\bgate_o\b(?! =)", "gate_f"),
    (r"\bd_i\b(?! =)", "d_f"), (r"\bd_f\b(?! =)", "d_i"), (r"(?<=, )bias(?=,)", "NULL"),
    (r"\boptions->forget_bias\b", "0.0f"), (r"\bIN_OUT\b", "IN"), (r"\bIN_OUT\b", "OUT"), (r"\bof_x\b(?! =)", "of_h"),
    # constants: the third digit of one in hexadecimal, the value of one in decimal
    (r"\b0x1\.[0-9a-f]{3,}p", lambda m: m.group()[:6] + "%x" % (int(m.group()[6], 16) ^ 1) + m.group()[7:]
     if len(m.group()) > 7 else m.group()[:-2] + "%xp" % (int(m.group()[-2], 16) ^ 1)),
    (r"\b[0-9]+\.[0-9]+f?\b(?!p)", lambda m: "%s%s" % (
        {"0.0": "1.0", "1.0": "2.0", "0.5": "0.25"}.get(m.group().rstrip("f"), m.group().rstrip("f") + "1"),
        "f" if m.group().endswith("f") else "")),
]
CALLS = {  # by the arguments, what else is called
    "fused": lambda a: ["times(%s, %s)" % (a[0], a[1])] if len(a) == 3 else [],
    "if": lambda a: ["if (!(%s))" % ", ".join(a)],
    "if_less": lambda a: ["if_less(%s, %s, %s, %s)" % (a[1], a[0], a[2], a[3])] if len(a) == 4 else [],
}
NO_STATEMENT = re.compile(r"(const|static|typedef|enum|struct|extern|return|break|continue|case|default|goto|for|if|"
                          r"else|while|do|switch|UNROLLED|NOT_UNROLLED|FOR_VECTORS)\b|\w+ [*\w ]*\w+( =|;|\[|,)")


def replacements(code):
    for pattern, to in SUBSTITUTIONS:
        for match in re.finditer(pattern, code):
            yield match.start(), match.end(), to(match) if callable(to) else to
    for match in re.finditer(r"\b(%s)(?: ?)(?=\()" % "|".join(CALLS), code):
        end, given = arguments(code, match.end())
        for text in CALLS[match.group(1)](given) if end else []:
            yield match.start(), end + 1, text
    for match in re.finditer(r"(?<=[;{})]\n)( +)([^\s#}][^;{}]*;)(?=\n)", code):  # a statement, left out
        if not NO_STATEMENT.match(match.group(2)) and match.group(2).count("(") == match.group(2).count(")"):
            yield match.start(2), match.end(2), "(void)0;"


def faults_of(file):
    """All of a file's faults, each told from the others by the lines that it changes, and what they become."""
    with open(os.path.join(ROOT, file), encoding="utf-8") as source:
        text = source.read()
    code, seen = without_comments(text), collections.Counter()
    begins = text.index(BEGINS.get(file, ""))
    for start, end, to in replacements(code):
        if start < begins:
            continue
        first, last = code.rfind("\n", 0, start) + 1, code.find("\n", end)
        if LEFT_OUT.search(code[first:last]):
            continue
        before = " ".join(code[first:last].split())
        after = " ".join((code[first:start] + to + code[end:last]).split())
        if re.match(r"[\w *]*\([\w *,]*\)?$|enum|static inline V?\w* ?\w+\(V|INLINE", before) or before == after:
            continue  # a function's head, a list of names
        seen[before, after] += 1
        if seen[before, after] > 1:
            after += " (%d)" % seen[before, after]
        yield Fault(file, before, after, start, end, text[:start] + to + text[end:])


def name(fault):
    return "%s: %s => %s" % (fault.file, fault.before, fault.after)


def rank(fault, seed):
    return hashlib.sha256(("%d %s" % (seed, name(fault))).encode()).digest()


def read_equivalent():
    """name: reason"""
    reasons, key = {}, None
    with open(os.path.join(HERE, "equivalent.txt"), encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("    "):
                reasons[key] = (reasons[key] + " " + line.strip()).strip()
            elif line.strip() and not line.startswith("#"):
                key = line.strip()
                reasons[key] = ""
    for key, reason in reasons.items():
        if not reason:
            sys.exit("equivalent.txt gives no reason for " + key)
    return reasons


# Building and running


class Tree:
    """A copy of the source with its build."""

    def __init__(self, number):
        self.source = os.path.join(WORK, "source%d" % number)
        self.build = os.path.join(WORK, "build%d" % number)
        shutil.rmtree(self.source, ignore_errors=True)
        for part in ["cmake", "include", "lib", "tests", "examples"]:
            shutil.copytree(os.path.join(ROOT, part), os.path.join(self.source, part))
        shutil.copy(os.path.join(ROOT, "CMakeLists.txt"), self.source)
        for folder, _, files in os.walk(os.path.join(self.source, "lib")):
            for file in files:
                os.utime(os.path.join(folder, file))  # an earlier run may have left the objects of a fault
        # The kernels are compiled again and again, in three instruction sets.
        with open(os.path.join(self.source, "CMakeLists.txt"), "a", encoding="utf-8") as lists:
            lists.write("foreach(objects IN LISTS lstm_object_libraries)\n"
                        "  target_compile_options(${objects} PRIVATE -Og)\nendforeach()\n")
        generator = ["-G", "Ninja"] if shutil.which("ninja") else []
        done = subprocess.run(["cmake", "-S", self.source, "-B", self.build, "-DCMAKE_BUILD_TYPE=None",
                               "-DCMAKE_C_FLAGS=-O1", "-DLSTM_BUILD_EXAMPLES=OFF", "-DLSTM_INSTALL=OFF",
                               "-DLSTM_WARNINGS=OFF"] + generator,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode or not self.make():
            print("the source does not build in " + self.build)
            os._exit(1)
        self.bits = self.hash()

    def make(self):
        return subprocess.run(["cmake", "--build", self.build, "--target", "lstm_tests", "--parallel", "1"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0

    def program(self):
        return os.path.join(self.build, "tests", "lstm_tests")

    def hash(self):
        with open(self.program(), "rb") as program:
            return hashlib.sha256(program.read()).digest()

    def plant(self, file, text):
        """Gives what was there."""
        with open(os.path.join(self.source, file), "r+", encoding="utf-8") as source:
            before = source.read()
            source.seek(0)
            source.truncate()
            source.write(text)
        return before


def run(program, suite):
    """The first test that fails, or None. A loop without end comes to its end by a limit of the processor's seconds, so
    that it does not matter what else the machine does; what waits without end is given half an hour."""
    seconds = 10 if suite in FAST else 120  # each test is a process
    suite, _, case = suite.partition("/")
    environment = dict(os.environ, CK_TAP_LOG_FILE_NAME="-", CK_TIMEOUT_MULTIPLIER="10000", OPENBLAS_NUM_THREADS="1")
    environment.pop("CK_RUN_CASE", None)
    if case:
        environment["CK_RUN_CASE"] = case

    def limit():
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 28, 1 << 28))

    child = subprocess.Popen([program, suite], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment,
                             cwd=os.path.dirname(program), preexec_fn=limit, start_new_session=True)
    failed, line, waited, ended = None, b"", 0, False
    while not ended and not failed:
        if select.select([child.stdout], [], [], 1.0)[0]:
            some = os.read(child.stdout.fileno(), 65536)
            ended = not some
            lines = (line + some).split(b"\n")
            line = lines.pop()
            for text in lines:
                if text.startswith(b"not ok") and not failed:
                    failed = text.decode(errors="replace").split(":")[2]
        else:
            waited += 1  # while this process is stopped, too, nothing is counted
            if waited > 1800:
                failed = "waits without end"
    if failed:
        child.send_signal(signal.SIGTERM)  # Check ends the test with it
    child.stdout.close()
    return failed or ("ends with status %d" % child.returncode if child.wait() else None)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=120)
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--again")
    parser.add_argument("--trusting", action="store_true")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    os.nice(max(0, 15 - os.nice(0)))

    all_faults, chosen = [], []
    for files in ["lib/kernels/" + file for file in KERNELS], ["lib/" + file for file in LOOPS]:  # half of each
        of_these = [fault for file in files for fault in faults_of(file)]
        all_faults += of_these
        chosen += sorted(of_these, key=lambda f: rank(f, options.seed))[:options.faults // 2]
    reasons, names = read_equivalent(), {name(fault): fault for fault in all_faults}
    for key in reasons:
        if key not in names:
            print("no longer applies, or not on this machine, in equivalent.txt: " + key)
    if options.again:
        with open(options.again, encoding="utf-8") as lines:
            wanted = [line.strip().split(": ", 1)[1] for line in lines if line.startswith("survived")]
        for key in wanted:
            if key not in names:
                print("no longer applies: " + key)
        chosen = [names[key] for key in wanted if key in names]
    chosen.sort(key=lambda f: (f.file, f.start))
    print("%d faults of %d" % (len(chosen), len(all_faults)))
    if options.list:
        for fault in chosen:
            print("%s%s" % ("equivalent: " if name(fault) in reasons else "", name(fault)))
        return 0

    trees = queue.Queue()
    builders = [threading.Thread(target=lambda n=n: trees.put(Tree(n))) for n in range(options.jobs)]
    for thread in builders:
        thread.start()
    for thread in builders:
        thread.join()
    counts, lock, work = collections.Counter(), threading.Lock(), queue.Queue()

    def first_failure(tree, file):
        for suite in FAST + SLOW:
            if file and not re.search(ONLY.get(suite, "lib/kernels/" if "/" in suite else ""), file):
                continue
            failed = run(tree.program(), suite)
            if failed:
                return "%s, %s" % (suite, failed)
        return None

    def judge(tree, fault):
        if name(fault) in reasons:
            return "equivalent", reasons[name(fault)]
        before = tree.plant(fault.file, fault.text)
        try:
            if not tree.make():
                return "does not compile", ""
            if tree.hash() == tree.bits:
                return "the same program", ""
            failed = first_failure(tree, fault.file)
            return ("caught", failed) if failed else ("survived", "")
        finally:
            tree.plant(fault.file, before)

    def worker():
        tree = trees.get()
        while True:
            try:
                fault = work.get_nowait()
            except queue.Empty:
                return
            if fault is None:
                failed = first_failure(tree, None)
                if failed:
                    print("without a fault: " + failed)
                    os._exit(1)
                continue
            result, how = judge(tree, fault)
            with lock:
                counts[result] += 1
                print("%s: %s%s" % (result, name(fault), "\n    " + how if how else ""))

    if not options.again and not options.trusting:
        work.put(None)
    for fault in chosen:
        work.put(fault)
    threads = [threading.Thread(target=worker) for _ in range(options.jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = counts["caught"] + counts["survived"]
    print(", ".join("%d %s" % (counts[kind], kind) for kind in sorted(counts)))
    print("%d of %d faults caught" % (counts["caught"], total))
    return 0 if total and counts["caught"] >= 0.95 * total else 1


if __name__ == "__main__":
    sys.exit(main())
