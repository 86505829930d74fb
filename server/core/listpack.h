/* A listpack: a sequence of byte strings in one allocation, as Redis keeps small collections and writes them in files.
 *
 * Must live here: the format, and changes of one listpack.  Must not: when something is packed, or what elements mean.
 *
 *     offset 0   size     32 bits, of the whole
 *            4   count    16 bits; 65535: that many or more, count them
 *            6   elements, each: a head that says what it is and how long, its bytes, the size of both written backwards
 *            .   0xFF
 *
 * A head of one byte is a number below 128 or the length of a text below 64; longer ones hold numbers of 13 to 64 bits in
 * two to nine bytes, or the length of a longer text.  What reads as a 64-bit integer is always kept as one, in the fewest
 * bytes, so that equal elements are equal bytes.  The size behind an element is what a walk from the end reads.
 *
 * Why: two bytes beside each short text, where a node of a chain would take dozens; and a search that runs over memory in
 * order is quicker than one that follows pointers, as long as it is short.  That DUMP and RDB files have the same bytes
 * makes writing one a copy.  Why sizes are not kept beside it: the slab's room (slab.h) is a function of the size.
 * Source of the format: antirez, "Listpack specification".
 *
 * Use: what changes a listpack returns where it now is.  A place (`at`) is the address of an element or of the end mark;
 * changes that take a char ** set it to where they put something, or to what now stands there.  An element that comes in
 * is prepared first (lp_item), once however often it is compared and put.  Callers keep below LP_MOST (lp_fits).
 *
 *     lp_new, lp_free, lp_copy, lp_from       a listpack; of bytes that lp_check allows
 *     lp_size, lp_count, lp_memory            bytes, elements (O(n) from 65535 on), bytes with the allocator's
 *     lp_first, lp_last, lp_next, lp_prev     walking; NULL beyond either end.  lp_end: the end mark
 *     lp_seek                                 the element at an index, below 0 from the end; NULL where there is none
 *     lp_read, lp_text                        a text, or NULL and a number; as text in any case
 *     lp_prepare, lp_prepare_int              an element that comes in
 *     lp_is, lp_find                          equality; the first equal one among every step-th from a place on
 *     lp_insert, lp_append, lp_prepend        one or some in a row
 *     lp_replace, lp_delete                   one by another; some in a row
 *     lp_check                                whether every byte is as it must be
 */
#ifndef REDLARK_LISTPACK_H
#define REDLARK_LISTPACK_H

#include <stdint.h>
#include <string.h>

#include "clib.h"
#include "slab.h"

enum {
    LP_HEAD = 6,
    LP_ENDS = 7,            /* bytes of an empty one */
    LP_UNCOUNTED = 65535,
    LP_END = 0xFF,
    LP_MOST = 1 << 30,      /* bytes that one may have */
};

/* An element that comes in, with its head ready. */
typedef struct {
    const char *text;       /* what stands behind the head */
    size_t n;               /* bytes of that; 0 for numbers */
    size_t size;            /* bytes of all, with the size behind */
    uint32_t head_n;
    char head[12];
} lp_item;

/* --------------------------------------------------------------------------------------------------------- one element */

/* Bytes in which the size of an element stands behind it. */
static inline size_t lp_back_n(size_t n) {
    return n < 128 ? 1 : n < 16383 ? 2 : n < 2097151 ? 3 : n < 268435455 ? 4 : 5;
}

/* Bytes of an element without the size behind it. */
static inline size_t lp_body_n(const char *at) {
    static const uint8_t widths[5] = {0, 3, 4, 5, 9};
    unsigned first = (unsigned char)at[0];
    if (first < 0x80) return 1;
    if (first < 0xC0) return 1 + (first & 0x3F);
    if (first < 0xE0) return 2;
    if (first < 0xF0) return 2 + ((size_t)(first & 0x0F) << 8 | (unsigned char)at[1]);
    if (first == 0xF0) return 5 + (size_t)rl_load4(at + 1);
    return widths[(first - 0xF0) % 5];
}

