/* What is pending: items in the order of stream ids, where what comes has nearly always the largest.
 *
 * Must live here: that order, and how it is searched, walked and changed.  Must not: what an item says besides its id.
 *
 * Why blocks under one array and not a tree: entries are delivered in order, so what comes stands at the end, and goes in
 * nearly that order.  A block has up to 64 items in one allocation, half full at least but for the last ones, so an item
 * costs little more than itself; the array has each block's first id beside its address, so a search meets one block.
 * What goes at the front moves nothing but a mark; a block that goes in the middle moves 24 bytes for each 64 items.
 *
 * An item is PENDING_HEAD bytes of id and what its owner keeps behind; all of one order have the same size.
 */
#ifndef REDLARK_PENDING_H
#define REDLARK_PENDING_H

#include <stdint.h>
#include <string.h>

#include "slab.h"

enum { PEND_MOST = 64, PEND_FIRST = 4, PEND_FEW = 24 };

typedef struct {
    uint64_t ms, seq;
} pend_id;

typedef struct {
    pend_id first; /* at or below that of its first item, above all of the block before */
    char *items;   /* NULL only where it is not in use */
    uint32_t count, room;
} pend_block;

typedef struct {
    pend_block *blocks; /* `room` of them, of which `count` from `begin` on are in use */
    size_t begin, count, room;
    size_t live, held; /* items, and bytes of the blocks */
    size_t width;      /* bytes of an item */
} pending;

typedef struct {
    size_t block;
    uint32_t at;
} pend_place;

static inline int pend_order(pend_id a, pend_id b) {
    if (a.ms != b.ms) return a.ms > b.ms ? 1 : -1;
    return (a.seq > b.seq) - (a.seq < b.seq);
}

static inline pend_block *pend_block_at(const pending *p, size_t i) { return p->blocks + p->begin + i; }

static inline char *pend_item(const pending *p, pend_place at) {
    return pend_block_at(p, at.block)->items + at.at * p->width;
}

static inline pend_id pend_id_of(const char *item) {
    pend_id id;
    memcpy(&id, item, sizeof id);
    return id;
}

static inline size_t pend_memory(const pending *p) {
    return p->held + (p->room ? rl_good_size(p->room * sizeof(pend_block)) : 0);
}

static inline void pend_resize(pending *p, pend_block *b, uint32_t room) {
    p->held -= b->room ? rl_good_size(b->room * p->width) : 0;
    b->items = b->room ? rl_slot_resize(b->items, b->room * p->width, room * p->width) : rl_slot_alloc(room * p->width);
    b->room = room;
    p->held += rl_good_size(room * p->width);
}

static inline void pend_begin(pending *p, size_t width) {
    memset(p, 0, sizeof *p);
    p->width = width;
}

static inline void pend_drop(pending *p) {
    size_t i, width = p->width;
    for (i = 0; i < p->count; i++) rl_slot_free(pend_block_at(p, i)->items, pend_block_at(p, i)->room * width);
    if (p->room) rl_slot_free(p->blocks, p->room * sizeof(pend_block));
    pend_begin(p, width);
}

/* The first item at or behind an id; 0 where there is none. */
static inline int pend_seek(const pending *p, pend_id id, pend_place *at) {
    size_t low = 0, high = p->count;
    uint32_t from = 0, to;
    const pend_block *b;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (pend_order(pend_block_at(p, middle)->first, id) > 0) high = middle;
        else low = middle + 1;
    }
    at->block = low ? low - 1 : 0;
    at->at = 0;
    if (p->count == 0) return 0;
    b = pend_block_at(p, at->block);
    to = b->count;
    if (low) /* else all are behind it */
        while (from < to) {
            uint32_t middle = (from + to) / 2;
            if (pend_order(pend_id_of(b->items + middle * p->width), id) < 0) from = middle + 1;
            else to = middle;
        }
    at->at = from;
    if (from < b->count) return 1;
    if (at->block + 1 < p->count) {
        at->block++;
        at->at = 0;
        return 1;
    }
    return 0;
}

static inline char *pend_find(const pending *p, pend_id id, pend_place *at) {
    char *item;
    if (!pend_seek(p, id, at)) return NULL;
    item = pend_item(p, *at);
    return pend_order(pend_id_of(item), id) == 0 ? item : NULL;
}

/* The last item; there is one. */
static inline char *pend_last(const pending *p) {
    pend_place at = {p->count - 1, pend_block_at(p, p->count - 1)->count - 1};
    return pend_item(p, at);
}

/* The next place; 0 at the end. */
static inline int pend_next(const pending *p, pend_place *at) {
    if (++at->at < pend_block_at(p, at->block)->count) return 1;
    at->at = 0;
    return ++at->block < p->count;
}

/* A block without items at a place of the array. */
static inline pend_block *pend_insert_block(pending *p, size_t i) {
    pend_block *b;
    if (p->begin + p->count == p->room) {
        if (p->begin > p->room / 2) {
            memmove(p->blocks, p->blocks + p->begin, p->count * sizeof *b);
            p->begin = 0;
        } else {
            size_t room = p->room + p->room / 2 + 1;
            p->blocks = p->room ? rl_slot_resize(p->blocks, p->room * sizeof *b, room * sizeof *b)
                                : rl_slot_alloc(room * sizeof *b);
            p->room = room;
        }
    }
    b = pend_block_at(p, i);
    memmove(b + 1, b, (p->count - i) * sizeof *b);
    memset(b, 0, sizeof *b);
    p->count++;
    return b;
}

