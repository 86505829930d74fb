/* A quicklist: a list too long for one listpack, as a chain of nodes that each hold one.
 *
 * Must live here: nodes, and changes of the chain.  Must not: when a list is one listpack alone (quicklist.pxi), Python.
 *
 * A node is one allocation: its neighbours, its sizes, then a listpack somewhere in its room.  An element too large for a
 * node that is shared has one alone, `plain`: its bytes without a listpack.  No node is empty.
 *
 *     before, after  gap  room  plain, count  size  | gap bytes | listpack, size bytes | what is left of room |
 *
 * Why a chain and not an array of nodes: it grows by a node at a time, whatever its length, where an array of a hundred
 * million elements' nodes would have to be moved.  Reaching the middle means to pass half of the nodes, each of which says
 * how many elements it has.  Why not one allocation an element: a node of 8 KiB has 1,600 short ones, at two bytes each.
 *
 * Why a gap: a push or pop at the left of a listpack moves all that is behind it, four KiB each time in the mean.  Here
 * the six bytes in front move instead, and the gap shrinks or grows.  Room grows by an eighth, on the side that is pushed
 * to, and a node that is no longer at an end gives back what it does not use.
 *
 * Which elements share a node is Redis's, step by step, because OBJECT ENCODING shows it: see redlark.server.plain.list.
 */
#ifndef REDLARK_QUICKLIST_H
#define REDLARK_QUICKLIST_H

#include "listpack.h"

typedef struct ql_node {
    struct ql_node *before, *after;
    uint32_t gap;
    uint32_t room;
    uint32_t plain : 1, count : 31;
    uint32_t size;
    char data[];
} ql_node;

typedef struct {
    ql_node *first, *last;
    uint64_t count;         /* of elements */
    uint64_t nodes;
    size_t memory;          /* of the nodes */
    int64_t limit;          /* that the nodes keep to: list-max-listpack-size when the first of them was made */
} quicklist;

enum {
    QL_SAFE = 8192,         /* bytes that a node counted in elements may have */
    QL_ESTIMATE = 8,        /* bytes that an element is taken to need beside its own */
    QL_MALLOC = 8,          /* bytes that malloc needs for a chunk */
    QL_MANY = 256,          /* nodes that are not freed at once (later.pxi) */
    QL_MOST = 1 << 26,      /* bytes that may wait when more come: a script may let go of lists without end */
};

/* -------------------------------------------------------------------------------------------------------------- limits */

/* Bytes that a node may have, where the limit is a class: -1, -2 ... */
static inline size_t ql_class(int64_t limit) { return (size_t)4096 << ((limit < -5 ? 5 : -limit) - 1); }

static inline int ql_exceeds(int64_t limit, size_t size, size_t count) {
    if (limit < 0) return size > ql_class(limit);
    return size > QL_SAFE || count > (size_t)(limit ? limit : 1);
}

static inline int ql_is_large(const quicklist *q, size_t n) { return n > (q->limit < 0 ? ql_class(q->limit) : QL_SAFE); }

static inline int ql_accepts(const quicklist *q, const ql_node *node, size_t n) {
    return !node->plain && !ql_is_large(q, n) && !ql_exceeds(q->limit, node->size + n + QL_ESTIMATE, node->count + 1);
}

/* --------------------------------------------------------------------------------------------------------------- nodes */

static inline char *ql_lp(const ql_node *node) { return (char *)node->data + node->gap; }
static inline char *ql_head(const ql_node *node) { return ql_lp(node) + LP_HEAD; }     /* its first element */
static inline char *ql_tail(const ql_node *node) { return ql_lp(node) + node->size - 1; }   /* its end mark */

static inline size_t ql_cost(size_t room) {
    size_t n = sizeof(ql_node) + room;
    return n <= RL_LARGEST_SLOT ? rl_good_size(n) : n + QL_MALLOC;
}

/* What the allocator gives for so much and an eighth of it. */
static inline size_t ql_ample(size_t n) { return rl_good_size(sizeof(ql_node) + n + n / 8) - sizeof(ql_node); }

