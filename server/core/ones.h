/* How many bits of bytes are set.
 *
 * Must live here: that count.  Must not: which bytes are counted (bit_commands.pxi).
 *
 * Why twice: every processor of the last fifteen years counts a word's bits in one instruction, but a program for any of its
 * kind may not use it unasked; so it is asked.  Without it, bits are added up in pairs, fours and bytes of a word, which is
 * the textbook's way (Warren, "Hacker's Delight", 5-1).
 */
#ifndef REDLARK_ONES_H
#define REDLARK_ONES_H

#include "clib.h"

static inline int rl_ones_of(uint64_t v) {
    v -= v >> 1 & 0x5555555555555555ULL;
    v = (v & 0x3333333333333333ULL) + (v >> 2 & 0x3333333333333333ULL);
    v = (v + (v >> 4)) & 0x0F0F0F0F0F0F0F0FULL;
    return (int)(v * 0x0101010101010101ULL >> 56);
}

static int64_t rl_ones_slowly(const char *p, size_t n) {
    int64_t ones = 0;
    for (; n >= 8; p += 8, n -= 8) ones += rl_ones_of(rl_load8(p));
    return n ? ones + rl_ones_of(rl_load_short(p, n)) : ones;
}

#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("popcnt"))) static int64_t rl_ones_quickly(const char *p, size_t n) {
    int64_t ones = 0, more = 0;
    for (; n >= 32; p += 32, n -= 32) {
        ones += __builtin_popcountll(rl_load8(p)) + __builtin_popcountll(rl_load8(p + 8));
        more += __builtin_popcountll(rl_load8(p + 16)) + __builtin_popcountll(rl_load8(p + 24));
    }
    for (; n >= 8; p += 8, n -= 8) ones += __builtin_popcountll(rl_load8(p));
    return ones + more + (n ? __builtin_popcountll(rl_load_short(p, n)) : 0);
}

static inline int64_t rl_ones(const char *p, size_t n) {
    return __builtin_cpu_supports("popcnt") ? rl_ones_quickly(p, n) : rl_ones_slowly(p, n);
}
#else
static inline int64_t rl_ones(const char *p, size_t n) { return rl_ones_slowly(p, n); }
#endif

/* Of the bits from one place to another, both included, the highest of each byte first. */
static int64_t rl_ones_between(const char *p, uint64_t first, uint64_t last) {
    size_t from = (size_t)(first >> 3), to = (size_t)(last >> 3);
    int before = rl_ones_of((unsigned char)p[from] & (0xFF00u >> (first & 7) & 0xFF));
    int behind = rl_ones_of((unsigned char)p[to] & (0x7Fu >> (last & 7)));
    return rl_ones(p + from, to - from + 1) - before - behind;
}
#endif
