#!/usr/bin/env python3
"""Print the orders that tests/test_batches.c holds: lstm_batches once more, from what include/lstm/batches.h says.

Needs nothing but Python 3: python3 tests/golden/batches_order.py
"""

MASK = 0xFFFFFFFF
SEED = 0x123456789ABCDEF
EXAMPLES, BATCH, BUCKETS = 23, 4, 3
LENGTHS = [k * 7 % 10 for k in range(EXAMPLES)]


def bits(seed, stream, index):
    """Word `index` of Philox4x32-10: J. Salmon et al., SC11."""
    block = index // 4
    x = [block & MASK, block >> 32, stream & MASK, stream >> 32]
    key = [seed & MASK, seed >> 32]
    for _ in range(10):
        a, b = 0xD2511F53 * x[0], 0xCD9E8D57 * x[2]
        x = [(b >> 32) ^ x[1] ^ key[0], b & MASK, (a >> 32) ^ x[3] ^ key[1], a & MASK]
        key = [(key[0] + 0x9E3779B9) & MASK, (key[1] + 0xBB67AE85) & MASK]
    return x[index % 4]


def shuffled(name, epoch, count):
    """0 .. count - 1 by Fisher and Yates, from the last place down, 64 bits a draw."""
    stream = 0xCBF29CE484222325
    for byte in name.encode():
        stream = (stream ^ byte) * 0x100000001B3 % 2**64
    stream = (stream + epoch) % 2**64
    values = list(range(count))
    for k in range(count - 1):
        place = count - 1 - k
        other = (bits(SEED, stream, 2 * k) << 32 | bits(SEED, stream, 2 * k + 1)) % (place + 1)
        values[place], values[other] = values[other], values[place]
    return values


def epoch_order(epoch, buckets):
    order = shuffled("batches/examples", epoch, EXAMPLES)
    full = EXAMPLES // BATCH
    if not buckets:
        return order
    end, window = full * BATCH, buckets * BATCH
    for start in range(0, end, window):
        stop = min(start + window, end)
        order[start:stop] = sorted(order[start:stop], key=lambda k: LENGTHS[k])
    batches = shuffled("batches/order", epoch, full)
    return [k for b in batches for k in order[b * BATCH:(b + 1) * BATCH]] + order[end:]


if __name__ == "__main__":
    for buckets in (0, BUCKETS):
        for epoch in (0, 1, 2**32):
            print(f"buckets {buckets} epoch {epoch}: " + ", ".join(map(str, epoch_order(epoch, buckets))))
