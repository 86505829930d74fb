/* Places on a round earth as cells of a grid: redlark.server.geo in C.
 *
 * Must live here: the arithmetic that searches do for each member, in the order in which Python does it, so that every
 * digit is the same (the compiler must not contract it: setup.py).  Must not: which cells are looked through, replies.
 */
#ifndef REDLARK_GEO_H
#define REDLARK_GEO_H

#include <math.h>
#include <stdint.h>

#define RL_WEST (-180.0)
#define RL_EAST 180.0
#define RL_SOUTH (-85.05112878)
#define RL_NORTH 85.05112878
#define RL_CELLS 67108864.0     /* columns, and rows */
#define RL_EARTH 6372797.560856 /* metres */
#define RL_RADIAN (3.14159265358979323846 / 180.0)

typedef struct { double longitude, latitude; } rl_place;

static inline int rl_on_map(rl_place at) {
    return RL_WEST <= at.longitude && at.longitude <= RL_EAST && RL_SOUTH <= at.latitude && at.latitude <= RL_NORTH;
}

/* 32 bits, every other one of 64. */
static inline uint64_t rl_spread(uint64_t n) {
    n = (n | n << 16) & 0x0000FFFF0000FFFFULL;
    n = (n | n << 8) & 0x00FF00FF00FF00FFULL;
    n = (n | n << 4) & 0x0F0F0F0F0F0F0F0FULL;
    n = (n | n << 2) & 0x3333333333333333ULL;
    return (n | n << 1) & 0x5555555555555555ULL;
}

/* Every other one of 64 bits. */
static inline uint64_t rl_gather(uint64_t n) {
    n &= 0x5555555555555555ULL;
    n = (n | n >> 1) & 0x3333333333333333ULL;
    n = (n | n >> 2) & 0x0F0F0F0F0F0F0F0FULL;
    n = (n | n >> 4) & 0x00FF00FF00FF00FFULL;
    n = (n | n >> 8) & 0x0000FFFF0000FFFFULL;
    return (n | n >> 16) & 0x00000000FFFFFFFFULL;
}

/* The score of a place that is on the map. */
static inline double rl_place_score(rl_place at) {
    uint64_t column = (uint64_t)((at.longitude - RL_WEST) / (RL_EAST - RL_WEST) * RL_CELLS);
    uint64_t row = (uint64_t)((at.latitude - RL_SOUTH) / (RL_NORTH - RL_SOUTH) * RL_CELLS);
    return (double)(rl_spread(column) << 1 | rl_spread(row));
}

static inline double rl_middle(uint64_t cell, double low, double high) {
    double first = low + (double)cell * 1.0 / RL_CELLS * (high - low);
    double last = low + (double)(cell + 1) * 1.0 / RL_CELLS * (high - low);
    double middle = (first + last) / 2;
    if (middle < low) middle = low;
    return middle > high ? high : middle;
}

/* The middle of the cell that a score is; any number is taken as the 64 bits that x86-64 makes of it. */
static inline rl_place rl_place_of(double score) {
    uint64_t bits;
    rl_place at;
    if (score < 9223372036854775808.0) bits = score > -9223372036854775808.0 ? (uint64_t)(int64_t)score : 1ULL << 63;
    else bits = score < 18446744073709551616.0 ? (uint64_t)score : 0;
    at.longitude = rl_middle(rl_gather(bits >> 1), RL_WEST, RL_EAST);
    at.latitude = rl_middle(rl_gather(bits), RL_SOUTH, RL_NORTH);
    return at;
}

/* How far two places are apart along a meridian, in metres. */
static inline double rl_upward(rl_place here, rl_place there) {
    return RL_EARTH * fabs(there.latitude * RL_RADIAN - here.latitude * RL_RADIAN);
}

/* How far they are apart. */
static inline double rl_distance(rl_place here, rl_place there) {
    double across = sin((there.longitude * RL_RADIAN - here.longitude * RL_RADIAN) / 2), along, root;
    if (across == 0.0) return rl_upward(here, there);
    along = sin((there.latitude * RL_RADIAN - here.latitude * RL_RADIAN) / 2);
    root = sqrt(along * along + cos(here.latitude * RL_RADIAN) * cos(there.latitude * RL_RADIAN) * across * across);
    return root <= 1 ? 2.0 * RL_EARTH * asin(root) : NAN;
}
#endif
