/* The longest common subsequence of two texts: see server/commands/lcs.py, which says which of several it is, and why a row
 * of the table of lengths is kept as bits.
 *
 * Must live here: the table and the walk back through it. Must not: what is told of them. */
#ifndef RL_LCS_H
#define RL_LCS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { RL_LCS_BYTES = 256 };

/* 64-bit words of room for the work on texts of these sizes. */
static size_t rl_lcs_room(size_t m, size_t n) { return (n + 63) / 64 * (RL_LCS_BYTES + m + 1); }

/* Writes the subsequence so that it ends at `end`, and returns its size. */
static size_t rl_lcs(const char *one, size_t m, const char *other, size_t n, uint64_t *room, char *end) {
    size_t words = (n + 63) / 64, size = 0, i, j, w;
    uint64_t *places = room, *rows = room + RL_LCS_BYTES * words; /* of each byte in `other`; row 0, before all bytes */
    if (!m || !n) return 0; /* and there may be no room at all */
    memset(places, 0, RL_LCS_BYTES * words * 8);
    memset(rows, 0xFF, words * 8);
    for (j = 0; j < n; j++)
        places[(uint8_t)other[j] * words + j / 64] |= 1ULL << (j & 63);
    for (i = 0; i < m; i++) {
        const uint64_t *here = places + (uint8_t)one[i] * words, *above = rows + i * words;
        uint64_t *row = rows + (i + 1) * words, carry = 0;
        for (w = 0; w < words; w++) {
            uint64_t both = above[w] & here[w], sum = above[w] + both, all = sum + carry;
            carry = (sum < both) | (all < sum);
            row[w] = all | (above[w] & ~both);
        }
    }
    i = m;
    j = n;
    while (i && j) {
        if (one[i - 1] == other[j - 1]) {
            *--end = one[--i];
            j--;
            size++;
        } else if (rows[i * words + (j - 1) / 64] >> ((j - 1) & 63) & 1) {
            j--;
        } else {
            i--;
        }
    }
    return size;
}

#endif
