/* Sets of integers as Redis keeps and writes them: sorted, in one block, all as wide as the widest asks for.
 *
 * Must live here: the block.  Must not: when a set is one (set.pxi).
 *
 *     offset 0   width: 2, 4 or 8, as 32 bits
 *            4   how many, as 32 bits
 *            8   the integers, ascending
 *
 * Why: a small set of numbers takes 2 bytes a member instead of a pointer and an allocation, and binary search over 512 of
 * them touches one or two cache lines.  An insertion moves what stands behind; the limit on the number bounds that.
 * Source: https://redis.io/docs/latest/operate/oss_and_stack/management/optimization/memory-optimization/
 */
#ifndef REDLARK_INTSET_H
#define REDLARK_INTSET_H

#include <stdint.h>
#include <string.h>

#include "slab.h"

typedef struct rl_intset {
    uint32_t width;
    uint32_t count;
    char numbers[];
} rl_intset;

static inline size_t rl_intset_bytes(const rl_intset *s) { return sizeof *s + (size_t)s->count * s->width; }

static inline uint32_t rl_intset_width_for(int64_t v) {
    return v == (int16_t)v ? 2 : v == (int32_t)v ? 4 : 8;
}

static inline int64_t rl_intset_at(const rl_intset *s, size_t i) {
    int16_t two;
    int32_t four;
    int64_t eight;
    switch (s->width) {
    case 2: memcpy(&two, s->numbers + 2 * i, 2); return two;
    case 4: memcpy(&four, s->numbers + 4 * i, 4); return four;
    default: memcpy(&eight, s->numbers + 8 * i, 8); return eight;
    }
}

static inline void rl_intset_put(rl_intset *s, size_t i, int64_t v) { memcpy(s->numbers + s->width * i, &v, s->width); }

static inline rl_intset *rl_intset_make(void) {
    rl_intset *s = (rl_intset *)rl_slot_alloc(sizeof *s);
    s->width = 2;
    s->count = 0;
    return s;
}

static inline void rl_intset_free(rl_intset *s) { rl_slot_free(s, rl_intset_bytes(s)); }

/* Where v stands, or else where it would: the first place whose number is not below it. */
static inline size_t rl_intset_place(const rl_intset *s, int64_t v) {
    size_t low = 0, high = s->count;
    if (high && v > rl_intset_at(s, high - 1)) return high;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (rl_intset_at(s, middle) < v) low = middle + 1; else high = middle;
    }
    return low;
}

static inline int rl_intset_has(const rl_intset *s, int64_t v) {
    size_t i;
    if (rl_intset_width_for(v) > s->width) return 0;
    i = rl_intset_place(s, v);
    return i < s->count && rl_intset_at(s, i) == v;
}

/* Add a number; the set may have moved.  *added: whether it was not there. */
static rl_intset *rl_intset_add(rl_intset *s, int64_t v, int *added) {
    uint32_t width = rl_intset_width_for(v), old = s->width;
    size_t before = rl_intset_bytes(s), count = s->count, i;
    *added = 1;
    if (width > old) { /* wider than all: it stands at an end */
        s = (rl_intset *)rl_slot_resize(s, before, sizeof *s + (count + 1) * width);
        for (i = count; i-- > 0;) {
            int64_t moved;
            s->width = old;
            moved = rl_intset_at(s, i);
            s->width = width;
            rl_intset_put(s, i + (v < 0), moved);
        }
        s->width = width;
        rl_intset_put(s, v < 0 ? 0 : count, v);
    } else {
        i = rl_intset_place(s, v);
        if (i < count && rl_intset_at(s, i) == v) { *added = 0; return s; }
        s = (rl_intset *)rl_slot_resize(s, before, before + old);
        memmove(s->numbers + old * (i + 1), s->numbers + old * i, old * (count - i));
        rl_intset_put(s, i, v);
    }
    s->count++;
    return s;
}

/* Take out the number at a place; the set may have moved.  It stays as wide as it was. */
static rl_intset *rl_intset_remove(rl_intset *s, size_t i) {
    size_t before = rl_intset_bytes(s);
    memmove(s->numbers + s->width * i, s->numbers + s->width * (i + 1), s->width * (s->count - i - 1));
    s->count--;
    return (rl_intset *)rl_slot_resize(s, before, before - s->width);
}

/* Keep the first so many; the set may have moved. */
static rl_intset *rl_intset_shorten(rl_intset *s, size_t count) {
    size_t before = rl_intset_bytes(s);
    s->count = (uint32_t)count;
    return (rl_intset *)rl_slot_resize(s, before, rl_intset_bytes(s));
}
#endif