static inline size_t lp_whole_n(const char *at) {
    size_t n = lp_body_n(at);
    return n + lp_back_n(n);
}

/* The text of an element and its length, or NULL and the number that it is. */
static inline const char *lp_read(const char *at, size_t *n, int64_t *number) {
    unsigned first = (unsigned char)at[0];
    uint64_t bits;
    if (first < 0x80) { *number = first; return NULL; }
    if (first < 0xC0) { *n = first & 0x3F; return at + 1; }
    if (first < 0xE0) {
        bits = (uint64_t)(first & 0x1F) << 8 | (unsigned char)at[1];
        *number = (int64_t)(bits << 51) >> 51;
        return NULL;
    }
    if (first < 0xF0) { *n = (size_t)(first & 0x0F) << 8 | (unsigned char)at[1]; return at + 2; }
    if (first == 0xF0) { *n = (size_t)rl_load4(at + 1); return at + 5; }
    if (first == 0xF4) *number = (int64_t)rl_load8(at + 1);
    else if (first == 0xF3) *number = (int32_t)(uint32_t)rl_load4(at + 1);
    else *number = (int64_t)(rl_load_short(at + 1, first - 0xEF) << (first == 0xF1 ? 48 : 40)) >> (first == 0xF1 ? 48 : 40);
    return NULL;
}

/* The same as text in any case; a number is written to `room`, of 24 bytes. */
static inline const char *lp_text(const char *at, char *room, size_t *n) {
    int64_t number = 0;
    const char *text = lp_read(at, n, &number);
    if (text) return text;
    *n = (size_t)rl_format_int(room, number);
    return room;
}

static inline void lp_prepare_int(lp_item *item, int64_t v) {
    uint64_t bits = (uint64_t)v;
    char *head = item->head;
    item->text = head;
    item->n = 0;
    if (bits < 128) { head[0] = (char)v; item->head_n = 1; }
    else if (v >= -4096 && v < 4096) {
        head[0] = (char)(0xC0 | (bits >> 8 & 0x1F));
        head[1] = (char)v;
        item->head_n = 2;
    } else {
        if (v >= INT16_MIN && v <= INT16_MAX) { head[0] = (char)0xF1; item->head_n = 3; }
        else if (v >= -8388608 && v < 8388608) { head[0] = (char)0xF2; item->head_n = 4; }
        else if (v >= INT32_MIN && v <= INT32_MAX) { head[0] = (char)0xF3; item->head_n = 5; }
        else { head[0] = (char)0xF4; item->head_n = 9; }
        rl_store8(head + 1, bits);
    }
    item->size = item->head_n + 1;
}

/* p must outlive the item. */
static inline void lp_prepare(lp_item *item, const char *p, size_t n) {
    int64_t number;
    uint32_t n32 = (uint32_t)n;
    size_t body;
    if (rl_parse_int(p, n, &number)) { lp_prepare_int(item, number); return; }
    item->text = p;
    item->n = n;
    if (n < 64) { item->head[0] = (char)(0x80 | n); item->head_n = 1; }
    else if (n < 4096) { item->head[0] = (char)(0xE0 | n >> 8); item->head[1] = (char)n; item->head_n = 2; }
    else { item->head[0] = (char)0xF0; memcpy(item->head + 1, &n32, 4); item->head_n = 5; }
    body = item->head_n + n;
    item->size = body + lp_back_n(body);
}

/* Write it there; returns where it ends. */
static inline char *lp_write(char *at, const lp_item *item) {
    size_t body = item->head_n + item->n, back = item->size - body, i;
    if (item->head_n == 1) at[0] = item->head[0];
    else memcpy(at, item->head, item->head_n);
    rl_copy(at + item->head_n, item->text, item->n);
    at += item->size;
    if (back == 1) { at[-1] = (char)body; return at; }
    for (i = 1; i <= back; i++, body >>= 7) at[-(ptrdiff_t)i] = (char)(i < back ? (body & 0x7F) | 0x80 : body);
    return at;
}