static inline ql_node *ql_node_new(quicklist *q, size_t room) {
    ql_node *node;
    if (sizeof(ql_node) + room <= RL_LARGEST_SLOT) {
        room = rl_good_size(sizeof(ql_node) + room) - sizeof(ql_node);
        node = rl_slot_alloc(sizeof(ql_node) + room);
    } else node = rl_alloc(sizeof(ql_node) + room);
    memset(node, 0, sizeof(ql_node));
    node->room = (uint32_t)room;
    q->memory += ql_cost(room);
    return node;
}

/* Put a node in front of another one, NULL: at the end. */
static inline void ql_link(quicklist *q, ql_node *node, ql_node *after) {
    ql_node *before = after ? after->before : q->last;
    node->before = before;
    node->after = after;
    if (before) before->after = node; else q->first = node;
    if (after) after->before = node; else q->last = node;
    q->nodes++;
}

static inline void ql_unlink(quicklist *q, ql_node *node) {
    if (node->before) node->before->after = node->after; else q->first = node->after;
    if (node->after) node->after->before = node->before; else q->last = node->before;
    q->nodes--;
    q->memory -= ql_cost(node->room);
}

static inline void ql_drop(quicklist *q, ql_node *node) {
    ql_unlink(q, node);
    rl_slot_free(node, sizeof(ql_node) + node->room);
}

/* Another room, of at least gap + size; the node moves. */
static ql_node *ql_resize(quicklist *q, ql_node *node, size_t room) {
    size_t before = sizeof(ql_node) + node->room, after = sizeof(ql_node) + room;
    q->memory -= ql_cost(node->room);
    if (before > RL_LARGEST_SLOT && after > RL_LARGEST_SLOT) node = rl_resize(node, after);
    else {
        ql_node *moved = rl_slot_alloc(after);
        memcpy(moved, node, sizeof(ql_node) + node->gap + node->size);
        rl_slot_free(node, before);
        node = moved;
    }
    node->room = (uint32_t)room;
    q->memory += ql_cost(room);
    if (node->before) node->before->after = node; else q->first = node;
    if (node->after) node->after->before = node; else q->last = node;
    return node;
}

/* Give back what the node does not use. */
static ql_node *ql_fit(quicklist *q, ql_node *node) {
    size_t room = node->size;
    if (sizeof(ql_node) + room <= RL_LARGEST_SLOT) room = rl_good_size(sizeof(ql_node) + room) - sizeof(ql_node);
    if (node->room < room + 16) return node;
    if (node->gap) memmove(node->data, ql_lp(node), node->size);
    node->gap = 0;
    return ql_resize(q, node, room);
}

/* A node, not yet linked, of elements of a listpack that stand in a row. */
static ql_node *ql_of(quicklist *q, const char *from, const char *to, size_t count) {
    size_t size = (size_t)(to - from) + LP_ENDS;
    ql_node *node = ql_node_new(q, size);
    node->size = (uint32_t)size;
    node->count = (uint32_t)count;
    memcpy(node->data + LP_HEAD, from, size - LP_ENDS);
    lp_set_ends(node->data, size, count);
    return node;
}

static ql_node *ql_plain(quicklist *q, const char *p, size_t n) {
    ql_node *node = ql_node_new(q, n);
    node->size = (uint32_t)n;
    node->count = 1;
    node->plain = 1;
    memcpy(node->data, p, n);
    return node;
}

/* A node, not yet linked, of one element. */
static ql_node *ql_alone(quicklist *q, const char *p, size_t n) {
    ql_node *node;
    lp_item item;
    if (ql_is_large(q, n)) return ql_plain(q, p, n);
    lp_prepare(&item, p, n);
    node = ql_node_new(q, ql_ample(item.size + LP_ENDS));
    node->size = (uint32_t)(item.size + LP_ENDS);
    node->count = 1;
    lp_write(node->data + LP_HEAD, &item);
    lp_set_ends(node->data, node->size, 1);
    return node;
}