static inline void pend_remove_block(pending *p, size_t i) {
    pend_block *b = pend_block_at(p, i);
    p->held -= rl_good_size(b->room * p->width);
    rl_slot_free(b->items, b->room * p->width);
    if (i == 0) p->begin++;
    else memmove(b, b + 1, (p->count - i - 1) * sizeof *b);
    if (--p->count == 0) {
        rl_slot_free(p->blocks, p->room * sizeof *b);
        pend_begin(p, p->width);
    }
}

/* An item for an id that has none; what stands behind the id is for the caller to write.  All places are over with. */
static inline char *pend_add(pending *p, pend_id id) {
    pend_place at;
    pend_block *b;
    char *item;
    if (!pend_seek(p, id, &at)) {
        at.block = p->count ? p->count - 1 : 0;
        if (p->count == 0 || pend_block_at(p, at.block)->count == PEND_MOST) {
            at.block = p->count;
            pend_insert_block(p, at.block)->first = id;
        }
        at.at = pend_block_at(p, at.block)->count;
    } else if (at.at == 0 && at.block && pend_order(pend_block_at(p, at.block)->first, id) > 0) {
        /* between two blocks: at the end of the one before */
        at.block--;
        at.at = pend_block_at(p, at.block)->count;
    }
    b = pend_block_at(p, at.block);
    if (b->count == PEND_MOST) { /* in two */
        pend_block *next = pend_insert_block(p, at.block + 1);
        uint32_t left = PEND_MOST / 2;
        b = pend_block_at(p, at.block);
        pend_resize(p, next, PEND_MOST);
        next->count = PEND_MOST - left;
        memcpy(next->items, b->items + left * p->width, next->count * p->width);
        next->first = pend_id_of(next->items);
        b->count = left;
        if (at.at > left) {
            at.block++;
            at.at -= left;
            b = next;
        }
    }
    if (b->count == b->room) pend_resize(p, b, b->room ? (b->room < PEND_MOST / 2 ? 2 * b->room : PEND_MOST) : PEND_FIRST);
    item = b->items + at.at * p->width;
    memmove(item + p->width, item, (b->count - at.at) * p->width);
    memcpy(item, &id, sizeof id);
    if (at.at == 0) b->first = id;
    b->count++;
    p->live++;
    return item;
}

/* Move the items of the next block behind those of a block, if they fit with some room to spare. */
static inline int pend_merge(pending *p, size_t i) {
    pend_block *b, *next;
    if (i + 1 >= p->count) return 0;
    b = pend_block_at(p, i);
    next = b + 1;
    if (b->count + next->count > PEND_MOST - PEND_FEW / 2) return 0;
    if (b->room < PEND_MOST) pend_resize(p, b, PEND_MOST);
    memcpy(b->items + b->count * p->width, next->items, next->count * p->width);
    b->count += next->count;
    pend_remove_block(p, i + 1);
    return 1;
}

/* Take out the item at a place.  All places are over with. */
static inline void pend_remove(pending *p, pend_place at) {
    pend_block *b = pend_block_at(p, at.block);
    char *item = b->items + at.at * p->width;
    memmove(item, item + p->width, (b->count - at.at - 1) * p->width);
    b->count--;
    p->live--;
    if (b->count == 0) pend_remove_block(p, at.block);
    else if (b->count < PEND_FEW && at.block + 1 < p->count && !pend_merge(p, at.block) && at.block) pend_merge(p, at.block - 1);
}

static inline void pend_copy(pending *to, const pending *from) {
    size_t i;
    pend_begin(to, from->width);
    for (i = 0; i < from->count; i++) {
        const pend_block *b = pend_block_at(from, i);
        pend_block *mine = pend_insert_block(to, i);
        mine->first = b->first;
        pend_resize(to, mine, b->room);
        mine->count = b->count;
        memcpy(mine->items, b->items, b->count * from->width);
    }
    to->live = from->live;
}

/* Every invariant. */
static inline int pend_check(const pending *p) {
    size_t i, live = 0, held = 0;
    pend_id last = {0, 0};
    int any = 0;
    if (p->begin + p->count > p->room) return 0;
    for (i = 0; i < p->count; i++) {
        const pend_block *b = pend_block_at(p, i);
        uint32_t k;
        if (b->count == 0 || b->count > b->room || b->room > PEND_MOST) return 0;
        if (any && pend_order(b->first, last) <= 0) return 0;
        for (k = 0; k < b->count; k++) {
            pend_id id = pend_id_of(b->items + k * p->width);
            if (k == 0 ? pend_order(id, b->first) < 0 : pend_order(id, last) <= 0) return 0;
            last = id;
            any = 1;
        }
        live += b->count;
        held += rl_good_size(b->room * p->width);
    }
    return live == p->live && held == p->held && (p->count > 0 || p->room == 0);
}

#endif
