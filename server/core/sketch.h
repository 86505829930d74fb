/* A HyperLogLog where it stands, in the bytes that server/hyperloglog.py describes: what an element does to it.
 *
 * A dense one is changed in place. Of a sparse one it is first only told whether an element would change it, which most do
 * not once it has seen some; what does changes a copy, which has the room that a dense one needs. What is corrupted is
 * Python's. */
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
    RL_UNABLE = 2,
    RL_SKETCH_GROWS = 4,    /* bytes by which an element can make a sparse one longer */
    RL_SPARSE_MOST = 32     /* the largest value of a run */
};

static const char rl_sketch_empty[] = "HYLL\1\0\0\0\0\0\0\0\0\0\0\x80\x7f\xff";

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

static int rl_sketch_raise_dense(char *data, unsigned place, unsigned value) {
    uint8_t *registers = (uint8_t *)data + RL_SKETCH_HEAD;
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

/* A run of a sparse one. */
typedef struct {
    size_t at;              /* where it stands, */
    size_t size;            /* in how many bytes */
    unsigned first;         /* its first register, */
    unsigned count;         /* and how many it has, */
    unsigned value;         /* all of them of this value */
} rl_sketch_run;

/* The run at `at`, which is within the sketch; false where it is cut off. */
static inline int rl_sketch_run_at(const char *data, size_t size, rl_sketch_run *run) {
    unsigned byte = (uint8_t)data[run->at];
    run->size = 1;
    run->value = 0;
    if (byte & 0x80) {
        run->value = (byte >> 2 & 31) + 1;
        run->count = (byte & 3) + 1;
    } else if (byte & 0x40) {
        if (run->at + 1 == size)
            return 0;
        run->size = 2;
        run->count = ((byte & 63) << 8 | (uint8_t)data[run->at + 1]) + 1;
    } else {
        run->count = byte + 1;
    }
    return 1;
}

/* Where an element falls: its register and value; of a sparse sketch the register's run, and where the one before it stands
 * (of the first: itself). */
typedef struct {
    unsigned place, value;
    rl_sketch_run run;
    size_t before;
} rl_sketch_spot;

/* Look for the register's run; false where there is none. */
static int rl_sketch_find(const char *data, size_t size, rl_sketch_spot *spot) {
    rl_sketch_run *run = &spot->run;
    run->first = 0;
    spot->before = RL_SKETCH_HEAD;
    for (run->at = RL_SKETCH_HEAD; run->at < size; run->at += run->size, run->first += run->count) {
        if (!rl_sketch_run_at(data, size, run))
            return 0;
        if (spot->place < run->first + run->count)
            return 1;
        spot->before = run->at;
    }
    return 0;
}

/* Add an element to what is changed in place; RL_UNABLE where a sparse one would change, or is corrupted: then `spot` is
 * for rl_sketch_change, or has no run. */
static int rl_sketch_add(char *data, size_t size, const char *p, size_t n, rl_sketch_spot *spot) {
    spot->place = rl_sketch_place(p, n, &spot->value);
    if (data[4] == 0)
        return rl_sketch_raise_dense(data, spot->place, spot->value);
    if (rl_sketch_find(data, size, spot))
        return spot->run.value >= spot->value ? RL_SAME : RL_UNABLE;
    spot->run.size = 0;
    return RL_UNABLE;
}

/* So many registers of a value, as one run; returns where it ends. */
static char *rl_sketch_write(char *to, unsigned value, unsigned count) {
    if (count == 0)
        return to;
    if (value) {
        *to++ = (char)(0x80 | (value - 1) << 2 | (count - 1));
    } else if (count <= 64) {
        *to++ = (char)(count - 1);
    } else {
        *to++ = (char)(0x40 | (count - 1) >> 8);
        *to++ = (char)(count - 1);
    }
    return to;
}

/* Neighbours of one value become one run where that fits: five are looked at, as in Redis. */
static void rl_sketch_join(char *data, size_t *size, size_t at) {
    for (int i = 0; i < 5 && at < *size; i++) {
        unsigned here = (uint8_t)data[at], next = at + 1 < *size ? (uint8_t)data[at + 1] : 0;
        if (here & 0x80 && (next & 0xFC) == (here & 0xFC) && (here & 3) + (next & 3) + 2 <= 4) {
            data[at] = (char)((here & 0xFC) | ((here & 3) + (next & 3) + 1));
            memmove(data + at + 1, data + at + 2, *size - at - 2);
            --*size;
        } else {
            at += (here & 0xC0) == 0x40 ? 2 : 1;
        }
    }
}

/* A sparse one becomes dense, for which there must be room; false where its runs are not as many registers as there are. */
static int rl_sketch_spread(char *data, size_t *size) {
    static char made[RL_SKETCH_DENSE];  /* one thread at a time, under the GIL */
    rl_sketch_run run;
    unsigned first = 0;
    memset(made, 0, sizeof(made));
    memcpy(made, data, RL_SKETCH_HEAD);
    made[4] = 0;
    for (run.at = RL_SKETCH_HEAD; run.at < *size; run.at += run.size, first += run.count) {
        if (!rl_sketch_run_at(data, *size, &run) || first + run.count > RL_SKETCH_REGISTERS)
            return 0;
        for (unsigned i = 0; run.value && i < run.count; i++)
            rl_sketch_raise_dense(made, first + i, run.value);
    }
    if (first != RL_SKETCH_REGISTERS)
        return 0;
    memcpy(data, made, sizeof(made));
    *size = sizeof(made);
    return 1;
}

/* Add an element that changes what has room for RL_SKETCH_GROWS more, and to be dense; a sparse one of more than `limit`
 * bytes is. */
static int rl_sketch_change(char *data, size_t *size, size_t limit, rl_sketch_spot *spot) {
    const rl_sketch_run *run = &spot->run;
    char runs[8], *end = runs;
    size_t fresh;
    if (spot->value <= RL_SPARSE_MOST) {
        if (run->size == 0)
            return RL_UNABLE;
        end = rl_sketch_write(end, run->value, spot->place - run->first);
        end = rl_sketch_write(end, spot->value, 1);
        end = rl_sketch_write(end, run->value, run->first + run->count - 1 - spot->place);
    }
    fresh = (size_t)(end - runs);
    if (!fresh || (fresh > run->size && *size + fresh - run->size > limit))
        return rl_sketch_spread(data, size) ? rl_sketch_raise_dense(data, spot->place, spot->value) : RL_UNABLE;
    memmove(data + run->at + fresh, data + run->at + run->size, *size - run->at - run->size);
    memcpy(data + run->at, runs, fresh);
    *size += fresh - run->size;
    rl_sketch_join(data, size, spot->before);
    return RL_CHANGED;
}

#endif
