"""What the tests of the public voice-activity model share: its files, a voice to detect, the comparison.

Silero VAD (MIT) comes inside the wheel of the package silero-vad, which stands in the tests' folder.
"""

import glob
import os
import sys
import zipfile

import numpy as np
from suite import same


def unpacked(suite, name):
    """One of the model's files, out of the wheel."""
    wheel, = glob.glob(os.path.join(sys.argv[1], "*.whl"))
    with zipfile.ZipFile(wheel) as archive, open(suite.path(name), "wb") as file:
        file.write(archive.read("silero_vad/data/" + name))
    return suite.path(name)


def voice(rate, seconds):
    """Vowels of a synthetic voice with pauses between them, and a little noise all the time."""
    generator = np.random.default_rng(5)
    sound = 0.002 * generator.standard_normal(rate * seconds)
    vowels = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
    start, at = rate // 2, np.arange(rate * seconds)
    while start < len(at) - rate:
        length = int(rate * generator.uniform(0.12, 0.35))
        t = at[:length] / rate
        pitch = generator.uniform(100, 160) * (1 - 0.15 * t / t[-1])
        phase = 2 * np.pi * np.cumsum(pitch) / rate
        formants = vowels[generator.integers(len(vowels))]
        vowel = np.zeros(length)
        for k in range(1, int(rate / 2 / pitch.max())):
            f = k * pitch.mean()
            vowel += sum(1 / (1 + ((f - formant) / 90) ** 2) for formant in formants) * np.sin(k * phase) / k ** 0.3
        sound[start:start + length] += 0.3 * vowel / np.abs(vowel).max() * np.sin(np.linspace(0, 3.14, length)) ** 0.5
        start += length + int(rate * (generator.uniform(0.4, 1.2) if generator.random() < 0.3 else 0.05))
    return sound.astype(np.float32)


def windows(rate, seconds):
    """The voice as the model takes it: [steps, samples], each step with the end of the one before it in front."""
    samples, context = rate * 32 // 1000, rate * 4 // 1000
    sound = voice(rate, seconds)
    sound = sound[:len(sound) // samples * samples].reshape(-1, samples)
    before = np.concatenate([np.zeros((1, context), np.float32), sound[:-1, -context:]])
    return np.concatenate([before, sound], 1)


def compare(suite, model, features, probabilities, states):
    """lstm-run over the features [steps, 128] against the original's probabilities [steps] and last h and c."""
    assert probabilities.max() > 0.9 and probabilities.min() < 0.1, "the original hears no voice, or nothing else"
    found = suite.results(suite.output(model), {"inputs": features[None]})
    worst = same(found["outputs"].ravel(), probabilities, "probabilities")
    for leaf, state in enumerate(states):
        worst = max(worst, same(found[f"final_state.{leaf}"].ravel(), state.ravel(), f"state {leaf}"))
    print(f"# {model}: {len(features)} steps, {np.mean(probabilities > 0.5):.0%} of them voice; largest difference "
          f"{worst:.1e} of the largest value")
