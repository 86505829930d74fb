/* Places on a round earth as cells of a grid: redlark.server.geo in C.
 *
 * Must live here: the arithmetic of searches, in the order in which Python does it, so that every digit is the same
 * (the compiler must not contract it: setup.py).  Must not: sorted sets, replies.
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

#define RL_HALF_MAP 20037726.37 /* metres */
#define RL_BITS 26              /* of a column, and of a row */
#define RL_CELLS_MOST 9         /* that a search looks through */

typedef struct { double longitude, latitude; } rl_place;

/* A circle, or a box that reaches so many metres to each side and up and down, around a place. */
typedef struct {
    rl_place centre;
    double aside, upward;
    int circle;
} rl_area;

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

/* Ten letters of five bits of a grid that reaches to the poles, and a 0: see redlark.server.geo.text. */
static inline void rl_geohash(rl_place at, char *to) {
    uint64_t column = (uint64_t)((at.longitude - RL_WEST) / (RL_EAST - RL_WEST) * RL_CELLS);
    uint64_t row = (uint64_t)((at.latitude + 90.0) / 180.0 * RL_CELLS);
    uint64_t bits = rl_spread(column) << 1 | rl_spread(row);
    for (int i = 0; i < 10; i++)
        to[i] = "0123456789bcdefghjkmnpqrstuvwxyz"[bits >> (47 - 5 * i) & 31];
    to[10] = '0';
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

static inline int rl_area_holds(const rl_area *area, rl_place there) {
    rl_place beside = {area->centre.longitude, there.latitude};
    if (area->circle) return rl_distance(area->centre, there) <= area->aside;
    if (rl_upward(area->centre, there) > area->upward) return 0;
    return rl_distance(there, beside) <= area->aside;
}

/* Whether a place is inside, and how far it is from the centre.  Nothing is nearer than its parallel, but for rounding:
 * a metre more than all of it can make. */
static inline int rl_area_measures(const rl_area *area, rl_place there, double *metres) {
    if (area->circle) {
        if (rl_upward(area->centre, there) > area->aside + 1.0) return 0;
        *metres = rl_distance(area->centre, there);
        return *metres <= area->aside;
    }
    *metres = 0;
    if (!rl_area_holds(area, there)) return 0;
    *metres = rl_distance(area->centre, there);
    return 1;
}

/* --------------------------------------------------------------------------------------------- cells of a search */

typedef struct { int64_t column, row; } rl_cell;

static inline rl_cell rl_cell_of(rl_place at, int bits) {
    double scale = (double)(1LL << bits);
    rl_cell cell = {(int64_t)((at.longitude - RL_WEST) / (RL_EAST - RL_WEST) * scale),
                    (int64_t)((at.latitude - RL_SOUTH) / (RL_NORTH - RL_SOUTH) * scale)};
    return cell;
}

static inline double rl_edge(int64_t place, int bits, double low, double high) {
    return low + (double)place * 1.0 / (double)(1LL << bits) * (high - low);
}
static inline double rl_meridian(int64_t column, int bits) { return rl_edge(column, bits, RL_WEST, RL_EAST); }
static inline double rl_parallel(int64_t row, int bits) { return rl_edge(row, bits, RL_SOUTH, RL_NORTH); }

/* So many columns or rows on, around the map's ends; what is beyond them stays there as long as it does not move. */
static inline int64_t rl_beside(int64_t place, int step, int bits) {
    return step ? (place + step) & ((1LL << bits) - 1) : place;
}

/* How fine a grid to take, that nine cells hold what is within reach: coarser towards the poles. */
static inline int rl_fineness(const rl_area *area) {
    double reach = area->circle ? area->aside : sqrt(area->aside * area->aside + area->upward * area->upward);
    double north = fabs(area->centre.latitude);
    int bits = -1;
    if (reach == 0) return RL_BITS;
    for (; reach < RL_HALF_MAP; reach *= 2) bits++;
    bits -= (north > 66) + (north > 80);
    return bits < 1 ? 1 : bits > RL_BITS ? RL_BITS : bits;
}

/* The cells that hold all that is inside, in the order in which they are looked through: pairs of scores, from which
 * and below which their places are.  Returns how many. */
static int rl_cells(const rl_area *area, double *scores) {
    static const int8_t steps[RL_CELLS_MOST][2] = {
        {0, 0}, {0, 1}, {0, -1}, {1, 0}, {-1, 0}, {1, 1}, {-1, 1}, {1, -1}, {-1, -1}};
    rl_place at = area->centre;
    double up = area->upward / RL_EARTH / RL_RADIAN;
    double nearer = at.latitude < 0 ? at.latitude - up : at.latitude + up; /* where a degree is shortest */
    double shrunk = isfinite(nearer * RL_RADIAN) ? cos(nearer * RL_RADIAN) : NAN;
    double aside = area->aside / RL_EARTH / shrunk / RL_RADIAN;
    double west = at.longitude - aside, east = at.longitude + aside, south = at.latitude - up, north = at.latitude + up;
    int bits = rl_fineness(area), i, count = 0, known = 0;
    rl_cell middle = rl_cell_of(at, bits), cell, before = {0, 0};
    if (bits > 1 && (rl_parallel(rl_beside(middle.row, 1, bits) + 1, bits) < north
                     || rl_parallel(rl_beside(middle.row, -1, bits), bits) > south
                     || rl_meridian(rl_beside(middle.column, 1, bits) + 1, bits) < east
                     || rl_meridian(rl_beside(middle.column, -1, bits), bits) > west))
        middle = rl_cell_of(at, --bits);
    for (i = 0; i < RL_CELLS_MOST; i++) {
        int column = steps[i][0], row = steps[i][1];
        uint64_t number;
        if (bits >= 2 && ((row < 0 && rl_parallel(middle.row, bits) < south)
                          || (row > 0 && rl_parallel(middle.row + 1, bits) > north)
                          || (column < 0 && rl_meridian(middle.column, bits) < west)
                          || (column > 0 && rl_meridian(middle.column + 1, bits) > east)))
            continue;
        cell.column = rl_beside(middle.column, column, bits);
        cell.row = rl_beside(middle.row, row, bits);
        if (!known || cell.column != before.column || cell.row != before.row) {
            number = rl_spread((uint64_t)cell.column) << 1 | rl_spread((uint64_t)cell.row);
            scores[2 * count] = (double)(number << 2 * (RL_BITS - bits));
            scores[2 * count + 1] = (double)((number + 1) << 2 * (RL_BITS - bits));
            count++;
        }
        before = cell;
        known = i > 0;
    }
    return count;
}
#endif