/* Let `after` bytes stand at an offset of the listpack in the stead of `before`, which is for the caller to fill.  What is
 * shorter moves, the part in front into the gap or the part behind; returns the node, where it now is. */
static ql_node *ql_give(quicklist *q, ql_node *node, size_t offset, size_t before, size_t after, int64_t more) {
    size_t behind = node->size - offset - before, size = node->size - before + after;
    size_t need = after > before ? after - before : 0, spare = before > after ? before - after : 0;
    int front = offset < behind && node->gap >= need;
    char *lp;
    if (!front && node->gap + size > node->room) {
        size_t room = ql_ample(size);
        if (room > node->room) node = ql_resize(q, node, room);
        room = offset == LP_HEAD ? node->room - node->size : 0;     /* pushed to from the left: there it has room */
        memmove(node->data + room, ql_lp(node), node->size);
        node->gap = (uint32_t)room;
        front = offset == LP_HEAD;
    }
    lp = ql_lp(node);
    if (front) {
        memmove(lp + spare - need, lp, offset);
        node->gap = (uint32_t)(node->gap + spare - need);
    } else memmove(lp + offset + after, lp + offset + before, behind);
    node->size = (uint32_t)size;
    node->count = (uint32_t)(node->count + more);
    lp_set_ends(ql_lp(node), size, node->count);
    return node->count && node->room > 64 && size < node->room / 2 ? ql_fit(q, node) : node;
}

static inline ql_node *ql_put(quicklist *q, ql_node *node, size_t offset, const lp_item *item) {
    node = ql_give(q, node, offset, 0, item->size, 1);
    lp_write(ql_lp(node) + offset, item);
    return node;
}

/* Take out `count` elements from one place up to another; an empty node goes, and NULL is returned. */
static inline ql_node *ql_cut(quicklist *q, ql_node *node, const char *from, const char *to, size_t count) {
    if (count == node->count) { ql_drop(q, node); return NULL; }
    return ql_give(q, node, (size_t)(from - ql_lp(node)), (size_t)(to - from), 0, -(int64_t)count);
}

static inline int ql_is(const ql_node *node, const char *p, size_t n) {
    return node->size == n && memcmp(node->data, p, n) == 0;
}

/* ------------------------------------------------------------------------------------------------------------ the chain */

static quicklist *ql_new(int64_t limit) {
    quicklist *q = rl_slot_alloc(sizeof(quicklist));
    memset(q, 0, sizeof(quicklist));
    q->limit = limit;
    return q;
}

/* Nodes that belong to no list any more, one behind another, and their bytes; and of how many lists that have gone. */
static ql_node *ql_doomed;
static size_t ql_doomed_bytes, ql_doomed_lists;

/* A row of nodes of so many bytes, of which the last one is given as well, waits. */
static void ql_doom(ql_node *first, ql_node *last, size_t bytes) {
    last->after = ql_doomed;
    ql_doomed = first;
    ql_doomed_bytes += bytes;
}

/* Free so many of them. */
static void ql_free_some(size_t count) {
    ql_node *node = ql_doomed, *next;
    for (; node && count; node = next, count--) {
        next = node->after;
        ql_doomed_bytes -= ql_cost(node->room);
        rl_slot_free(node, sizeof(ql_node) + node->room);
    }
    ql_doomed = node;
}

static void ql_free(quicklist *q) {
    size_t before = ql_doomed_bytes;
    if (q->first) ql_doom(q->first, q->last, q->memory);
    if (q->nodes >= QL_MANY && before < QL_MOST) ql_doomed_lists++;
    else ql_free_some(q->nodes);        /* these, which have come to the front */
    rl_slot_free(q, sizeof(quicklist));
}

static quicklist *ql_copy(const quicklist *q) {
    quicklist *other = ql_new(q->limit);
    const ql_node *node = q->first;
    for (; node; node = node->after)
        ql_link(other, node->plain ? ql_plain(other, node->data, node->size)
                                   : ql_of(other, ql_head(node), ql_tail(node), node->count), NULL);
    other->count = q->count;
    return other;
}

