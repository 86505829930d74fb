/* Work over every byte of a file: CRC-64 and LZF.
 *
 * Must live here: pure functions over bytes.  Must not: what the bytes mean (redlark.server.rdb).
 *
 * CRC-64/Jones (D. T. Jones, "An Improved 64-bit Cyclic Redundancy Check for Protein Sequences", 2002), reflected, from
 * 0, eight bytes at a time over eight tables.  LZF (M. Lehmann, LibLZF): a control byte below 32 is followed by that many
 * literal bytes and one; any other holds, above, the length of a copy less 2 (7: a byte more follows, to be added) and,
 * below and in the byte behind, how far back from here it begins, less 1.
 */
#ifndef REDLARK_BYTEWORK_H
#define REDLARK_BYTEWORK_H

#include <stdint.h>
#include <string.h>

#define RL_JONES 0x95AC9329AC4BC9B5ULL /* 0xad93d23594c935a9 with its bits turned round */
#define RL_FURTHEST 8192               /* bytes back that a copy may begin */
#define RL_LONGEST 264                 /* bytes of a copy */
#define RL_LITERALS 32                 /* of one run */
#define RL_PLACES 16                   /* bits of a place in the table of what was seen */

static uint64_t rl_crc_table[8][256];

static void rl_crc_prepare(void) {
    int i, j;
    for (i = 0; i < 256; i++) {
        uint64_t crc = (uint64_t)i;
        for (j = 0; j < 8; j++) crc = crc >> 1 ^ (crc & 1 ? RL_JONES : 0);
        rl_crc_table[0][i] = crc;
    }
    for (i = 0; i < 256; i++)
        for (j = 1; j < 8; j++)
            rl_crc_table[j][i] = rl_crc_table[j - 1][i] >> 8 ^ rl_crc_table[0][rl_crc_table[j - 1][i] & 0xFF];
}

static uint64_t rl_crc64(uint64_t crc, const unsigned char *p, size_t n) {
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t word;
        int i;
        memcpy(&word, p, 8);
        word ^= crc;
        crc = 0;
        for (i = 0; i < 8; i++) crc ^= rl_crc_table[7 - i][word >> (8 * i) & 0xFF];
    }
    for (; n; p++, n--) crc = crc >> 8 ^ rl_crc_table[0][(crc ^ *p) & 0xFF];
    return crc;
}

/* Where the last three bytes of a kind were seen: places, counted on from text to text, so that those of texts before
 * are too low and nothing has to be cleared.  One thread at a time, under the GIL. */
static uint32_t rl_lzf_seen[1 << RL_PLACES];
static uint32_t rl_lzf_next = 1;

/* Three bytes at a place, the first one highest; in one load where a fourth follows. */
static inline uint32_t rl_lzf_three(const unsigned char *p, int more) {
    uint32_t four;
    if (!more) return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
    memcpy(&four, p, 4);
    return __builtin_bswap32(four) >> 8;
}

static inline uint32_t *rl_lzf_slot(uint32_t three) {
    return rl_lzf_seen + (((three >> 8) - 5 * three) & ((1 << RL_PLACES) - 1));
}

/* Bytes that what stands at `at` has in common with what stands at `before`, of which three are known to be equal.  The
 * last two bytes of a text belong to no copy, but where it ends within the sixteen that are compared in one go. */
static inline size_t rl_lzf_common(const unsigned char *p, size_t before, size_t at, size_t n) {
    size_t size = 3, most = n - at - 2;
    if (most > RL_LONGEST) most = RL_LONGEST;
    if (most > 16 && most < 19) most = 19;
    while (size + 8 <= most) {
        uint64_t one, other;
        memcpy(&one, p + before + size, 8);
        memcpy(&other, p + at + size, 8);
        if (one != other) return size + ((size_t)__builtin_ctzll(one ^ other) >> 3);
        size += 8;
    }
    while (size < most && p[before + size] == p[at + size]) size++;
    return size;
}

/* Compress; the size of what stands at `to` then, or 0 where it would be more than `room`, or could be.
 *
 * To the byte what Redis makes of it (asked over a socket): which places are remembered, how long copies are, and when it
 * gives up, all as LibLZF does where it is told to be very fast. */
static size_t rl_lzf_compress(const unsigned char *p, size_t n, unsigned char *to, size_t room) {
    size_t at = 0, out = 0, run = 0;    /* read; written, but for the run of literal bytes that goes on */
    uint32_t base;
    if (rl_lzf_next > UINT32_MAX - (uint32_t)n) { memset(rl_lzf_seen, 0, sizeof(rl_lzf_seen)); rl_lzf_next = 1; }
    base = rl_lzf_next;
    rl_lzf_next += (uint32_t)n;
    while (at + 2 < n) {
        uint32_t three = rl_lzf_three(p + at, at + 3 < n), *slot = rl_lzf_slot(three);
        size_t before = *slot, back, size;
        *slot = base + (uint32_t)at;
        if (before > base && (back = at - (before -= base) - 1) < RL_FURTHEST && rl_lzf_three(p + before, 1) == three) {
            if (out + (run ? run + 1 : 0) + 4 >= room) return 0;
            if (run) { to[out] = (unsigned char)(run - 1); out += run + 1; run = 0; }
            size = rl_lzf_common(p, before, at, n);
            if (size < 9) to[out++] = (unsigned char)((size - 2) << 5 | back >> 8);
            else { to[out++] = (unsigned char)(7 << 5 | back >> 8); to[out++] = (unsigned char)(size - 9); }
            to[out++] = (unsigned char)back;
            at += size;
            if (at + 2 >= n) break;
            *rl_lzf_slot(rl_lzf_three(p + at - 2, 1)) = base + (uint32_t)at - 2;
            *rl_lzf_slot(rl_lzf_three(p + at - 1, 1)) = base + (uint32_t)at - 1;
            continue;
        }
        if (out + 1 + run >= room) return 0;
        to[out + 1 + run++] = p[at++];
        if (run == RL_LITERALS) { to[out] = RL_LITERALS - 1; out += run + 1; run = 0; }
    }
    if (out + 1 + run + 3 > room) return 0;
    while (at < n) {
        to[out + 1 + run++] = p[at++];
        if (run == RL_LITERALS) { to[out] = RL_LITERALS - 1; out += run + 1; run = 0; }
    }
    if (run) { to[out] = (unsigned char)(run - 1); out += run + 1; }
    return out;
}

/* Expand to exactly `size` bytes; false where the bytes are none of this form. */
static int rl_lzf_expand(const unsigned char *p, size_t n, unsigned char *to, size_t size) {
    const unsigned char *stop = p + n;
    size_t at = 0;
    while (p < stop) {
        size_t control = *p++, count, back;
        if (control < 32) {
            count = control + 1;
            if ((size_t)(stop - p) < count || size - at < count) return 0;
            memcpy(to + at, p, count);
            p += count; at += count;
            continue;
        }
        count = control >> 5;
        if (count == 7) {
            if (p == stop) return 0;
            count += *p++;
        }
        if (p == stop) return 0;
        back = ((control & 31) << 8 | *p++) + 1;
        count += 2;
        if (back > at || size - at < count) return 0;
        for (; count; count--, at++) to[at] = to[at - back];
    }
    return at == size;
}

#endif
