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

/* The larger one of each two registers, of what is dense, eight at once where they are packed: of 48 bits every second
 * register has the next one's bits to spare, and the bit above it stays set where it is not less than the other's. */
#define RL_EVERY_SECOND 0x3F03F03F03FULL
#define RL_ABOVE 0x40040040040ULL

static inline uint64_t rl_sketch_larger(uint64_t one, uint64_t other) {
    uint64_t least = ((one | RL_ABOVE) - other) & RL_ABOVE;
    return other ^ ((one ^ other) & (least - (least >> 6)));
}

static inline void rl_sketch_merge_eight(char *to, const char *other) {
    uint64_t one = 0, two = 0;
    memcpy(&one, to, 6);
    memcpy(&two, other, 6);
    one = rl_sketch_larger(one & RL_EVERY_SECOND, two & RL_EVERY_SECOND) |
          rl_sketch_larger(one >> 6 & RL_EVERY_SECOND, two >> 6 & RL_EVERY_SECOND) << 6;
    memcpy(to, &one, 6);
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
/* The same of 32 registers at a time; how many bytes were done. */
__attribute__((target("avx2"))) static inline __m256i rl_sketch_larger_wide(__m256i one, __m256i other) {
    const __m256i above = _mm256_set1_epi64x(RL_ABOVE);
    __m256i least = _mm256_and_si256(_mm256_sub_epi64(_mm256_or_si256(one, above), other), above);
    __m256i mask = _mm256_sub_epi64(least, _mm256_srli_epi64(least, 6));
    return _mm256_xor_si256(other, _mm256_and_si256(_mm256_xor_si256(one, other), mask));
}

__attribute__((target("avx2"))) static inline __m256i rl_sketch_load_wide(const char *p) {
    const __m256i spread = _mm256_setr_epi8(0, 1, 2, 3, 4, 5, -1, -1, 6, 7, 8, 9, 10, 11, -1, -1,
                                            0, 1, 2, 3, 4, 5, -1, -1, 6, 7, 8, 9, 10, 11, -1, -1);
    __m128i low = _mm_loadu_si128((const __m128i *)p), high = _mm_loadu_si128((const __m128i *)(p + 12));
    return _mm256_shuffle_epi8(_mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1), spread);
}

static inline void rl_sketch_store4(char *to, int bits) { memcpy(to, &bits, 4); }

__attribute__((target("avx2"))) static size_t rl_sketch_merge_wide(char *to, const char *other, size_t size) {
    const __m256i second = _mm256_set1_epi64x(RL_EVERY_SECOND);
    const __m256i close = _mm256_setr_epi8(0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, -1, -1, -1, -1,
                                           0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, -1, -1, -1, -1);
    size_t at = 0;
    for (; at + 28 <= size; at += 24) {
        __m256i one = rl_sketch_load_wide(to + at), two = rl_sketch_load_wide(other + at), odd;
        __m128i half;
        odd = rl_sketch_larger_wide(_mm256_and_si256(_mm256_srli_epi64(one, 6), second),
                                    _mm256_and_si256(_mm256_srli_epi64(two, 6), second));
        one = rl_sketch_larger_wide(_mm256_and_si256(one, second), _mm256_and_si256(two, second));
        one = _mm256_shuffle_epi8(_mm256_or_si256(one, _mm256_slli_epi64(odd, 6)), close);
        half = _mm256_castsi256_si128(one);
        _mm_storel_epi64((__m128i *)(to + at), half);
        rl_sketch_store4(to + at + 8, _mm_extract_epi32(half, 2));
        half = _mm256_extracti128_si256(one, 1);
        _mm_storel_epi64((__m128i *)(to + at + 12), half);
        rl_sketch_store4(to + at + 20, _mm_extract_epi32(half, 2));
    }
    return at;
}
#define RL_MERGE_WIDE(to, other, size) \
    (__builtin_cpu_supports("avx2") ? rl_sketch_merge_wide((to), (other), (size)) : 0)
#else
#define RL_MERGE_WIDE(to, other, size) 0
#endif

static void rl_sketch_merge_dense(char *to, const char *other) {
    size_t at = RL_SKETCH_HEAD;
    at += RL_MERGE_WIDE(to + at, other + at, RL_SKETCH_DENSE - at);
    for (; at < RL_SKETCH_DENSE; at += 6)
        rl_sketch_merge_eight(to + at, other + at);
}

/* Raise the registers of a dense one to another's; false where that is corrupted. */
static int rl_sketch_merge(char *to, const char *other, size_t size) {
    rl_sketch_run run;
    unsigned first = 0;
    if (other[4] == 0) {
        rl_sketch_merge_dense(to, other);
        return 1;
    }
    for (run.at = RL_SKETCH_HEAD; run.at < size; run.at += run.size, first += run.count) {
        if (!rl_sketch_run_at(other, size, &run) || first + run.count > RL_SKETCH_REGISTERS)
            return 0;
        for (unsigned i = 0; run.value && i < run.count; i++)
            rl_sketch_raise_dense(to, first + i, run.value);
    }
    return first == RL_SKETCH_REGISTERS;
}

#endif
