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
#define RL_PLACES 13                   /* bits of a place in the table of what was seen */

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

/* Bytes from p, at most n, that equal those from q, which lies before it. */
static inline size_t rl_equal_run(const unsigned char *p, const unsigned char *q, size_t n) {
    size_t i = 0;
    while (i < n && p[i] == q[i]) i++;
    return i;
}

/* Literal bytes at `to`, in runs; NULL where there is no room up to `end`. */
static unsigned char *rl_literals(unsigned char *to, unsigned char *end, const unsigned char *p, size_t n) {
    while (n) {
        size_t run = n < RL_LITERALS ? n : RL_LITERALS;
        if ((size_t)(end - to) < run + 1) return NULL;
        *to++ = (unsigned char)(run - 1);
        memcpy(to, p, run);
        to += run; p += run; n -= run;
    }
    return to;
}

/* Compress; the size of what stands at `to` then, or 0 where it would be more than `room`. */
static size_t rl_lzf_compress(const unsigned char *p, size_t n, unsigned char *to, size_t room) {
    static uint32_t seen[1 << RL_PLACES]; /* places from 1; one thread at a time, under the GIL */
    unsigned char *out = to, *end = to + room;
    size_t at = 0, from = 0;              /* literal bytes that wait begin at `from` */
    memset(seen, 0, sizeof(seen));
    while (at + 3 <= n) {
        uint32_t three = (uint32_t)p[at] << 16 | (uint32_t)p[at + 1] << 8 | p[at + 2];
        uint32_t place = (three * 2654435761U) >> (32 - RL_PLACES);
        size_t before = seen[place], size;
        seen[place] = (uint32_t)(at + 1);
        if (!before || at - (before - 1) > RL_FURTHEST || memcmp(p + before - 1, p + at, 3)) {
            at++;
            continue;
        }
        before = at - (before - 1) - 1;   /* the distance as it is written */
        size = n - at < RL_LONGEST ? n - at : RL_LONGEST;
        size = rl_equal_run(p + at, p + at - before - 1, size);
        out = rl_literals(out, end, p + from, at - from);
        if (!out || end - out < 3) return 0;
        if (size - 2 < 7) {
            *out++ = (unsigned char)((size - 2) << 5 | before >> 8);
        } else {
            *out++ = (unsigned char)(7 << 5 | before >> 8);
            *out++ = (unsigned char)(size - 2 - 7);
        }
        *out++ = (unsigned char)(before & 0xFF);
        at += size;
        from = at;
    }
    out = rl_literals(out, end, p + from, n - from);
    return out ? (size_t)(out - to) : 0;
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