static void ql_push(quicklist *q, const char *p, size_t n, int left) {
    ql_node *end = left ? q->first : q->last;
    lp_item item;
    if (end && ql_accepts(q, end, n)) {
        lp_prepare(&item, p, n);
        ql_put(q, end, left ? LP_HEAD : end->size - 1, &item);
    } else {
        ql_link(q, ql_alone(q, p, n), left ? end : NULL);
        if (end) ql_fit(q, end);
    }
    q->count++;
}

/* Take that many from an end without looking at them. */
static void ql_shed(quicklist *q, uint64_t count, int left) {
    ql_node *node;
    char *at;
    size_t n;
    int many = count > q->count / 2 && q->nodes >= QL_MANY;
    q->count -= count;
    while (count && (node = left ? q->first : q->last)) {
        if (node->count <= count) {
            count -= node->count;
            if (many && ql_doomed_bytes < QL_MOST) {
                ql_unlink(q, node);
                ql_doom(node, node, ql_cost(node->room));
            } else ql_drop(q, node);
            continue;
        }
        if (left) ql_cut(q, node, ql_head(node), lp_skip(ql_head(node), count), count);
        else {
            for (at = ql_tail(node), n = count; n; n--) at = lp_before(at);
            ql_cut(q, node, at, ql_tail(node), count);
        }
        return;
    }
}

/* The node that has a place, from the nearer end; *place becomes the place in it. */
static inline ql_node *ql_node_at(const quicklist *q, uint64_t *place) {
    ql_node *node;
    uint64_t left;
    if (*place * 2 <= q->count) {
        for (node = q->first; *place >= node->count; node = node->after) *place -= node->count;
        return node;
    }
    left = q->count - *place;
    for (node = q->last; left > node->count; node = node->before) left -= node->count;
    *place = node->count - left;
    return node;
}

/* The element at a place of a node that is not plain, from the nearer end. */
static inline char *ql_at(const ql_node *node, size_t place) {
    char *at;
    size_t left = node->count - place;
    if (place <= left) return lp_skip(ql_head(node), place);
    for (at = ql_tail(node); left; left--) at = lp_before(at);
    return at;
}

/* Merge a node with the next one, if both are there and may; the one that is left, or NULL. */
static ql_node *ql_merge(quicklist *q, ql_node *one, ql_node *other) {
    size_t size;
    if (!one || !other || one->plain || other->plain) return NULL;
    size = one->size + other->size - LP_ENDS;
    if (ql_exceeds(q->limit, size, one->count + other->count)) return NULL;
    size = one->size - 1;
    one = ql_give(q, one, size, 0, other->size - LP_ENDS, other->count);
    memcpy(ql_lp(one) + size, ql_head(other), other->size - LP_ENDS);
    ql_drop(q, other);
    return one;
}

/* Merge the nodes on either side of one, then that one with them, where two fit into one. */
static void ql_merge_around(quicklist *q, ql_node *center) {
    ql_node *merged;
    if (center->before) ql_merge(q, center->before->before, center->before);
    if (center->after) ql_merge(q, center->after, center->after->after);
    merged = ql_merge(q, center->before, center);
    if (merged) center = merged;
    ql_merge(q, center, center->after);
}

/* What stands behind a place of a node (or, not after, before it) becomes a node; that one.  Neither part is empty. */
static ql_node *ql_split(quicklist *q, ql_node **node, size_t place, int after) {
    size_t count = after ? (*node)->count - place - 1 : place;
    char *at = ql_at(*node, after ? place + 1 : place);
    char *from = after ? at : ql_head(*node), *to = after ? ql_tail(*node) : at;
    ql_node *fresh = ql_of(q, from, to, count);
    *node = ql_cut(q, *node, from, to, count);
    ql_link(q, fresh, after ? (*node)->after : *node);
    return fresh;
}