static inline int lp_is(const char *at, const lp_item *item) {
    if (at[0] != item->head[0]) return 0;
    return memcmp(at, item->head, item->head_n) == 0 && rl_same(at + item->head_n, item->text, item->n);
}

/* ------------------------------------------------------------------------------------------------------------- walking */

static inline size_t lp_size(const char *lp) { return (size_t)rl_load4(lp); }
static inline char *lp_end(const char *lp) { return (char *)lp + lp_size(lp) - 1; }
static inline int lp_at_end(const char *at) { return (unsigned char)at[0] == LP_END; }
static inline int lp_fits(const char *lp, size_t more) { return lp_size(lp) + more <= LP_MOST; }

static inline char *lp_first(const char *lp) {
    const char *at = lp + LP_HEAD;
    return lp_at_end(at) ? NULL : (char *)at;
}

static inline char *lp_next(const char *at) {
    at += lp_whole_n(at);
    return lp_at_end(at) ? NULL : (char *)at;
}

/* The element that ends where `end` is. */
static inline char *lp_before(const char *end) {
    const unsigned char *p = (const unsigned char *)end - 1;
    size_t n = *p & 0x7F, shift = 7, back = 1;
    for (; *p & 0x80; shift += 7, back++) n |= (size_t)(*--p & 0x7F) << shift;
    return (char *)end - back - n;
}

static inline char *lp_prev(const char *lp, const char *at) { return at == lp + LP_HEAD ? NULL : lp_before(at); }
static inline char *lp_last(const char *lp) { return lp_prev(lp, lp_end(lp)); }

static inline uint32_t lp_counted(const char *lp) { uint16_t n; memcpy(&n, lp + 4, 2); return n; }

static inline size_t lp_count(const char *lp) {
    size_t count = lp_counted(lp);
    const char *at;
    if (count != LP_UNCOUNTED) return count;
    for (count = 0, at = lp + LP_HEAD; !lp_at_end(at); at += lp_whole_n(at)) count++;
    return count;
}

static inline void lp_set_ends(char *lp, size_t size, size_t count) {
    uint32_t size32 = (uint32_t)size;
    uint16_t count16 = (uint16_t)(count < LP_UNCOUNTED ? count : LP_UNCOUNTED);
    memcpy(lp, &size32, 4);
    memcpy(lp + 4, &count16, 2);
    lp[size - 1] = (char)LP_END;
}

/* The place that many elements on; the end mark where there are no more. */
static inline char *lp_skip(const char *at, size_t count) {
    for (; count && !lp_at_end(at); count--) at += lp_whole_n(at);
    return (char *)at;
}

static inline char *lp_seek(const char *lp, int64_t index) {
    int64_t count = lp_counted(lp);
    char *at;
    if (count != LP_UNCOUNTED) {
        if (index < -count || index >= count) return NULL;
        if (index >= 0 && index > count / 2) index -= count;        /* from the nearer end */
        else if (index < 0 && -index > count / 2 + 1) index += count;
    }
    if (index >= 0) {
        at = lp_skip(lp + LP_HEAD, (size_t)index);
        return lp_at_end(at) ? NULL : at;
    }
    for (at = lp_end(lp); index && at; index++) at = lp_prev(lp, at);
    return at;
}

