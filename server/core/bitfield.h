/* Fields of bits in a string, the highest bit of each byte first: read, written, and what a write makes of a number.
 *
 * Must live here: one operation of BITFIELD.  Must not: its arguments, strings, replies (bit_commands.pxi).  What happens to
 * numbers that do not fit is told by redlark.server.commands.bitmaps, which says the same with Python's whole numbers. */
#ifndef REDLARK_BITFIELD_H
#define REDLARK_BITFIELD_H

#include <stddef.h>
#include <stdint.h>

enum { RL_WRAP, RL_SATURATE, RL_FAIL };     /* where a number does not fit */
enum { RL_GET, RL_PUT, RL_ADD };

typedef struct {
    int what;
    int with_sign;
    int overflow;
    unsigned width;         /* 1 to 64, or without a sign to 63 */
    uint64_t place;         /* of its first bit */
    int64_t amount;
} rl_field;

static inline size_t rl_field_end(const rl_field *f) { return (size_t)((f->place + f->width + 7) >> 3); }

/* The number in the field; what lies behind the end of the string is zero. */
static int64_t rl_field_read(const rl_field *f, const char *data, size_t size) {
    size_t at = (size_t)(f->place >> 3), end = rl_field_end(f);
    unsigned __int128 held = 0;
    uint64_t number;
    unsigned shift = (unsigned)(8 * end - f->place - f->width);
    for (; at < end; at++) held = held << 8 | (at < size ? (uint8_t)data[at] : 0);
    number = (uint64_t)(held >> shift) << (64 - f->width);
    return f->with_sign ? (int64_t)number >> (64 - f->width) : (int64_t)(number >> (64 - f->width));
}

/* Put a number's lowest bits into the field, which lies within the string. */
static void rl_field_write(const rl_field *f, char *data, uint64_t number) {
    uint64_t place = f->place + f->width;
    unsigned left = f->width;
    while (left) {          /* from the last bit on, as many at a time as a byte has */
        unsigned behind = (unsigned)(-(int64_t)place & 7), count = 8 - behind < left ? 8 - behind : left;
        unsigned mask = ((1u << count) - 1) << behind;
        uint8_t *byte = (uint8_t *)data + ((place - 1) >> 3);
        *byte = (uint8_t)((*byte & ~mask) | ((unsigned)number << behind & mask));
        number >>= count;
        place -= count;
        left -= count;
    }
}

/* The number that a field is to have which holds `old`; false where it does not fit and is not made to. */
static int rl_field_outcome(const rl_field *f, int64_t old, int64_t *fresh) {
    __int128 one = 1, number = f->what == RL_PUT ? (__int128)f->amount : (__int128)old + f->amount;
    __int128 low = f->with_sign ? -(one << (f->width - 1)) : 0;
    __int128 high = (one << (f->with_sign ? f->width - 1 : f->width)) - 1;
    if (f->what == RL_PUT && !f->with_sign && number < 0) number += one << 64;  /* it is taken as 64 bits without a sign */
    if (number < low || number > high) {
        if (f->overflow == RL_FAIL) return 0;
        /* What is put and so far below that its distance to the highest leaves 64 bits becomes the highest, as in Redis. */
        if (f->overflow == RL_SATURATE)
            number = number < low && !(f->what == RL_PUT && high - number > INT64_MAX) ? low : high;
        else number = ((number - low) & ((one << f->width) - 1)) + low;
    }
    *fresh = (int64_t)number;
    return 1;
}
#endif
