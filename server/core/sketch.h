/* A HyperLogLog where it stands, in the bytes that server/hyperloglog.py describes: what an element does to it.
 *
 * A dense one is changed in place. Of a sparse one it is only told whether an element would change it, which most do not
 * once it has seen some: to change runs is Python's, as is all that is corrupted. */
#ifndef RL_SKETCH_H
#define RL_SKETCH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    RL_SKETCH_HEAD = 16,
    RL_SKETCH_REGISTERS = 16384,
    RL_SKETCH_DENSE = RL_SKETCH_HEAD + RL_SKETCH_REGISTERS * 6 / 8,
    RL_SAME = 0,    /* the element changes nothing */
    RL_CHANGED = 1, /* it has changed a register */
    RL_UNABLE = 2
};

/* MurmurHash64A, and of it the register and the value (A. Appleby, public domain). */
static unsigned rl_sketch_place(const char *p, size_t n, unsigned *value) {
    const uint64_t factor = 0xC6A4A7935BD1E995ULL;
    uint64_t hash = 0xADC83B19ULL ^ n * factor, word;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        word = rl_load8(p + i) * factor;
        hash = (hash ^ (word ^ word >> 47) * factor) * factor;
    }
    if (i < n) {
        word = 0;
        for (size_t j = n; j > i; j--)
            word = word << 8 | (uint8_t)p[j - 1];
        hash = (hash ^ word) * factor;
    }
    hash = (hash ^ hash >> 47) * factor;
    hash ^= hash >> 47;
    word = hash >> 14 | 1ULL << 50;
    *value = 1;
    while (!(word & 1)) {
        word >>= 1;
        ++*value;
    }
    return (unsigned)hash & (RL_SKETCH_REGISTERS - 1);
}

static int rl_sketch_is(const char *data, size_t size) {
    return size >= RL_SKETCH_HEAD && memcmp(data, "HYLL", 4) == 0 &&
           (data[4] == 1 || (data[4] == 0 && size == RL_SKETCH_DENSE));
}

static int rl_sketch_add(char *data, size_t size, const char *p, size_t n) {
    unsigned value, place = rl_sketch_place(p, n, &value), at = 0;
    uint8_t *registers = (uint8_t *)data + RL_SKETCH_HEAD;
    if (data[4] == 0) {
        unsigned byte = place * 6 / 8, bit = place * 6 & 7;
        unsigned both = registers[byte] | (byte + 1 < RL_SKETCH_DENSE - RL_SKETCH_HEAD ? registers[byte + 1] << 8 : 0);
        if ((both >> bit & 63) >= value)
            return RL_SAME;
        both = (both & ~(63u << bit)) | value << bit;
        registers[byte] = (uint8_t)both;
        if (byte + 1 < RL_SKETCH_DENSE - RL_SKETCH_HEAD)
            registers[byte + 1] = (uint8_t)(both >> 8);
        return RL_CHANGED;
    }
    for (size_t i = RL_SKETCH_HEAD; i < size; i++) {
        unsigned run = (uint8_t)data[i], held = 0;
        if (run & 0x80) {
            held = (run >> 2 & 31) + 1;
            at += (run & 3) + 1;
        } else if (run & 0x40) {
            if (++i == size)
                return RL_UNABLE;
            at += ((run & 63) << 8 | (uint8_t)data[i]) + 1;
        } else {
            at += run + 1;
        }
        if (place < at)
            return held >= value ? RL_SAME : RL_UNABLE;
    }
    return RL_UNABLE;
}

#endif