static inline char *lp_find(const char *at, const lp_item *item, size_t step) {
    while (at && !lp_at_end(at)) {
        if (lp_is(at, item)) return (char *)at;
        at = lp_skip(at, step);
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------------------------------ as a whole */

static inline char *lp_new(void) {
    char *lp = rl_slot_alloc(LP_ENDS);
    lp_set_ends(lp, LP_ENDS, 0);
    return lp;
}

static inline void lp_free(char *lp) { rl_slot_free(lp, lp_size(lp)); }
static inline size_t lp_memory(const char *lp) { return rl_good_size(lp_size(lp)); }

static inline char *lp_from(const char *bytes, size_t n) {
    char *lp = rl_slot_alloc(n);
    memcpy(lp, bytes, n);
    return lp;
}

static inline char *lp_copy(const char *lp) { return lp_from(lp, lp_size(lp)); }

/* ------------------------------------------------------------------------------------------------------------- changing */

/* Let `after` bytes stand at a place in the stead of `before`, which is for the caller to fill. */
static inline char *lp_give(char *lp, char **at, size_t before, size_t after, int64_t more) {
    size_t size = lp_size(lp), offset = (size_t)(*at - lp), fresh = size - before + after;
    uint32_t count = lp_counted(lp);
    if (after > before) lp = rl_slot_resize(lp, size, fresh);
    if (after != before) memmove(lp + offset + after, lp + offset + before, size - offset - before);
    if (after < before) lp = rl_slot_resize(lp, size, fresh);
    if (count == LP_UNCOUNTED && more < 0) lp_set_ends(lp, fresh, lp_count(lp));
    else lp_set_ends(lp, fresh, count == LP_UNCOUNTED ? count : (size_t)(count + more));
    *at = lp + offset;
    return lp;
}

/* Before a place, one behind another. */
static inline char *lp_insert(char *lp, char **at, const lp_item *items, size_t count) {
    size_t size = 0, i;
    char *to;
    for (i = 0; i < count; i++) size += items[i].size;
    lp = lp_give(lp, at, 0, size, (int64_t)count);
    for (to = *at, i = 0; i < count; i++) to = lp_write(to, items + i);
    return lp;
}

static inline char *lp_append(char *lp, const lp_item *items, size_t count) {
    char *at = lp_end(lp);
    return lp_insert(lp, &at, items, count);
}

static inline char *lp_prepend(char *lp, const lp_item *items, size_t count) {
    char *at = lp + LP_HEAD;
    return lp_insert(lp, &at, items, count);
}

static inline char *lp_replace(char *lp, char **at, const lp_item *item) {
    lp = lp_give(lp, at, lp_whole_n(*at), item->size, 0);
    lp_write(*at, item);
    return lp;
}

/* So many, or as many as there are. */
static inline char *lp_delete(char *lp, char **at, size_t count) {
    size_t gone = 0;
    const char *end = *at;
    for (; gone < count && !lp_at_end(end); gone++) end += lp_whole_n(end);
    return lp_give(lp, at, (size_t)(end - *at), 0, -(int64_t)gone);
}

/* Keep the first so many, which end where the end mark may stand then. */
static inline char *lp_shorten(char *lp, const char *end, size_t count) {
    size_t size = (size_t)(end - lp) + 1;
    lp = rl_slot_resize(lp, lp_size(lp), size);
    lp_set_ends(lp, size, count);
    return lp;
}

/* ------------------------------------------------------------------------------------------------------------- invariants */

/* Are these n bytes a listpack, each number in the fewest bytes and no text that reads as one? */
static int lp_check(const char *lp, size_t n) {
    const char *at = lp + LP_HEAD, *end = lp + n - 1, *text;
    size_t count = 0, body, behind, text_n = 0;
    int64_t number = 0;
    lp_item item;
    if (n < LP_ENDS || n > LP_MOST || lp_size(lp) != n || !lp_at_end(end)) return 0;
    for (; at < end; count++) {
        unsigned first = (unsigned char)at[0];
        if (first > 0xF4) return 0;
        if ((size_t)(end - at) < (first == 0xF0 ? 5 : first >= 0xE0 && first < 0xF0 ? 2 : 1)) return 0;
        body = lp_body_n(at);
        behind = lp_back_n(body);
        if ((size_t)(end - at) < body + behind || lp_before(at + body + behind) != at) return 0;
        text = lp_read(at, &text_n, &number);
        if (text) lp_prepare(&item, text, text_n);
        else lp_prepare_int(&item, number);
        if (item.size != body + behind || !lp_is(at, &item)) return 0;
        at += body + behind;
    }
    return at == end && (lp_counted(lp) == count || (lp_counted(lp) == LP_UNCOUNTED && count >= LP_UNCOUNTED));
}
#endif