/* Put an element beside the one at a place of a node. */
static void ql_insert(quicklist *q, ql_node *node, size_t place, const char *p, size_t n, int after) {
    ql_node *beside = after ? node->after : node->before, *fresh;
    int at_edge = place == (after ? node->count - 1u : 0u);
    lp_item item;
    q->count++;
    lp_prepare(&item, p, n);
    if (ql_is_large(q, n)) {
        if (!at_edge) ql_split(q, &node, place, after);
        ql_link(q, ql_alone(q, p, n), after ? node->after : node);
    } else if (ql_accepts(q, node, n)) {
        ql_put(q, node, (size_t)(ql_at(node, place + (after ? 1 : 0)) - ql_lp(node)), &item);
    } else if (at_edge && beside && ql_accepts(q, beside, n)) {
        ql_put(q, beside, after ? LP_HEAD : beside->size - 1, &item);
    } else if (at_edge) {
        ql_link(q, ql_alone(q, p, n), after ? node->after : node);
    } else {
        fresh = ql_split(q, &node, place, after);
        ql_put(q, fresh, after ? LP_HEAD : fresh->size - 1, &item);
        ql_merge_around(q, node);
    }
}

/* Put an element in the place of the one at a place of a node. */
static void ql_set(quicklist *q, ql_node *node, size_t place, const char *p, size_t n) {
    ql_node *fresh;
    lp_item item;
    char *at, *behind;
    size_t rest;
    if (node->plain) {      /* what is shorter may join the node behind */
        ql_insert(q, node, 0, p, n, 1);
        q->count--;
        ql_drop(q, node);
        return;
    }
    at = ql_at(node, place);
    behind = at + lp_whole_n(at);
    if (!ql_is_large(q, n)) {
        lp_prepare(&item, p, n);
        rest = (size_t)(at - ql_lp(node));
        node = ql_give(q, node, rest, (size_t)(behind - at), item.size, 0);
        lp_write(ql_lp(node) + rest, &item);
        return;
    }
    fresh = ql_alone(q, p, n);
    ql_link(q, fresh, node->after);
    rest = node->count - place - 1;
    if (rest) ql_link(q, ql_of(q, behind, ql_tail(node), rest), fresh->after);
    if (ql_cut(q, node, at, ql_tail(node), rest + 1)) ql_merge_around(q, fresh);
}

/* Take out at most so many of an element from a node, the last ones if from_end; how many went.  One pass, in which what
 * stays moves together. */
static size_t ql_remove(quicklist *q, ql_node *node, const char *p, size_t n, const lp_item *item, uint64_t most,
                        int from_end) {
    size_t found = 0, skip, gone = 0, size;
    char *at, *to, *next, *end;
    if (node->plain) {
        if (!ql_is(node, p, n)) return 0;
        ql_drop(q, node);
        return 1;
    }
    end = ql_tail(node);
    for (at = ql_head(node); at < end; at += lp_whole_n(at)) found += (size_t)lp_is(at, item);
    if (!found) return 0;
    if (found > most) { skip = from_end ? found - most : 0; found = most; } else skip = 0;
    if (found == node->count) { ql_drop(q, node); return found; }
    for (at = to = ql_head(node); at < end; at = next) {
        next = at + lp_whole_n(at);
        if (gone < found && lp_is(at, item)) {
            if (!skip) { gone++; continue; }
            skip--;
        }
        if (to != at) memmove(to, at, (size_t)(next - at));
        to += next - at;
    }
    size = (size_t)(to - ql_lp(node));
    ql_give(q, node, size, (size_t)(end - to), 0, -(int64_t)found);
    return found;
}

/* ----------------------------------------------------------------------------------------------------------- invariants */

static int ql_check(const quicklist *q) {
    const ql_node *node = q->first, *before = NULL;
    uint64_t count = 0, nodes = 0;
    size_t memory = 0;
    for (; node; before = node, node = node->after, nodes++) {
        if (node->before != before || (size_t)node->gap + node->size > node->room || !node->count) return 0;
        if (node->plain ? node->count != 1 || node->gap : !lp_check(ql_lp(node), node->size)) return 0;
        if (!node->plain && lp_count(ql_lp(node)) != node->count) return 0;
        count += node->count;
        memory += ql_cost(node->room);
    }
    return q->last == before && q->count == count && q->nodes == nodes && q->memory == memory;
}
#endif
